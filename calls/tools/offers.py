"""Which of the open slots are offered, and in what words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta

from django.utils import timezone

from calls.phrases import say_list
from calls.spoken_time import PARTS_OF_DAY, When
from calls.tools.desk import Desk, Scope
from crm.availability import find_slots
from crm.choice import whose_turn
from crm.models import Agent, OfficeSettings
from crm.slots import Offer

OFFERED = 4
ALTERNATIVES = 3
_MOST_READ = 500
_DAYS_AT_A_TIME = 7


def open_slots(desk: Desk, scope: Scope, when: When, *, limit: int = _MOST_READ) -> list[Offer]:
    """Return the open slots in the days and the part of the day meant, those of every agent."""
    start = datetime.combine(when.first, time(), desk.tz)
    end = datetime.combine(when.last + timedelta(days=1), time(), desk.tz)
    agent_ids = [scope.agent.pk] if scope.agent else None
    found = find_slots(start=start, end=end, agent_ids=agent_ids, listing=scope.listing, limit=limit)
    return [offer for offer in found if when.covers(offer.starts_at.astimezone(desk.tz))]


def fairly(starts: Iterable[datetime], offers: Sequence[Offer]) -> list[Offer]:
    """Return one slot of each start, in the order of time: that of the agent whose turn it is among those free then."""
    free = {start: [offer for offer in offers if offer.starts_at == start] for start in sorted(starts)}
    people = Agent.objects.in_bulk({offer.agent_id for same in free.values() for offer in same if len(same) > 1})
    return [_in_turn(same, people) for same in free.values()]


def _in_turn(same: Sequence[Offer], people: dict[int, Agent]) -> Offer:
    if len(same) == 1:
        return same[0]
    by_agent = {offer.agent_id: offer for offer in same}
    return by_agent[whose_turn([people[pk] for pk in by_agent], same[0].starts_at, timezone.now())]


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
    by_day: dict[date, list[datetime]] = defaultdict(list)
    left = sorted({offer.starts_at for offer in offers})
    for start in left:
        by_day[start.astimezone(desk.tz).date()].append(start)
    chosen: list[datetime] = []
    for turn, day in enumerate(sorted(by_day)[:count]):
        half = [start for start in by_day[day] if _is_afternoon(desk, start) == bool(turn % 2)]
        chosen.append((half or by_day[day])[0])
    left = [start for start in left if start not in chosen]
    while left and len(chosen) < count:
        best = max(left, key=lambda start: min(abs(start - other) for other in chosen))
        chosen.append(best)
        left.remove(best)
    return fairly(chosen, offers)


def _is_afternoon(desk: Desk, start: datetime) -> bool:
    return start.astimezone(desk.tz).hour >= PARTS_OF_DAY["afternoon"][0]


def nearest(offers: Sequence[Offer], wanted: datetime, count: int = ALTERNATIVES) -> list[Offer]:
    """Return the slots nearest to an instant, in the order of time."""
    starts = {offer.starts_at for offer in offers}
    return fairly(sorted(starts, key=lambda start: (abs(start - wanted), start))[:count], offers)


def alternatives(desk: Desk, when: When | None) -> list[Offer]:
    """Return what can be offered in place of a time that was refused."""
    scope = desk.scope
    if when is not None and when.last >= desk.now.astimezone(desk.tz).date():
        found = open_slots(desk, scope, When(when.first, when.last, part_of_day=when.part_of_day))
        if found:
            return nearest(found, when.starts_at) if when.starts_at else spread(desk, found, ALTERNATIVES)
        later = next_slots(desk, scope, after=when.first)
        return nearest(later, later[0].starts_at) if later else []
    return spread(desk, next_slots(desk, scope), ALTERNATIVES)


def say_offers(desk: Desk, offers: Sequence[Offer], joint: str = "or") -> str:
    """Return "Tuesday 3 June at 3 PM, in 2 days (slot 7K2MP-…); or …"."""
    said = [f"{desk.say(offer.starts_at)} (slot {offer.slot_id})" for offer in offers]
    return say_list(said, joint=joint, comma="; ")
