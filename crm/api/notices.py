"""/api/v1/notices: what the one who asks was told of"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from crm import notices
from crm.api.fields import InstantField
from crm.api.filters import Choices, Flag, ListFilters
from crm.api.schema import COUNT, record
from crm.api.views import ReadMixin, ResourceViewSet, UpdateMixin
from crm.models import Notice, NoticeKind
from crm.notice_words import line

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request


class NoticeSerializer(serializers.ModelSerializer[Notice]):
    """One thing its reader was told, in the reader's language; `path` is where it leads. `read` ticks it off."""

    text = serializers.SerializerMethodField()
    path = serializers.SerializerMethodField()
    read = serializers.BooleanField(required=False, write_only=True)
    created_at = InstantField(read_only=True)
    read_at = InstantField(read_only=True, allow_null=True)

    class Meta:
        model = Notice
        fields = ["id", "kind", "event", "text", "lead", "path", "read", "created_at", "read_at"]
        read_only_fields = ["kind", "event", "lead"]
        extra_kwargs = {"lead": {"allow_null": True}}

    def get_text(self, notice: Notice) -> str:
        return line(notice).text

    def get_path(self, notice: Notice) -> str:
        return line(notice).url

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        read = attrs.pop("read", None)
        if read is not None:
            was = getattr(self.instance, "read_at", None)
            attrs["read_at"] = (was or timezone.now()) if read else None
        return attrs


class NoticeFilters(ListFilters):
    kind = Choices(NoticeKind.values)
    unread = Flag(method="not_ticked_off")

    def not_ticked_off(self, queryset: QuerySet[Notice], name: str, unread: bool) -> QuerySet[Notice]:
        return queryset.filter(read_at__isnull=unread)


class NoticeViewSet(ReadMixin, UpdateMixin, ResourceViewSet):
    """One's own notices, newest first. Filters: kind, unread."""

    queryset = Notice.objects.select_related("lead")
    serializer_class = NoticeSerializer
    filterset_class = NoticeFilters
    ordering_fields = ["id", "created_at"]
    ordering = ["-created_at"]

    def get_queryset(self) -> QuerySet[Notice]:
        return notices.told_to(self.person).select_related("lead")

    def perform_update(self, serializer: serializers.BaseSerializer[Notice]) -> None:
        serializer.save()
        notices.tell_again(self.person)

    @extend_schema(request=None, responses={200: record(read=COUNT)})
    @action(detail=False, methods=["post"], url_path="read")
    def read_all(self, request: Request) -> Response:
        """Tick all of them off."""
        count = notices.unread(self.person).update(read_at=timezone.now())
        notices.tell_again(self.person)
        return Response({"read": count})
