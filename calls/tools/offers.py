"""Which of the open slots are offered, and in what words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from zlib import crc32

from django.utils import timezone

from calls.phrases import say_list
from calls.spoken_time import PARTS_OF_DAY, When
from calls.tools.desk import Desk, Scope
from crm.availability import find_slots
from crm.models import OfficeSettings
from crm.slots import Offer

OFFERED = 4
ALTERNATIVES = 3
_MOST_READ = 500
_DAYS_AT_A_TIME = 7


def open_slots(desk: Desk, scope: Scope, when: When, *, limit: int = _MOST_READ) -> list[Offer]:
    """Return the open slots in the days and the part of the day meant, one per start."""
    start = datetime.combine(when.first, time(), desk.tz)
    end = datetime.combine(when.last + timedelta(days=1), time(), desk.tz)
    agent_ids = [scope.agent.pk] if scope.agent else None
    found = find_slots(start=start, end=end, agent_ids=agent_ids, listing=scope.listing, limit=limit)
    return one_per_start(offer for offer in found if when.covers(offer.starts_at.astimezone(desk.tz)))


def one_per_start(offers: Iterable[Offer]) -> list[Offer]:
    """Keep one slot of each start, of changing agents: with the first of them, one agent would get every viewing."""
    by_start: dict[datetime, list[Offer]] = defaultdict(list)
    for offer in offers:
        by_start[offer.starts_at].append(offer)
    return [same[crc32(start.isoformat().encode()) % len(same)] for start, same in sorted(by_start.items())]


def next_slots(desk: Desk, scope: Scope, *, after: date | None = None, part_of_day: str | None = None) -> list[Offer]:
    """Return open slots of the first days, from `after` on, that have any."""
    first = max(after or desk.now.astimezone(desk.tz).date(), timezone.now().astimezone(desk.tz).date())
    horizon = scope.listing.horizon_days if scope.listing and scope.listing.horizon_days else None
    days = horizon or OfficeSettings.load().horizon_days
    for offset in range(0, days + 1, _DAYS_AT_A_TIME):
        start = first + timedelta(days=offset)
        span = When(start, start + timedelta(days=_DAYS_AT_A_TIME - 1), part_of_day=part_of_day)
        found = open_slots(desk, scope, span)
        if found:
            return found
    return []


def spread(desk: Desk, offers: Sequence[Offer], count: int = OFFERED) -> list[Offer]:
    """Choose slots that differ: of different days first, mornings and afternoons in turn, then far from each other."""
    by_day: dict[date, list[Offer]] = defaultdict(list)
    for offer in offers:
        by_day[offer.starts_at.astimezone(desk.tz).date()].append(offer)
    chosen: list[Offer] = []
    for turn, day in enumerate(sorted(by_day)[:count]):
        half = [offer for offer in by_day[day] if _is_afternoon(desk, offer) == bool(turn % 2)]
        chosen.append((half or by_day[day])[0])
    left = [offer for offer in offers if offer not in chosen]
    while left and len(chosen) < count:
        best = max(left, key=lambda offer: min(abs(offer.starts_at - other.starts_at) for other in chosen))
        chosen.append(best)
        left.remove(best)
    return sorted(chosen, key=lambda offer: offer.starts_at)


def _is_afternoon(desk: Desk, offer: Offer) -> bool:
    return offer.starts_at.astimezone(desk.tz).hour >= PARTS_OF_DAY["afternoon"][0]


def nearest(offers: Sequence[Offer], wanted: datetime, count: int = ALTERNATIVES) -> list[Offer]:
    """Return the slots nearest to an instant, in the order of time."""
    near = sorted(offers, key=lambda offer: (abs(offer.starts_at - wanted), offer.starts_at))[:count]
    return sorted(near, key=lambda offer: offer.starts_at)


def alternatives(desk: Desk, when: When | None) -> list[Offer]:
    """Return what can be offered in place of a time that was refused."""
    scope = desk.scope
    if when is not None and when.last >= desk.now.astimezone(desk.tz).date():
        found = open_slots(desk, scope, When(when.first, when.last, part_of_day=when.part_of_day))
        if found:
            return nearest(found, when.starts_at) if when.starts_at else spread(desk, found, ALTERNATIVES)
        return next_slots(desk, scope, after=when.first)[:ALTERNATIVES]
    return spread(desk, next_slots(desk, scope), ALTERNATIVES)


def say_offers(desk: Desk, offers: Sequence[Offer], joint: str = "or") -> str:
    """Return "Tuesday 3 June at 3 PM, in 2 days (slot 7K2MP-…); or …"."""
    said = [f"{desk.say(offer.starts_at)} (slot {offer.slot_id})" for offer in offers]
    return say_list(said, joint=joint, comma="; ")
