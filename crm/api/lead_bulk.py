"""POST and PATCH /api/v1/leads/bulk: many leads in one request, each with its own outcome"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction
from drf_spectacular.utils import extend_schema
from rest_framework import serializers

from crm.api.bulk import MOST_ROWS, BulkView, bulk_body, needs_one_of, outcomes_of
from crm.api.fields import ChoiceField, IdField, TextField
from crm.api.leads import LeadSerializer, duplicate_phone, refuse_change, refuse_handing_out
from crm.lead_editing import create_lead, edit_lead
from crm.models import Agent, Lead, LeadStage
from crm.rights import visible_leads

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.response import Response


class BulkChangeSerializer(serializers.Serializer[Any]):
    """One change for many leads: another stage (with `lost_reason` for lost ones), another owner, or both."""

    ids = serializers.ListField(child=serializers.IntegerField(), min_length=1, max_length=MOST_ROWS)
    stage = ChoiceField(LeadStage.choices, required=False)
    lost_reason = TextField(max_length=200, allow_blank=True, required=False)
    owner = IdField(queryset=Agent.objects.filter(is_active=True), allow_null=True, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.get("stage") == LeadStage.LOST and not attrs.get("lost_reason"):
            raise serializers.ValidationError({"lost_reason": ["Say why these leads were lost."]}, "required")
        return needs_one_of(attrs, "stage", "owner")


class LeadBulkView(BulkView[Lead]):
    """Up to 500 leads at once. A row that is refused says why and leaves the others alone."""

    serializer_class = LeadSerializer

    @extend_schema(request={"application/json": bulk_body("leads")}, responses={200: outcomes_of("lead", "Lead")})
    def post(self, request: Request) -> Response:
        """Make leads: {"leads": [...]} → {"results": [{"index", "status", "lead", "problem"}], "done", "refused"}."""
        return self.make_all("leads")

    @extend_schema(request=BulkChangeSerializer, responses={200: outcomes_of("lead", "Lead")})
    def patch(self, request: Request) -> Response:
        """Change stage or owner of leads by id: {"results": [{"index", "status", "lead", "problem"}], …}."""
        return self.change_all(BulkChangeSerializer)

    def found(self, ids: list[int]) -> dict[int, Lead]:
        return visible_leads(self.person).in_bulk(ids)

    def make(self, values: dict[str, Any]) -> Lead:
        refuse_handing_out(self.person, values)
        try:
            with transaction.atomic():
                return create_lead(values=values, agent=self.person, actor=self.actor())
        except IntegrityError as exc:
            if values.get("phone") is None:
                raise
            raise duplicate_phone(self.person, values["phone"]) from exc

    def change(self, record: Lead, values: dict[str, Any]) -> Lead:
        refuse_change(self.person, record, values)
        edit_lead(lead=record, values=values, agent=self.person, actor=self.actor())
        return record
