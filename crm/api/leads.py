"""/api/v1/leads and /api/v1/notes"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction
from rest_framework import serializers

from crm.api.fields import (
    AmountField,
    ChoiceField,
    CurrencyField,
    DayField,
    IdField,
    InstantField,
    PhoneField,
    SeenLeadField,
    TextField,
    WholeField,
)
from crm.api.filters import Choices, Ids, ListFilters, Phone, Text, Words
from crm.api.permissions import ManagersDelete
from crm.api.problems import Problem
from crm.api.views import CreateMixin, DeleteMixin, ReadMixin, ResourceViewSet, UpdateMixin
from crm.errors import StageRefused
from crm.lead_editing import check_stage, create_lead, edit_lead
from crm.lead_lists import matching
from crm.models import Agent, Lead, LeadStage, Note
from crm.notes import write_note
from crm.rights import colleagues, may_edit_lead, sees_everything, visible_leads

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.db.models import QuerySet

LONGEST_NOTE = 10_000


class LeadSerializer(serializers.ModelSerializer[Lead]):
    """A person who may rent a home. `budget` is per month."""

    full_name = TextField(max_length=200, allow_blank=True, required=False)
    phone = PhoneField(allow_null=True, required=False)
    email = serializers.EmailField(max_length=254, allow_blank=True, required=False)
    stage = ChoiceField(LeadStage.choices, required=False)
    lost_reason = TextField(max_length=200, allow_blank=True, required=False)
    budget = AmountField(allow_null=True, required=False)
    currency = CurrencyField(required=False)
    timeline = TextField(max_length=200, allow_blank=True, required=False)
    property_type = TextField(max_length=100, allow_blank=True, required=False)
    location = TextField(max_length=200, allow_blank=True, required=False)
    bedrooms = WholeField(min_value=0, max_value=50, allow_null=True, required=False)
    pets = TextField(max_length=100, allow_blank=True, required=False)
    move_in_on = DayField(allow_null=True, required=False)
    source = TextField(max_length=50, required=False, default="api")  # type: ignore[assignment]
    owner = IdField(queryset=Agent.objects.filter(is_active=True), allow_null=True, required=False)
    consent_at = InstantField(allow_null=True, required=False)
    created_at = InstantField(read_only=True)
    updated_at = InstantField(read_only=True)

    class Meta:
        model = Lead
        fields = [
            "id",
            "full_name",
            "phone",
            "email",
            "budget",
            "currency",
            "timeline",
            "property_type",
            "location",
            "bedrooms",
            "pets",
            "move_in_on",
            "stage",
            "lost_reason",
            "source",
            "owner",
            "consent_at",
            "created_at",
            "updated_at",
        ]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        stage = attrs.get("stage", getattr(self.instance, "stage", LeadStage.NEW))
        reason = attrs.get("lost_reason", getattr(self.instance, "lost_reason", ""))
        try:
            check_stage(stage, reason)
        except StageRefused as exc:
            raise serializers.ValidationError({"lost_reason": [exc.message]}, "required") from exc
        if self.instance is None and not any(attrs.get(name) for name in ("full_name", "phone", "email")):
            raise serializers.ValidationError("Give at least one of full_name, phone and email.", "required")
        if stage != LeadStage.LOST:
            attrs["lost_reason"] = ""
        return attrs


def duplicate_phone(person: Agent, phone: str) -> Problem:
    """Return the refusal of a number that is another lead's, which is named to those who may see it."""
    other = visible_leads(person).filter(phone=phone).values_list("pk", flat=True).first()
    whose = f"Lead {other}" if other else "Another lead"
    return Problem(409, "duplicate_phone", f"{whose} has this phone number.", lead=other)


def refuse_handing_out(person: Agent, values: dict[str, Any]) -> None:
    """Keep agents from giving leads to people outside their team."""
    owner = values.get("owner")
    if owner is None or sees_everything(person) or colleagues(person).filter(pk=owner.pk).exists():
        return
    raise Problem(403, "not_allowed", "You can hand leads to people of your team only.")


