"""POST and PATCH /api/v1/leads/bulk: many leads in one request, each with its own outcome"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, serializers
from rest_framework.response import Response

from crm.api import problems
from crm.api.fields import ChoiceField, IdField, TextField, read_id
from crm.api.leads import LeadSerializer, duplicate_phone, refuse_change, refuse_handing_out
from crm.api.schema import maybe, record, several
from crm.api.views import ApiView
from crm.errors import CrmError
from crm.lead_editing import create_lead, edit_lead
from crm.models import Agent, Lead, LeadStage
from crm.rights import visible_leads

if TYPE_CHECKING:
    from collections.abc import Callable

    from rest_framework.request import Request

MOST_LEADS = 500
LEADS = record(leads={"type": "array", "items": {"type": "object"}, "minItems": 1, "maxItems": MOST_LEADS})
OUTCOME = record(
    index={"type": "integer"},
    status={"type": "integer"},
    lead=maybe({"$ref": "#/components/schemas/Lead"}),
    problem=maybe({"$ref": "#/components/schemas/Problem"}),
)
OUTCOMES = record(results=several(OUTCOME), done={"type": "integer"}, refused={"type": "integer"})


class BulkChangeSerializer(serializers.Serializer[Any]):
    """One change for many leads: another stage (with `lost_reason` for lost ones), another owner, or both."""

    ids = serializers.ListField(child=serializers.IntegerField(), min_length=1, max_length=MOST_LEADS)
    stage = ChoiceField(LeadStage.choices, required=False)
    lost_reason = TextField(max_length=200, allow_blank=True, required=False)
    owner = IdField(queryset=Agent.objects.filter(is_active=True), allow_null=True, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not {"stage", "owner"} & attrs.keys():
            raise serializers.ValidationError("Give stage or owner.", "required")
        if attrs.get("stage") == LeadStage.LOST and not attrs.get("lost_reason"):
            raise serializers.ValidationError({"lost_reason": ["Say why these leads were lost."]}, "required")
        return attrs


class LeadBulkView(ApiView):
    """Up to 500 leads at once. A row that is refused says why and leaves the others alone."""

    @extend_schema(request={"application/json": LEADS}, responses={200: OUTCOMES})
    def post(self, request: Request) -> Response:
        """Make leads: {"leads": [...]} → {"results": [{"index", "status", "lead", "problem"}], "done", "refused"}."""
        rows = _rows(request)
        return _answer([_outcome(place, 201, partial(self._make, row)) for place, row in enumerate(rows)])

    @extend_schema(request=BulkChangeSerializer, responses={200: OUTCOMES})
    def patch(self, request: Request) -> Response:
        """Change stage or owner of leads by id: {"results": [{"index", "status", "lead", "problem"}], …}."""
        serializer = BulkChangeSerializer(data=request.data, context={"request": request})
        serializer.is_valid(raise_exception=True)
        values = dict(serializer.validated_data)
        ids = values.pop("ids")
        found = visible_leads(self.person).in_bulk([pk for pk in ids if read_id(pk)])
        return _answer(
            [_outcome(place, 200, partial(self._change, found.get(pk), values)) for place, pk in enumerate(ids)]
        )

    def _make(self, row: Any) -> Lead:
        serializer = LeadSerializer(data=row, context={"request": self.request})
        serializer.is_valid(raise_exception=True)
        values = serializer.validated_data
        refuse_handing_out(self.person, values)
        try:
            with transaction.atomic():
                return create_lead(values=values, agent=self.person, actor=self.actor())
        except IntegrityError as exc:
            if values.get("phone") is None:
                raise
            raise duplicate_phone(self.person, values["phone"]) from exc

    def _change(self, lead: Lead | None, values: dict[str, Any]) -> Lead:
        if lead is None:
            raise exceptions.NotFound("There is nothing here.", "not_found")
        refuse_change(self.person, lead, values)
        edit_lead(lead=lead, values=dict(values), agent=self.person, actor=self.actor())
        return lead


def _rows(request: Request) -> list[Any]:
    rows = request.data.get("leads") if isinstance(request.data, dict) else None
    if not isinstance(rows, list) or not 1 <= len(rows) <= MOST_LEADS:
        raise serializers.ValidationError({"leads": [f"Give a list of 1 to {MOST_LEADS} leads."]}, "invalid")
    return rows


def _outcome(place: int, status: int, act: Callable[[], Lead]) -> dict[str, Any]:
    """Do one row and return what came of it; a refusal undoes only this row."""
    try:
        with transaction.atomic():
            lead = act()
    except (exceptions.APIException, CrmError, IntegrityError) as exc:
        problem = problems.describe(exc)
        assert problem is not None
        return {"index": place, "status": problem["status"], "lead": None, "problem": problem}
    return {"index": place, "status": status, "lead": LeadSerializer(lead).data, "problem": None}


def _answer(results: list[dict[str, Any]]) -> Response:
    refused = sum(row["problem"] is not None for row in results)
    return Response({"results": results, "done": len(results) - refused, "refused": refused})
