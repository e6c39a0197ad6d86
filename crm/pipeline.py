"""The pipeline: a column for each stage, with what waits in it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from crm.lead_lists import PATIENCE, Age, Step, age_in_stage, next_steps
from crm.models import Appointment, AppointmentStatus, Lead, LeadStage, Listing

# Cards of a column before "load more": boards with everything on them freeze.
COLUMN_SIZE = 30
ORDERING = ["-stage_changed_at", "-id"]


@dataclass(frozen=True)
class Card:
    """One lead in its column. `listing` is the home of its last viewing."""

    lead: Lead
    listing: Listing | None
    step: Step | None
    age: Age


@dataclass(frozen=True)
class Column:
    """A stage: how many are in it, how many of them for too long, the first cards, where the next ones are."""

    stage: LeadStage
    count: int
    late: int
    cards: list[Card]
    more: str


def counts(leads: QuerySet[Lead], now: datetime | None = None) -> dict[str, tuple[int, int]]:
    """Return by stage how many leads there are and how many have waited too long, in one query."""
    now = now or timezone.now()
    wanted = {stage.value: Count("pk", filter=Q(stage=stage)) for stage in LeadStage}
    for stage, (_amber, red) in PATIENCE.items():
        too_long = Q(stage=stage, stage_changed_at__lte=now - timedelta(days=red))
        wanted[f"late_{LeadStage(stage).value}"] = Count("pk", filter=too_long)
    found = leads.aggregate(**wanted)
    return {stage.value: (found[stage.value], found.get(f"late_{stage.value}", 0)) for stage in LeadStage}


def cards(leads: Iterable[Lead], now: datetime | None = None) -> dict[int, Card]:
    """Return the cards of these leads by id, in three queries however many there are."""
    now = now or timezone.now()
    rows = list(leads)
    ids = [lead.pk for lead in rows]
    steps, homes = next_steps(ids, now), _homes(ids)
    return {lead.pk: Card(lead, homes.get(lead.pk), steps.get(lead.pk), age_in_stage(lead, now)) for lead in rows}


def _homes(ids: list[int]) -> dict[int, Listing]:
    viewings = Appointment.objects.filter(lead__in=ids).exclude(status=AppointmentStatus.CANCELLED)
    latest = viewings.select_related("listing").order_by("lead_id", "-starts_at").distinct("lead_id")
    return {row.lead_id: row.listing for row in latest}