def refuse_change(person: Agent, lead: Lead, values: dict[str, Any]) -> None:
    """Refuse a change of what belongs to others. What belongs to nobody is claimed in the same request, or before."""
    refuse_handing_out(person, values)
    claims = lead.owner_id is None and values.get("owner") is not None
    if not claims and not may_edit_lead(person, lead):
        raise Problem(403, "not_allowed", "This lead is not yours. What belongs to nobody is claimed first: set owner.")


class LeadFilters(ListFilters):
    phone = Phone()
    email = Text(lookup_expr="iexact")
    source = Text()
    stage = Choices(LeadStage.values)
    owner = Ids()
    search = Words(method="matching")

    def matching(self, queryset: QuerySet[Lead], name: str, words: str) -> QuerySet[Lead]:
        return queryset.filter(matching(words))


class LeadViewSet(ReadMixin, CreateMixin, UpdateMixin, DeleteMixin, ResourceViewSet):
    """Leads, newest first. Filters: phone, email, search, stage, owner, source."""

    queryset = Lead.objects.all()
    serializer_class = LeadSerializer
    filterset_class = LeadFilters
    access = [ManagersDelete]
    reads_projections = True
    ordering_fields = ["id", "created_at", "updated_at", "full_name", "email", "phone", "stage", "budget", "move_in_on"]
    ordering = ["-created_at"]

    def get_queryset(self) -> QuerySet[Lead]:
        return visible_leads(self.person, super().get_queryset())

    def perform_create(self, serializer: serializers.BaseSerializer[Lead]) -> None:
        values = serializer.validated_data
        refuse_handing_out(self.person, values)
        serializer.instance = self._unless_duplicate(
            values, lambda: create_lead(values=values, agent=self.person, actor=self.actor())
        )

    def perform_update(self, serializer: serializers.BaseSerializer[Lead]) -> None:
        lead, values = serializer.instance, serializer.validated_data
        assert lead is not None
        refuse_change(self.person, lead, values)
        self._unless_duplicate(
            values, lambda: edit_lead(lead=lead, values=values, agent=self.person, actor=self.actor())
        )
        lead.refresh_from_db()

    def _unless_duplicate(self, values: dict[str, Any], save: Callable[[], Any]) -> Any:
        try:
            with transaction.atomic():
                return save()
        except IntegrityError as exc:
            phone = values.get("phone")
            if phone is None or not Lead.objects.filter(phone=phone).exists():
                raise
            raise duplicate_phone(self.person, phone) from exc


class NoteSerializer(serializers.ModelSerializer[Note]):
    """Free text about a lead; `agent` is who wrote it."""

    lead = SeenLeadField(queryset=Lead.objects.all())
    text = TextField(max_length=LONGEST_NOTE)
    agent = serializers.PrimaryKeyRelatedField[Agent](read_only=True, allow_null=True)
    created_at = InstantField(read_only=True)

    class Meta:
        model = Note
        fields = ["id", "lead", "agent", "text", "created_at"]


class NoteFilters(ListFilters):
    lead = Ids()


class NoteViewSet(ReadMixin, CreateMixin, ResourceViewSet):
    """Notes, newest first. Filter: lead."""

    queryset = Note.objects.all()
    serializer_class = NoteSerializer
    filterset_class = NoteFilters
    ordering_fields = ["id", "created_at"]
    ordering = ["-created_at"]

    def get_queryset(self) -> QuerySet[Note]:
        notes = super().get_queryset()
        if sees_everything(self.person):
            return notes
        return notes.filter(lead__in=visible_leads(self.person).order_by().values("pk"))

    def perform_create(self, serializer: serializers.BaseSerializer[Note]) -> None:
        values = serializer.validated_data
        serializer.instance = write_note(
            lead=values["lead"], text=values["text"], agent=self.person, actor=self.actor()
        )
