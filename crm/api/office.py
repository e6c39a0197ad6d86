"""/api/v1/settings: the office's booking rules, hours, colour and retention"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.response import Response

from crm.api.fields import WholeField
from crm.api.permissions import ManagersWrite
from crm.api.preconditions import conditional, etag_of, require_match
from crm.api.schema import COUNT, IF_MATCH, IF_NONE_MATCH, record, several
from crm.api.views import ApiView
from crm.models import OfficeSettings
from crm.models.office import HEX_COLOR, STEPS
from crm.office_hours import Stretch, give_hours
from crm.retention import LEAST_DAYS

if TYPE_CHECKING:
    from rest_framework.request import Request

DAYS_A_WEEK = 7
LONGEST_KEPT_DAYS = 3650
# Smallest and largest value of each rule; listings may override some.
RULE_LIMITS = {
    "viewing_minutes": (1, 720),
    "buffer_before_minutes": (0, 720),
    "buffer_after_minutes": (0, 720),
    "minimum_notice_minutes": (0, 525_600),
    "horizon_days": (1, 730),
    "daily_cap": (1, 1000),
    "hold_seconds": (1, 86_400),
}


def _rule(name: str, **kwargs: Any) -> WholeField:
    smallest, largest = RULE_LIMITS[name]
    return WholeField(min_value=smallest, max_value=largest, required=False, **kwargs)


@extend_schema_field({"type": "integer", "enum": list(STEPS)})
class StepField(WholeField):
    """A step that comes round to the same minutes every hour."""

    default_error_messages = {"step": f"Choose from {', '.join(map(str, STEPS))}."}

    def to_internal_value(self, data: Any) -> int:
        step = super().to_internal_value(data)
        if step not in STEPS:
            self.fail("step")
        return step


def _kept_days() -> WholeField:
    return WholeField(min_value=LEAST_DAYS, max_value=LONGEST_KEPT_DAYS, allow_null=True, required=False)


_CLOCK = {"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$"}


@extend_schema_field(several(record(weekday={"type": "integer", "minimum": 0, "maximum": 6}, start=_CLOCK, end=_CLOCK)))
class OfficeHoursField(serializers.Field):
    """The office's usual week, at most one stretch a day (0 is Monday)."""

    default_error_messages = {"invalid": 'Write each day once, as weekday (0 to 6), start "09:00" and end "17:00".'}

    def to_internal_value(self, data: Any) -> list[Stretch]:
        if not isinstance(data, list) or len(data) > DAYS_A_WEEK:
            self.fail("invalid")
        week = {row["weekday"]: row for row in map(self._stretch, data)}
        if len(week) != len(data):
            self.fail("invalid")
        return [week[day] for day in sorted(week)]

    def _stretch(self, row: Any) -> Stretch:
        if not isinstance(row, dict) or set(row) != {"weekday", "start", "end"}:
            self.fail("invalid")
        day, start, end = row["weekday"], row["start"], row["end"]
        is_day = isinstance(day, int) and not isinstance(day, bool) and 0 <= day < DAYS_A_WEEK
        if not (is_day and all(isinstance(at, str) and re.fullmatch(_CLOCK["pattern"], at) for at in (start, end))):
            self.fail("invalid")
        if end <= start:
            self.fail("invalid")
        return Stretch(weekday=day, start=start, end=end)

    def to_representation(self, value: list[Stretch]) -> list[Stretch]:
        return value


class SettingsSerializer(serializers.ModelSerializer[OfficeSettings]):
    """The booking rules, the office's hours, colour and how many days data is kept (null: for ever).

    The zone is set in the environment.
    """

    viewing_minutes = _rule("viewing_minutes")
    slot_step_minutes = StepField(required=False)
    buffer_before_minutes = _rule("buffer_before_minutes")
    buffer_after_minutes = _rule("buffer_after_minutes")
    minimum_notice_minutes = _rule("minimum_notice_minutes")
    horizon_days = _rule("horizon_days")
    daily_cap = _rule("daily_cap", allow_null=True)
    hold_seconds = _rule("hold_seconds")
    default_hours = OfficeHoursField(required=False)
    brand_color = serializers.RegexField(HEX_COLOR, allow_blank=True, required=False)
    keep_recordings_days = _kept_days()
    keep_transcripts_days = _kept_days()
    keep_events_days = _kept_days()
    keep_idle_leads_days = _kept_days()
    timezone = serializers.SerializerMethodField()

    class Meta:
        model = OfficeSettings
        fields = [
            "viewing_minutes",
            "slot_step_minutes",
            "buffer_before_minutes",
            "buffer_after_minutes",
            "minimum_notice_minutes",
            "horizon_days",
            "daily_cap",
            "hold_seconds",
            "default_hours",
            "brand_color",
            "keep_recordings_days",
            "keep_transcripts_days",
            "keep_events_days",
            "keep_idle_leads_days",
            "timezone",
        ]

    @extend_schema_field({"type": "string"})
    def get_timezone(self, instance: OfficeSettings) -> str:
        return settings.TIME_ZONE


class SettingsView(ApiView):
    """One object: GET shows it, PATCH changes what is given."""

    access = [ManagersWrite]

    @extend_schema(responses=SettingsSerializer, parameters=[IF_NONE_MATCH])
    def get(self, request: Request) -> Response:
        data = SettingsSerializer(OfficeSettings.load()).data
        return conditional(request, Response(data), etag_of(data))

    @extend_schema(request=SettingsSerializer(partial=True), responses=SettingsSerializer, parameters=[IF_MATCH])
    def patch(self, request: Request) -> Response:
        with transaction.atomic():
            OfficeSettings.load()
            office = OfficeSettings.objects.select_for_update().get()
            require_match(request, etag_of(SettingsSerializer(office).data))
            serializer = SettingsSerializer(office, data=request.data, partial=True)
            serializer.is_valid(raise_exception=True)
            serializer.save()
            return Response(serializer.data, headers={"ETag": etag_of(serializer.data)})


class GiveHoursView(ApiView):
    """Give the office's hours to everybody bookable who has none of their own."""

    access = [ManagersWrite]

    @extend_schema(request=None, responses={200: record(given=COUNT)})
    def post(self, request: Request) -> Response:
        return Response({"given": len({row.agent_id for row in give_hours()})})
