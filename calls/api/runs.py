"""/api/v1/rehearsals, /api/v1/call-history and /api/v1/checks: work that is started and looked at"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from calls import history_runs
from calls.history_import import DAYS
from calls.models import HistoryRun, RehearsalRun
from calls.rehearsal import runs
from calls.rehearsal.reading import read_scenarios
from config import doctor
from crm.api.fields import InstantField, TextField, WholeField
from crm.api.permissions import ManagersWrite
from crm.api.schema import record, several
from crm.api.views import ApiView, ReadMixin, ResourceViewSet
from crm.api.webhooks import ManagersOnly

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request

_TEXT = {"type": "string"}
_FLAG = {"type": "boolean"}
LONGEST_DAYS = 3650
SCENARIOS = record(results=several(record(name=_TEXT, about=_TEXT)))
CHECK = record(name=_TEXT, ok=_FLAG, required=_FLAG, finding=_TEXT, cure=_TEXT)


class RehearsalSerializer(serializers.ModelSerializer[RehearsalRun]):
    """Scenarios played in a scratch office. `results` has one entry for each of `names` that was played."""

    names = serializers.ListField(child=TextField(max_length=100), max_length=500, required=False)
    results = serializers.ListField(child=serializers.DictField(), read_only=True)
    created_at = InstantField(read_only=True)
    finished_at = InstantField(read_only=True, allow_null=True)

    class Meta:
        model = RehearsalRun
        fields = ["id", "agent", "names", "status", "results", "problem", "created_at", "finished_at"]
        read_only_fields = ["agent", "status", "problem"]
        extra_kwargs: dict[str, Any] = {"agent": {"allow_null": True}}


class RehearsalViewSet(ReadMixin, ResourceViewSet):
    """Rehearsals of the assistant's calls, newest first. Everybody sees them, managers start one."""

    queryset = RehearsalRun.objects.all()
    serializer_class = RehearsalSerializer
    access = [ManagersWrite]
    ordering_fields = ["id", "created_at"]
    ordering = ["-id"]

    def get_queryset(self) -> QuerySet[RehearsalRun]:
        runs.give_up_lost()
        return super().get_queryset()

    @extend_schema(responses={201: RehearsalSerializer})
    def create(self, request: Request) -> Response:
        """Queue the named scenarios, or all; a worker plays them. 409 `already_running` while others are played."""
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        run = runs.start(serializer.validated_data.get("names", []), self.person)
        return Response(self.get_serializer(run).data, 201)


class ScenariosView(ApiView):
    """GET the scenarios that can be rehearsed, and what each is about."""

    @extend_schema(responses={200: SCENARIOS})
    def get(self, request: Request) -> Response:
        return Response({"results": [{"name": one.name, "about": one.about} for one in read_scenarios([])]})


class HistoryRunSerializer(serializers.ModelSerializer[HistoryRun]):
    """Calls of so many `days` brought in from Vapi: `seen` were looked at, `brought` of them are new."""

    days = WholeField(min_value=1, max_value=LONGEST_DAYS, required=False, default=DAYS)
    created_at = InstantField(read_only=True)
    finished_at = InstantField(read_only=True, allow_null=True)

    class Meta:
        model = HistoryRun
        fields = ["id", "agent", "days", "status", "seen", "brought", "problem", "created_at", "finished_at"]
        read_only_fields = ["agent", "status", "seen", "brought", "problem"]
        extra_kwargs: dict[str, Any] = {"agent": {"allow_null": True}}


class HistoryRunViewSet(ReadMixin, ResourceViewSet):
    """Earlier calls being brought in from Vapi, newest first; for managers."""

    queryset = HistoryRun.objects.all()
    serializer_class = HistoryRunSerializer
    access = [ManagersOnly]
    ordering_fields = ["id", "created_at"]
    ordering = ["-id"]

    def get_queryset(self) -> QuerySet[HistoryRun]:
        history_runs.give_up_lost()
        return super().get_queryset()

    @extend_schema(responses={201: HistoryRunSerializer})
    def create(self, request: Request) -> Response:
        """Have a worker begin; calls that are here stay as they are. 409 `already_running` while one is under way."""
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        run = history_runs.start(self.person, days=serializer.validated_data["days"])
        return Response(self.get_serializer(run).data, 201)


class ChecksSerializer(serializers.Serializer[Any]):
    """Which checks to make; all of them without `names`."""

    names = serializers.ListField(child=TextField(max_length=100), max_length=100, required=False)

    def validate_names(self, value: list[str]) -> list[str]:
        unknown = sorted(set(value) - set(doctor.names()))
        if unknown:
            raise serializers.ValidationError(f"There is no check {unknown[0]}.", "unknown")
        return value


class ChecksView(ApiView):
    """What the doctor looks at: GET the names of the checks, POST makes them; for managers."""

    access = [ManagersOnly]
    # A check looks at how things are now.
    keeps_answers = takes_keys = False

    @extend_schema(responses={200: record(results=several(record(name=_TEXT, required=_FLAG)))})
    def get(self, request: Request) -> Response:
        return Response({"results": [{"name": name, "required": name in doctor.REQUIRED} for name in doctor.names()]})

    @extend_schema(request=ChecksSerializer, responses={200: record(results=several(CHECK))})
    def post(self, request: Request) -> Response:
        """Make the checks and answer what each found, with its cure; this takes some seconds."""
        serializer = ChecksSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        names = serializer.validated_data.get("names") or doctor.names()
        return Response({"results": [doctor.examine_one(name).as_dict() for name in names]})
