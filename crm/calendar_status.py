"""Which calendar an agent's viewings are kept in. Apps that connect calendars register a source here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from crm.models import Agent


@dataclass(frozen=True)
class CalendarStatus:
    """`provider` keeps the agent's calendar; "pete" needs no connection, so its status is "local"."""

    provider: str = "pete"
    status: str = "local"
    last_synced_at: datetime | None = None


# Given agents' ids, returns the status of those it knows, with one query.
Source = Callable[[Sequence[int]], Mapping[int, CalendarStatus]]

_sources: list[Source] = []


def register(source: Source) -> None:
    """Ask `source` about agents from now on."""
    if source not in _sources:
        _sources.append(source)


def statuses(agents: Iterable[Agent]) -> dict[int, CalendarStatus]:
    """Return the calendar status of each agent by id."""
    found = {agent.pk: CalendarStatus() for agent in agents}
    for source in _sources:
        found.update(source(list(found)))
    return found
