"""Remove the demo agency: what is marked as demo, what hangs on it, and what simulated callers left behind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from crm.models import Agent, Appointment, Closure, Lead, Listing, Note, Task, Team, TimelineEntry
from crm.search import places


@transaction.atomic
def remove_agency() -> Counter[str]:
    """Delete the demo agency; return how many rows went, by table.

    A viewing at a demo home or with a demo agent goes whoever it was promised to, because neither exists.
    """
    of_demo = Q(is_demo=True) | Q(lead__is_demo=True) | Q(listing__is_demo=True) | Q(agent__is_demo=True)
    counts = _delete(
        [
            Appointment.objects.filter(of_demo),
            Lead.objects.filter(is_demo=True),
            Listing.objects.filter(is_demo=True),
            Agent.objects.filter(is_demo=True),
            # A real member of staff who joined a demo team keeps it.
            Team.objects.filter(is_demo=True, agents=None),
            Closure.objects.filter(is_demo=True),
        ]
    )
    places.forget_unused()
    return counts


@transaction.atomic
def remove_traces(*, call_ids: Collection[UUID], lead_ids: Collection[int]) -> Counter[str]:
    """Delete what these calls made; return how many rows went, by table.

    `lead_ids` are leads that came from these calls: each goes too, unless something real hangs on it.
    """
    of_calls = Q(call_id__in=call_ids)
    return _delete(
        [
            Appointment.objects.filter(of_calls),
            Task.objects.filter(of_calls),
            TimelineEntry.objects.filter(of_calls),
            Lead.objects.filter(pk__in=_unused(lead_ids)),
        ]
    )


def _unused(lead_ids: Collection[int]) -> set[int]:
    """Return those leads that have no viewing any more and no note of real staff."""
    viewings = Appointment.objects.filter(lead__in=lead_ids)
    notes = Note.objects.filter(lead__in=lead_ids, agent__isnull=False, agent__is_demo=False)
    kept = {*viewings.values_list("lead_id", flat=True), *notes.values_list("lead_id", flat=True)}
    return set(lead_ids) - kept


def _delete(querysets: Iterable[QuerySet]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for queryset in querysets:
        counts.update(queryset.delete()[1])
    return +counts
