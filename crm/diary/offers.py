"""Times that can be booked on one day, as forms offer them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from django.utils import timezone

from crm.availability import find_slots, rules_against, rules_for
from crm.diary.blocks import bounds

if TYPE_CHECKING:
    from crm.models import Agent, Appointment, Listing
    from crm.slots import Offer

MOST_TIMES = 200


@dataclass(frozen=True)
class Time:
    """One start. `value` is what a form sends; it names the agent only where that is part of the choice."""

    starts_at: datetime
    value: str


@dataclass(frozen=True)
class Times:
    """The times of a day; with none, the next day that has some."""

    day: date
    options: list[Time]
    next_day: date | None


def times(*, listing: Listing | None, agent: Agent | None, day: date, tz: ZoneInfo, now: datetime) -> Times:
    """Return the starts of a local day at which `agent`, or anybody who shows `listing`, is free."""
    start, end = bounds(day, tz)
    ids = [agent.pk] if agent else None
    found = find_slots(start=start, end=end, agent_ids=ids, listing=listing, limit=MOST_TIMES, now=now)
    options = [Time(at, value_of(at)) for at in sorted({offer.starts_at for offer in found})]
    if options:
        return Times(day, options, None)
    horizon = now + rules_for(listing).horizon
    later = find_slots(start=end, end=horizon, agent_ids=ids, listing=listing, limit=1, now=now)
    return Times(day, [], timezone.localtime(later[0].starts_at, tz).date() if later else None)


def alternative(offer: Offer) -> Time:
    """Return an offer of one agent as a choice."""
    return Time(offer.starts_at, value_of(offer.starts_at, offer.agent_id))


def value_of(at: datetime, agent_id: int | None = None) -> str:
    """Return "2026-11-24T15:00Z", or with the agent "2026-11-24T15:00Z~3"."""
    stamp = f"{at.astimezone(ZoneInfo('UTC')):%Y-%m-%dT%H:%MZ}"
    return f"{stamp}~{agent_id}" if agent_id else stamp


def is_open_for_move(row: Appointment, agent_id: int, starts_at: datetime, now: datetime) -> bool:
    """Say whether a viewing could be there, its own time not being in its way."""
    verdicts = rules_against(starts_at=starts_at, listing=row.listing, agent_ids=[agent_id], ignored=[row.pk], now=now)
    return verdicts.get(agent_id, "not_shown") is None
