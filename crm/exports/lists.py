"""The lists that can be taken out, each as one page shows it under the same address."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from crm.diary import filters as diary
from crm.diary.days import narrow
from crm.lead_lists import Filters
from crm.models import Agent
from crm.pages import lists
from crm.pages.listings import chosen_listings
from crm.rights import appointments_in_scope, leads_in_scope

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest

CHUNK = 1_000


@dataclass(frozen=True)
class Listed:
    """What a list shows: the names of its columns, and its rows."""

    columns: Sequence[str]
    rows: Iterable[Sequence[Any]]


_lists: dict[str, Callable[[HttpRequest, Agent], Listed]] = {}


def register(name: str, read: Callable[[HttpRequest, Agent], Listed]) -> None:
    """Have /export/<name>.csv and the others answer with what `read` returns for this person and address."""
    _lists[name] = read


def find(name: str) -> Callable[[HttpRequest, Agent], Listed] | None:
    return _lists.get(name)


def listed(rows: QuerySet[Any], columns: dict[str, str | Callable[[Any], Any]]) -> Listed:
    """Return these columns of these rows: each is a field's name, or says what to make of a row."""
    readers = [attrgetter(read) if isinstance(read, str) else read for read in columns.values()]
    # Some at a time: with prefetches a plain loop would hold all.
    found = rows.iterator(chunk_size=CHUNK)
    return Listed(list(columns), ([read(row) for read in readers] for row in found))


def same(*names: str) -> dict[str, str | Callable[[Any], Any]]:
    """Return columns that are called as the fields are."""
    return {name: name for name in names}


def leads(request: HttpRequest, person: Agent) -> Listed:
    filters = Filters.read(request.GET)
    found = filters.ordered(filters.narrow(leads_in_scope(person, lists.scope_of(request)), timezone.now()))
    return listed(found.select_related("owner").order_by(*filters.ordering), _LEAD)


def listings(request: HttpRequest, person: Agent) -> Listed:
    found = chosen_listings(request, person).prefetch_related("agents")
    return listed(found.order_by("address", "unit", "id"), _LISTING)


def appointments(request: HttpRequest, person: Agent) -> Listed:
    now = timezone.now()
    asked = diary.Filters.read(request.GET.dict(), person, now)
    found = appointments_in_scope(person, asked.scope).filter(starts_at__lt=asked.end, ends_at__gt=asked.start)
    shown = narrow(found, asked, now).select_related("lead", "listing", "agent")
    return listed(shown.order_by("starts_at", "pk"), _VIEWING)


def users(request: HttpRequest, person: Agent) -> Listed:
    return listed(Agent.objects.select_related("team").order_by("full_name", "pk"), _PERSON)


_LEAD = {
    **same("id", "full_name", "phone", "email", "stage", "lost_reason", "source"),
    "owner": lambda lead: lead.owner and lead.owner.email,
    **same("budget", "currency", "timeline", "property_type", "location", "bedrooms", "pets", "move_in_on"),
    **same("consent_at", "created_at", "updated_at"),
}
_LISTING = {
    **same("id", "address", "unit", "rent", "currency", "bedrooms", "bathrooms", "property_type", "neighborhood"),
    **same("pets", "available_on", "status", "facts", "access_notes"),
    "agents": lambda home: ", ".join(agent.email for agent in home.agents.all()),
    **same("created_at", "updated_at"),
}
_VIEWING = {
    **same("id", "starts_at", "ends_at", "status", "source", "cancel_reason", "calendar_state"),
    "agent": lambda row: row.agent.email,
    "listing": lambda row: str(row.listing),
    "lead": lambda row: row.lead.full_name,
    "phone": lambda row: row.lead.phone,
    "email": lambda row: row.lead.email,
    **same("created_at"),
}
_PERSON = {
    **same("id", "email", "full_name", "role", "timezone", "phone", "is_bookable", "is_active"),
    "team": lambda agent: agent.team and agent.team.name,
}


def connect() -> None:
    for read in (leads, listings, appointments, users):
        register(read.__name__, read)
