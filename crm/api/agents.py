"""/api/v1/agents and their working hours"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any, cast

from django.db import IntegrityError, transaction
from django.db.models import Q
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied
from rest_framework.response import Response

from crm import calendar_status, languages
from crm.api.fields import ChoiceField, IdField, InstantField, PhoneField, TextField, WholeField
from crm.api.filters import Choices, Flag, Ids, ListFilters, Text, Words
from crm.api.permissions import ManagersWrite, may_manage, require_self_or_manager
from crm.api.preconditions import conditional, etag_of, require_match
from crm.api.problems import Problem
from crm.api.schema import INSTANT, maybe, record
from crm.api.views import CreateMixin, ReadMixin, ResourceViewSet, UpdateMixin
from crm.models import Agent, Role, Team, WorkingHours
from crm.models.staff import validate_timezone
from crm.staffing import OWN_FIELDS, flags_of, refuse_escalation
from crm.working_hours import replace_working_hours

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from django.db.models import QuerySet
    from rest_framework.request import Request

MINUTES_A_DAY = 1440
CALENDAR = record(provider={"type": "string"}, status={"type": "string"}, last_synced_at=maybe(INSTANT))
MOST_STRETCHES = 7 * 24


@extend_schema_field({"type": ["string", "null"], "examples": ["+13125550100"]})
class StaffPhoneField(PhoneField):
    """An agent's number; stored as "" when there is none."""

    def to_internal_value(self, data: Any) -> str:
        return super().to_internal_value(data) or ""


class AgentSerializer(serializers.ModelSerializer[Agent]):
    """A member of staff. `calendar` says where this person's viewings are kept."""

    email = serializers.EmailField(max_length=254)
    full_name = TextField(max_length=150)
    role = ChoiceField(Role.choices, required=False)
    timezone = TextField(max_length=64, validators=[validate_timezone])
    team = IdField(queryset=Team.objects.all(), allow_null=True, required=False)
    phone = StaffPhoneField(required=False)
    language = ChoiceField(languages.choices(), allow_blank=True, required=False)
    is_bookable = serializers.BooleanField(required=False)
    is_active = serializers.BooleanField(required=False)
    calendar = serializers.SerializerMethodField()

    class Meta:
        model = Agent
        fields = [
            "id",
            "email",
            "full_name",
            "role",
            "timezone",
            "team",
            "phone",
            "language",
            "is_bookable",
            "is_active",
            "calendar",
        ]

    @extend_schema_field(CALENDAR)
    def get_calendar(self, agent: Agent) -> dict[str, Any]:
        known = self.context.get("calendars")
        if known is None or agent.pk not in known:
            known = calendar_status.statuses([agent])
        status = known[agent.pk]
        return {
            "provider": status.provider,
            "status": status.status,
            "last_synced_at": InstantField().to_representation(status.last_synced_at),
        }


@extend_schema_field({"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$", "examples": ["09:00"]})
class MinuteField(serializers.Field):
    """A time of day, "HH:MM", kept as minutes after midnight; "24:00" is the end of the day."""

    default_error_messages = {"time": 'Write the time as "HH:MM", from "00:00" to "24:00".'}

    def to_internal_value(self, data: Any) -> int:
        match = re.fullmatch(r"(\d\d):([0-5]\d)(?::00)?", data, re.ASCII) if isinstance(data, str) else None
        minute = int(match[1]) * 60 + int(match[2]) if match else None
        if minute is None or minute > MINUTES_A_DAY:
            self.fail("time")
        return minute

    def to_representation(self, value: int) -> str:
        return f"{value // 60:02}:{value % 60:02}"


class StretchSerializer(serializers.ModelSerializer[WorkingHours]):
    """One open stretch of a weekday (0 is Monday), in the agent's zone."""

    weekday = WholeField(min_value=0, max_value=6)
    start = MinuteField(source="start_minute")
    end = MinuteField(source="end_minute")

    class Meta:
        model = WorkingHours
        fields = ["weekday", "start", "end"]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["end_minute"] <= attrs["start_minute"]:
            raise serializers.ValidationError({"end": ["The end must be after the start."]}, "order")
        return attrs


def refuse_overlaps(stretches: list[dict[str, Any]]) -> None:
    """Raise ValidationError when two stretches of one weekday share time; touching is fine."""
    ordered = sorted(enumerate(stretches), key=lambda pair: (pair[1]["weekday"], pair[1]["start_minute"]))
    for (_, earlier), (index, later) in pairwise(ordered):
        if earlier["weekday"] == later["weekday"] and later["start_minute"] < earlier["end_minute"]:
            message = "This overlaps another stretch of the same weekday."
            raise serializers.ValidationError({f"{index}.start": [message]}, "overlap")


