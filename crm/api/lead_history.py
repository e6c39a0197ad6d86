"""/api/v1/leads/<id>/timeline, /duplicates, /merge and /part"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from crm import merging
from crm.api.fields import ChoiceField, IdField, InstantField, SeenLeadField
from crm.api.filters import Choices, ListFilters, When
from crm.api.leads import LeadSerializer
from crm.api.problems import Problem
from crm.api.schema import ID, record, several
from crm.api.views import ApiView, ResourceViewSet
from crm.duplicates import candidates
from crm.models import EntryKind, Lead, LeadMerge, TimelineEntry
from crm.rights import may_edit_lead, visible_leads

if TYPE_CHECKING:
    from rest_framework.request import Request

    from crm.models import Agent

_LEAD = {"$ref": "#/components/schemas/Lead"}
DUPLICATES = record(results=several(record(lead=_LEAD, reasons=several({"type": "string"}))))
MERGED = record(merge=ID, lead=_LEAD)
PARTED = record(lead=_LEAD, parted=_LEAD)


def seen_lead(person: Agent, lead_id: str) -> Lead:
    """Return a lead this person sees; what they may not see does not exist."""
    lead = visible_leads(person).filter(pk=lead_id).first()
    if lead is None:
        raise Http404
    return lead


def changeable_lead(person: Agent, lead_id: str) -> Lead:
    lead = seen_lead(person, lead_id)
    if not may_edit_lead(person, lead):
        raise Problem(403, "not_allowed", "This lead is not yours. What belongs to nobody is claimed first: set owner.")
    return lead


class EntrySerializer(serializers.ModelSerializer[TimelineEntry]):
    """One line of a lead's history. `actor` says who did it when no `agent` did: assistant, system, api."""

    at = InstantField(read_only=True)
    call = serializers.UUIDField(source="call_id", read_only=True, allow_null=True)
    data = serializers.DictField(read_only=True)  # type: ignore[assignment]  # Declared, so no attribute.

    class Meta:
        model = TimelineEntry
        fields = ["id", "at", "kind", "text", "agent", "actor", "call", "data"]
        read_only_fields = fields
        extra_kwargs = {"agent": {"allow_null": True}}


class EntryFilters(ListFilters):
    kind = Choices(EntryKind.values)
    vars()["from"] = When("at", "gte")  # A keyword.
    to = When("at", "lt")


class TimelineViewSet(ResourceViewSet):
    """What happened with a lead, newest first. Filters: kind, from, to."""

    queryset = TimelineEntry.objects.all()
    serializer_class = EntrySerializer
    filterset_class = EntryFilters
    reads_projections = True
    ordering_fields = ["id", "at"]
    ordering = ["-at"]

    def list(self, request: Request, lead: str) -> Response:
        """One page of the history."""
        seen = seen_lead(self.person, lead)
        rows = self.page(self.get_queryset().filter(lead=seen))
        return self.get_paginated_response(self.sparse(self.get_serializer(rows, many=True).data))


class DuplicatesView(ApiView):
    """GET the leads that may be the same person, the likeliest first, with what speaks for each."""

    @extend_schema(responses={200: DUPLICATES})
    def get(self, request: Request, lead: str) -> Response:
        found = candidates(seen_lead(self.person, lead), self.person)
        results = [{"lead": LeadSerializer(each.lead).data, "reasons": each.reasons} for each in found]
        return Response({"results": results})


class MergeSerializer(serializers.Serializer[Any]):
    """`other` goes into the lead and is gone; `take` names the fields whose values come from it. Gaps are filled."""

    other = SeenLeadField(queryset=Lead.objects.all())
    take = serializers.ListField(
        child=ChoiceField([(name, name) for name in merging.CHOICES]), required=False, max_length=len(merging.CHOICES)
    )


class MergeView(ApiView):
    """Make one lead of two. `POST leads/<id>/part` takes it back within seven days."""

    @extend_schema(request=MergeSerializer, responses={200: MERGED})
    def post(self, request: Request, lead: str) -> Response:
        kept = changeable_lead(self.person, lead)
        serializer = MergeSerializer(data=request.data, context={"request": request})
        serializer.is_valid(raise_exception=True)
        other, take = serializer.validated_data["other"], serializer.validated_data.get("take", [])
        if other.owner_id is not None and not may_edit_lead(self.person, other):
            raise Problem(403, "not_allowed", "The other lead is not yours to change.")
        merged = merging.merge(kept, other, take=take, agent=self.person)
        kept.refresh_from_db()
        return Response({"merge": merged.pk, "lead": LeadSerializer(kept).data})


class PartSerializer(serializers.Serializer[Any]):
    """`merge` is the number that POST leads/<id>/merge gave."""

    merge = IdField(queryset=LeadMerge.objects.all())

    def validate_merge(self, merge: LeadMerge) -> LeadMerge:
        if merge.kept_id != self.context["lead"].pk:
            self.fields["merge"].fail("does_not_exist", pk_value=merge.pk)
        return merge


class PartView(ApiView):
    """Take a merge back: the lead that went is there again, with what it brought."""

    @extend_schema(request=PartSerializer, responses={200: PARTED})
    def post(self, request: Request, lead: str) -> Response:
        kept = changeable_lead(self.person, lead)
        serializer = PartSerializer(data=request.data, context={"request": request, "lead": kept})
        serializer.is_valid(raise_exception=True)
        gone = merging.part(serializer.validated_data["merge"].pk, self.person)
        kept.refresh_from_db()
        return Response({"lead": LeadSerializer(kept).data, "parted": LeadSerializer(gone).data})
