"""/api/v1/assistants, and what differs at Vapi"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.validators import UniqueValidator

from calls.api.shapes import DIFFERENCES, RESULT
from calls.errors import VapiNotReady
from calls.models import Assistant
from calls.sync.overview import overview, read
from calls.sync.setting_right import set_right
from calls.sync.wanted import obstacle
from crm.api.fields import PhoneField, TextField
from crm.api.filters import Flag, Ids, ListFilters, Text
from crm.api.permissions import ManagersWrite
from crm.api.schema import record, several
from crm.api.views import ApiView, ReadMixin, ResourceViewSet, UpdateMixin

if TYPE_CHECKING:
    from rest_framework.request import Request

    from calls.sync.apply import Result
    from calls.sync.compare import Plan


class AssistantSerializer(serializers.ModelSerializer[Assistant]):
    """A voice persona at Vapi, and whom and what it speaks for. Its name and its id are Vapi's."""

    phone_number = PhoneField(
        allow_null=True,
        required=False,
        validators=[UniqueValidator(Assistant.objects.all(), "Another assistant has this number.")],
    )
    first_message = TextField(max_length=500, allow_blank=True, required=False)

    class Meta:
        model = Assistant
        fields = ["id", "vapi_id", "name", "listing", "agent", "team", "phone_number", "first_message", "is_active"]
        read_only_fields = ["id", "vapi_id", "name"]


class NewAssistantSerializer(AssistantSerializer):
    """An assistant that is at Vapi and unknown here: its id there, and whom and what it speaks for."""

    vapi_id = TextField(
        max_length=100, validators=[UniqueValidator(Assistant.objects.all(), "This assistant is known here.")]
    )

    class Meta(AssistantSerializer.Meta):
        read_only_fields = ["id", "name"]


class AssistantFilters(ListFilters):
    vapi_id = Text()
    listing = Ids()
    agent = Ids()
    is_active = Flag()


class AssistantViewSet(ReadMixin, UpdateMixin, ResourceViewSet):
    """Assistants by name; managers map them. Filters: vapi_id, listing, agent, is_active.

    `GET /vapi/assistants` has those at Vapi that are unknown here too.
    """

    access = [ManagersWrite]
    queryset = Assistant.objects.all()
    serializer_class = AssistantSerializer
    filterset_class = AssistantFilters
    ordering_fields = ["id", "name"]
    ordering = ["name"]

    # Vapi is asked, which no transaction waits for; the same id twice is refused anyway.
    keeps_answers = takes_keys = False

    @extend_schema(request=NewAssistantSerializer, responses={201: AssistantSerializer})
    def create(self, request: Request) -> Response:
        """Take up an assistant that is at Vapi and unknown here."""
        serializer = NewAssistantSerializer(data=request.data, context=self.get_serializer_context())
        serializer.is_valid(raise_exception=True)
        seen = overview()
        line = seen.line(serializer.validated_data["vapi_id"])
        if line is None and seen.trouble:
            raise VapiNotReady(seen.trouble)
        if line is None:
            raise serializers.ValidationError({"vapi_id": ["There is no such assistant at Vapi."]}, "unknown")
        made = serializer.save(name=line.name[:100])
        return Response(self.get_serializer(made).data, 201)


class LookedAtSerializer(serializers.Serializer[Any]):
    """What to set right: for each thing, by Vapi's id, the fingerprint of the differences that were looked at."""

    look = serializers.DictField(child=TextField(max_length=64), allow_empty=False)


class DifferencesView(ApiView):
    """How the assistants, tools and numbers at Vapi differ from what Pete needs, and setting that right."""

    access = [ManagersWrite]
    # Each thing is read again before it is changed; twice changes nothing the second time.
    keeps_answers = takes_keys = False

    @extend_schema(responses={200: DIFFERENCES})
    def get(self, request: Request) -> Response:
        """GET every thing with what differs. `problem` says why Vapi cannot be asked or changed from here, if so."""
        found, trouble = read()
        plans = [plan_shape(plan) for plan in found.plans] if found else []
        return Response({"plans": plans, "problem": obstacle() or trouble or None})

    @extend_schema(request=LookedAtSerializer, responses={200: record(results=several(RESULT))})
    def post(self, request: Request) -> Response:
        """Set right what was looked at; what differs otherwise by now is left alone and says so."""
        serializer = LookedAtSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        results = set_right(serializer.validated_data["look"])
        return Response({"results": [result_shape(result) for result in results]})


def plan_shape(plan: Plan) -> dict[str, Any]:
    return _named(plan) | {
        "fingerprint": plan.fingerprint,
        "changes": [{"path": one.path, "before": one.before, "after": one.after} for one in plan.changes],
        "problems": plan.problems,
    }


def result_shape(result: Result) -> dict[str, Any]:
    return _named(result.plan) | {"outcome": result.outcome.value, "is_good": result.is_good, "detail": result.detail}


def _named(plan: Plan) -> dict[str, Any]:
    return {"kind": plan.kind.value, "vapi_id": plan.vapi_id, "name": plan.name}
