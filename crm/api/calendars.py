"""/api/v1/closures and /api/v1/busy-times"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework import serializers

from crm.api.fields import DayField, IdField, InstantField, TextField
from crm.api.filters import Ids, ListFilters, When
from crm.api.permissions import ManagersWrite, require_self_or_manager
from crm.api.problems import Problem
from crm.api.views import CreateMixin, DeleteMixin, ReadMixin, ResourceViewSet
from crm.models import Agent, BusyTime, Closure
from crm.rights import colleagues, sees_everything

if TYPE_CHECKING:
    from django.db.models import QuerySet


class ClosureSerializer(serializers.ModelSerializer[Closure]):
    """Days on which the office is closed, in its zone; the last one is included."""

    starts_on = DayField()
    ends_on = DayField()
    reason = TextField(max_length=200, allow_blank=True, required=False)

    class Meta:
        model = Closure
        fields = ["id", "starts_on", "ends_on", "reason"]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["ends_on"] < attrs["starts_on"]:
            raise serializers.ValidationError({"ends_on": ["The last day cannot be before the first."]}, "order")
        return attrs


class ClosureViewSet(ReadMixin, CreateMixin, DeleteMixin, ResourceViewSet):
    """Closures by day."""

    queryset = Closure.objects.all()
    serializer_class = ClosureSerializer
    access = [ManagersWrite]
    ordering_fields = ["id", "starts_on", "ends_on"]
    ordering = ["starts_on"]


class BusyTimeSerializer(serializers.ModelSerializer[BusyTime]):
    """A commitment of one agent, [starts_at, ends_at). `source` is "manual", or the calendar it is mirrored from."""

    agent = IdField(queryset=Agent.objects.all())
    starts_at = InstantField()
    ends_at = InstantField()
    reason = TextField(max_length=200, allow_blank=True, required=False)
    source = serializers.CharField(read_only=True)  # type: ignore[assignment]

    class Meta:
        model = BusyTime
        fields = ["id", "agent", "starts_at", "ends_at", "reason", "source"]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["ends_at"] <= attrs["starts_at"]:
            raise serializers.ValidationError({"ends_at": ["The end must be after the start."]}, "order")
        return attrs


class BusyTimeFilters(ListFilters):
    agent = Ids()
    vars()["from"] = When("ends_at", "gt")  # A keyword.
    to = When("starts_at", "lt")


class BusyTimeViewSet(ReadMixin, CreateMixin, DeleteMixin, ResourceViewSet):
    """Busy times by start. Filters: agent, from, to (those that touch the window)."""

    queryset = BusyTime.objects.all()
    serializer_class = BusyTimeSerializer
    filterset_class = BusyTimeFilters
    ordering_fields = ["id", "starts_at", "ends_at"]
    ordering = ["starts_at"]

    def get_queryset(self) -> QuerySet[BusyTime]:
        times = super().get_queryset()
        return times if sees_everything(self.person) else times.filter(agent__in=colleagues(self.person).values("pk"))

    def perform_create(self, serializer: serializers.BaseSerializer[BusyTime]) -> None:
        require_self_or_manager(self.person, serializer.validated_data["agent"].pk)
        serializer.save()

    def perform_destroy(self, instance: BusyTime) -> None:
        require_self_or_manager(self.person, instance.agent_id)
        if instance.source != BusyTime.Source.MANUAL:
            raise Problem(409, "mirrored", "This is mirrored from the agent's own calendar; remove it there.")
        instance.delete()
