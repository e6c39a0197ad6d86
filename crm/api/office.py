"""/api/v1/settings: the office's booking rules"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.response import Response

from crm.api.fields import WholeField
from crm.api.permissions import ManagersWrite
from crm.api.preconditions import conditional, etag_of, require_match
from crm.api.schema import IF_MATCH, IF_NONE_MATCH
from crm.api.views import ApiView
from crm.models import OfficeSettings
from crm.models.office import STEPS

if TYPE_CHECKING:
    from rest_framework.request import Request

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


class SettingsSerializer(serializers.ModelSerializer[OfficeSettings]):
    """The booking rules, and the office's zone, which is set in the environment."""

    viewing_minutes = _rule("viewing_minutes")
    slot_step_minutes = StepField(required=False)
    buffer_before_minutes = _rule("buffer_before_minutes")
    buffer_after_minutes = _rule("buffer_after_minutes")
    minimum_notice_minutes = _rule("minimum_notice_minutes")
    horizon_days = _rule("horizon_days")
    daily_cap = _rule("daily_cap", allow_null=True)
    hold_seconds = _rule("hold_seconds")
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