class SelfOrManagersWrite(ManagersWrite):
    """Everybody reads; managers write. Which of one's own fields one may PATCH is decided by their names."""

    def has_permission(self, request: Request, view: Any) -> bool:
        return request.method == "PATCH" or super().has_permission(request, view)


def refuse_change(by: Agent, person: Agent, values: Mapping[str, Any]) -> None:
    """Refuse what only managers change; who works here keeps their own name, number and zone."""
    if may_manage(by) or (by.pk == person.pk and values and set(values) <= set(OWN_FIELDS)):
        return
    raise PermissionDenied(ManagersWrite.message, ManagersWrite.code)


class AgentFilters(ListFilters):
    role = Choices(Role.values)
    team = Ids()
    email = Text(lookup_expr="iexact")
    is_active = Flag()
    is_bookable = Flag()
    search = Words(method="matching")

    def matching(self, queryset: QuerySet[Agent], name: str, words: str) -> QuerySet[Agent]:
        return queryset.filter(Q(full_name__icontains=words) | Q(email__icontains=words))


class AgentViewSet(ReadMixin, CreateMixin, UpdateMixin, ResourceViewSet):
    """Staff by name. Managers change them; one's own name, phone, timezone and language one may PATCH oneself.

    Filters: search, role, team, email, is_active, is_bookable.

    People who leave are made inactive, not deleted: their viewings and notes stay.
    """

    queryset = Agent.objects.all()
    serializer_class = AgentSerializer
    filterset_class = AgentFilters
    access = [SelfOrManagersWrite]
    ordering_fields = ["id", "full_name", "email", "role"]
    ordering = ["full_name"]
    not_in_etag = ["calendar"]

    def page(self, queryset: Any) -> list[Any]:
        rows = super().page(queryset)
        self.calendars = calendar_status.statuses(rows)
        return rows

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "calendars": getattr(self, "calendars", None)}

    def perform_create(self, serializer: serializers.BaseSerializer[Agent]) -> None:
        refuse_escalation(self.person, None, serializer.validated_data)
        self._unless_duplicate(serializer, self._save_new)

    def perform_update(self, serializer: serializers.BaseSerializer[Agent]) -> None:
        person = cast(Agent, serializer.instance)
        refuse_change(self.person, person, serializer.validated_data)
        refuse_escalation(self.person, person, serializer.validated_data)
        self._unless_duplicate(serializer, self._save_changes)

    def _save_new(self, serializer: serializers.BaseSerializer[Agent]) -> None:
        values: dict[str, Any] = dict(serializer.validated_data)
        values |= flags_of(values.get("role", Role.AGENT))
        serializer.instance = Agent.objects.create_user(**values)

    def _save_changes(self, serializer: serializers.BaseSerializer[Agent]) -> None:
        role = serializer.validated_data.get("role")
        changes_role = role is not None and role != serializer.instance.role  # type: ignore[union-attr]
        serializer.save(**(flags_of(role) if changes_role else {}))

    def _unless_duplicate(
        self, serializer: serializers.BaseSerializer[Agent], save: Callable[[serializers.BaseSerializer[Agent]], None]
    ) -> None:
        email = serializer.validated_data.get("email", "")
        try:
            with transaction.atomic():
                save(serializer)
        except IntegrityError as exc:
            other = Agent.objects.filter(email__iexact=email).values_list("pk", flat=True).first()
            if other is None:
                raise
            raise Problem(409, "duplicate_email", f"Agent {other} has this email address.", agent=other) from exc

    @extend_schema(request=StretchSerializer(many=True), responses=StretchSerializer(many=True), filters=False)
    @action(
        detail=True,
        methods=["get", "put"],
        url_path="working-hours",
        access=[],
        pagination_class=None,
    )
    @transaction.atomic
    def working_hours(self, request: Request, pk: str) -> Response:
        """GET the stretches of the week; PUT replaces them all, or changes nothing when one is wrong."""
        agent = self.get_object()
        if request.method == "PUT":
            require_self_or_manager(request.user, agent.pk)
            Agent.objects.select_for_update(no_key=True).get(pk=agent.pk)
            require_match(request, etag_of(_week_of(agent)))
            serializer: serializers.ListSerializer[Any] = serializers.ListSerializer(
                child=StretchSerializer(), data=request.data, max_length=MOST_STRETCHES
            )
            serializer.is_valid(raise_exception=True)
            refuse_overlaps(serializer.validated_data)
            replace_working_hours(agent=agent, stretches=serializer.validated_data)
        week = _week_of(agent)
        return conditional(request, Response(week), etag_of(week))


def _week_of(agent: Agent) -> list[dict[str, Any]]:
    stretches = WorkingHours.objects.filter(agent=agent).order_by("weekday", "start_minute")
    return list(StretchSerializer(stretches, many=True).data)
