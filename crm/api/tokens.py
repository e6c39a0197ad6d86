"""/api/v1/tokens: the keys with which programs act for a person"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from crm.api.fields import ChoiceField, InstantField, TextField
from crm.api.filters import Flag, Ids, ListFilters
from crm.api.problems import Problem
from crm.api.views import CreateMixin, DeleteMixin, ReadMixin, ResourceViewSet
from crm.models import ApiToken
from crm.rights import sees_everything
from crm.tokens import issue_token

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request


class TokenSerializer(serializers.ModelSerializer[ApiToken]):
    """A key without its secret; `prefix` is how it begins, so that people can tell theirs apart."""

    name = TextField(max_length=100)
    scopes = serializers.ListField(child=ChoiceField(ApiToken.Scope.choices), min_length=1, max_length=2)
    expires_at = InstantField(allow_null=True, required=False)
    created_at = InstantField(read_only=True)
    last_used_at = InstantField(read_only=True, allow_null=True)
    revoked_at = InstantField(read_only=True, allow_null=True)

    class Meta:
        model = ApiToken
        fields = [
            "id", "agent", "name", "prefix", "scopes", "created_at", "last_used_at", "expires_at", "revoked_at",
        ]  # fmt: skip
        read_only_fields = ["id", "agent", "prefix"]

    def validate_expires_at(self, value: Any) -> Any:
        if value is not None and value <= timezone.now():
            raise serializers.ValidationError("This time has passed.", "past")
        return value


class NewTokenSerializer(TokenSerializer):
    """A new key. `token` is the secret: shown in this answer and never again, null in a repeated one."""

    token = serializers.CharField(read_only=True, allow_null=True)

    class Meta(TokenSerializer.Meta):
        fields = [*TokenSerializer.Meta.fields, "token"]


class TokenFilters(ListFilters):
    agent = Ids()
    revoked = Flag("revoked_at", "isnull", exclude=True)


class TokenViewSet(ReadMixin, CreateMixin, DeleteMixin, ResourceViewSet):
    """One's own tokens, newest first; managers see and revoke everybody's. DELETE revokes; the row stays."""

    queryset = ApiToken.objects.all()
    serializer_class = TokenSerializer
    filterset_class = TokenFilters
    ordering_fields = ["id", "created_at", "name"]
    ordering = ["-id"]
    shown_once = ["token"]
    not_in_etag = ["last_used_at"]

    def get_queryset(self) -> QuerySet[ApiToken]:
        tokens = super().get_queryset()
        return tokens if sees_everything(self.person) else tokens.filter(agent=self.person)

    @extend_schema(responses={201: NewTokenSerializer})
    def create(self, request: Request) -> Response:
        """Make a token for oneself. For people alone: a token that makes tokens could not be taken back."""
        if request.auth is not None:
            raise Problem(403, "session_required", "A token makes no tokens: sign in, under Settings, Programs.")
        serializer = TokenSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        wanted = serializer.validated_data
        token, secret = issue_token(
            agent=self.person, scopes=wanted["scopes"], name=wanted["name"], expires_at=wanted.get("expires_at")
        )
        return Response(NewTokenSerializer(token).data | {"token": secret}, 201)

    def perform_destroy(self, instance: ApiToken) -> None:
        ApiToken.objects.filter(pk=instance.pk, revoked_at=None).update(revoked_at=timezone.now())
