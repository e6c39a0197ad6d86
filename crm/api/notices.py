"""/api/v1/notices: what the one who asks was told of, and what they want to hear of"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from crm import notices
from crm.api.fields import ChoiceField, InstantField, SeenLeadField
from crm.api.filters import Choices, Flag, ListFilters
from crm.api.preconditions import conditional, etag_of, require_match
from crm.api.schema import COUNT, IF_MATCH, IF_NONE_MATCH, record
from crm.api.views import ApiView, ReadMixin, ResourceViewSet, UpdateMixin
from crm.models import Agent, Channel, Lead, Notice, NoticeKind, NoticeWishes
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


class ReadSerializer(serializers.Serializer[Any]):
    """Which ones to tick off; without `lead` all of them."""

    lead = SeenLeadField(queryset=Lead.objects.all(), required=False, allow_null=True)


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

    @extend_schema(request=ReadSerializer, responses={200: record(read=COUNT)})
    @action(detail=False, methods=["post"], url_path="read")
    def read_all(self, request: Request) -> Response:
        """Tick all of them off, or with `lead` those about one lead; null means about none."""
        serializer = ReadSerializer(data=request.data, context={"request": request})
        serializer.is_valid(raise_exception=True)
        count = notices.unread(self.person).filter(**serializer.validated_data).update(read_at=timezone.now())
        notices.tell_again(self.person)
        return Response({"read": count})


@extend_schema_field({"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$"})
class ClockField(serializers.TimeField):
    """A time on the person's own clock, "HH:MM"."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(format="%H:%M", input_formats=["%H:%M"], **kwargs)


class WishesSerializer(serializers.ModelSerializer[NoticeWishes]):
    """What one wants to hear of and where, by kind: page, browser, email; and from when to when only the page."""

    channels = serializers.DictField(
        child=serializers.ListField(child=ChoiceField(Channel.choices), max_length=len(Channel)), required=False
    )
    quiet_from = ClockField(allow_null=True, required=False)
    quiet_until = ClockField(allow_null=True, required=False)
    sound = serializers.BooleanField(required=False)

    class Meta:
        model = NoticeWishes
        fields = ["channels", "quiet_from", "quiet_until", "sound"]

    def validate_channels(self, value: dict[str, list[str]]) -> dict[str, list[str]]:
        """Refuse unknown kinds; those that are not named stay as they are."""
        unknown = sorted(set(value) - set(NoticeKind.values))
        if unknown:
            raise serializers.ValidationError(f"There is no kind {unknown[0][:50]}.", "unknown_kind")
        kept = self.instance.channels if self.instance else {}
        return kept | {kind: sorted(set(wanted)) for kind, wanted in value.items()}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        ends = [attrs.get(name, getattr(self.instance, name, None)) for name in ("quiet_from", "quiet_until")]
        if (ends[0] is None) != (ends[1] is None):
            raise serializers.ValidationError({"quiet_until": ["Give both ends of the quiet hours, or neither."]})
        return attrs

    def to_representation(self, instance: NoticeWishes) -> dict[str, Any]:
        shown = super().to_representation(instance)
        told = {kind: [c.value for c in Channel if instance.wants(kind, c)] for kind in NoticeKind.values}
        return shown | {"channels": told}


class WishesView(ApiView):
    """GET what one wants to be told and where; PATCH changes what is given."""

    @extend_schema(responses=WishesSerializer, parameters=[IF_NONE_MATCH])
    def get(self, request: Request) -> Response:
        data = WishesSerializer(self._kept()).data
        return conditional(request, Response(data), etag_of(data))

    @extend_schema(request=WishesSerializer(partial=True), responses=WishesSerializer, parameters=[IF_MATCH])
    def patch(self, request: Request) -> Response:
        with transaction.atomic():
            # One at a time: there may be no row yet that could be locked.
            Agent.objects.select_for_update(no_key=True).get(pk=self.person.pk)
            kept = self._kept()
            require_match(request, etag_of(WishesSerializer(kept).data))
            serializer = WishesSerializer(kept, data=request.data, partial=True)
            serializer.is_valid(raise_exception=True)
            serializer.save()
            return Response(serializer.data, headers={"ETag": etag_of(serializer.data)})

    def _kept(self) -> NoticeWishes:
        return NoticeWishes.objects.filter(person=self.person).first() or NoticeWishes(person=self.person)
