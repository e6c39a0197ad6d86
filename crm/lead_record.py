"""One lead as its page shows it, and its neighbours in the list it was found in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import F, QuerySet
from django.utils import timezone

from crm.fact_forms import FACTS
from crm.lead_lists import Age, Filters, Step, age_in_stage, next_steps
from crm.lead_words import field_label, written
from crm.models import Agent, Appointment, EntryKind, Lead, MessageStatus, OutgoingMessage, Task, TimelineEntry
from crm.models.appointments import LIVE
from crm.rights import may_edit_lead

if TYPE_CHECKING:
    from datetime import datetime

# Further down a list nobody walks from record to record.
MOST_NEIGHBOURS = 500


@dataclass(frozen=True)
class Fact:
    """One field of the lead as people read it."""

    name: str
    label: str
    value: str
    is_known: bool


@dataclass(frozen=True)
class Record:
    """What the page of a lead says beside its timeline."""

    lead: Lead
    may_edit: bool
    step: Step | None
    age: Age
    tasks: list[Task]
    viewings: list[Appointment]
    unsent: list[OutgoingMessage]
    facts: list[Fact]


def record(lead: Lead, person: Agent, now: datetime | None = None) -> Record:
    """Read everything about a lead that this person sees."""
    now = now or timezone.now()
    viewings = Appointment.objects.filter(lead=lead, status__in=LIVE, ends_at__gte=now).with_names()
    return Record(
        lead=lead,
        may_edit=may_edit_lead(person, lead),
        step=next_steps([lead.pk], now).get(lead.pk),
        age=age_in_stage(lead, now),
        tasks=list(Task.objects.filter(lead=lead, done_at=None).select_related("assignee")),
        viewings=list(viewings.order_by("starts_at")),
        unsent=list(OutgoingMessage.objects.filter(lead=lead).exclude(status=MessageStatus.SENT)[:5]),
        facts=[fact(lead, name) for name in FACTS],
    )


def fact(lead: Lead, name: str) -> Fact:
    """Return one field of the lead as people read it."""
    value = getattr(lead, name)
    shown = value.isoformat() if hasattr(value, "isoformat") else value
    return Fact(name, field_label(name), written(name, shown, lead.currency), value not in (None, ""))


def entries_of(lead: Lead, kinds: list[str]) -> QuerySet[TimelineEntry]:
    """Return the lead's history, of these kinds if there are any."""
    entries = TimelineEntry.objects.filter(lead=lead).select_related("agent")
    return entries.filter(kind__in=kinds) if kinds else entries


def known_kinds(names: list[str]) -> list[str]:
    return [kind for kind in EntryKind.values if kind in names]


@dataclass(frozen=True)
class Neighbours:
    """The leads before and after this one in the list it was opened from."""

    previous: int | None = None
    next: int | None = None
    place: int = 0
    count: int = 0


def neighbours(lead: Lead, leads: QuerySet[Lead], filters: Filters) -> Neighbours:
    """Find the lead's place in a list. Beyond its first hundreds it has none."""
    found = filters.ordered(filters.narrow(leads)).order_by(*_order(filters))
    ids = list(found.values_list("pk", flat=True)[:MOST_NEIGHBOURS])
    if lead.pk not in ids:
        return Neighbours(count=len(ids))
    place = ids.index(lead.pk)
    before = ids[place - 1] if place else None
    after = ids[place + 1] if place + 1 < len(ids) else None
    return Neighbours(before, after, place + 1, len(ids))


def _order(filters: Filters) -> list[Any]:
    """Return the list's order as its pages have it: what has no value comes last."""
    order: list[Any] = []
    for name in filters.ordering:
        column = F(name.removeprefix("-"))
        order.append(column.desc(nulls_last=True) if name.startswith("-") else column.asc(nulls_last=True))
    return order
