"""Choosing for a viewing: the agent whose turn it is, and other times when the wanted one is gone."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django.db import connection
from django.utils import timezone

from crm.availability import RULES, find_slots, read_sql, rules_against, rules_for
from crm.errors import OutsideHours, PastTime, SlotRefused, SlotTaken, UnknownProperty
from crm.models import ListingStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from crm.availability import BookingRules
    from crm.models import Agent, Listing
    from crm.slots import Offer

ALTERNATIVES = 3
# Alternatives come from this much before the wanted time to this much after it.
SOONER, LATER = timedelta(hours=8), timedelta(days=14)

# `not_shown` and `off_step` are not explanations of a step: the first is about the agent, the second is not on one.
_REFUSALS: dict[str, tuple[type[SlotRefused], str]] = {
    "not_shown": (SlotTaken, "Nobody can show this home then."),
    "off_step": (OutsideHours, "Viewings do not begin at that minute."),
    "outside_hours": (OutsideHours, "That time is outside the working hours."),
    "closure": (OutsideHours, "The office is closed that day."),
    "busy": (SlotTaken, "That time is not free."),
    "appointment": (SlotTaken, "That time has just been taken."),
    "hold": (SlotTaken, "That time is being held for somebody else."),
    "buffer": (SlotTaken, "That time is too close to another viewing."),
    "minimum_notice": (PastTime, "That time is too soon."),
    "horizon": (OutsideHours, "That is too far ahead to be booked."),
    "daily_cap": (SlotTaken, "That day is full."),
}
_HOW_NEAR = {rule: place for place, rule in enumerate(["not_shown", *RULES, "off_step"])}


def choose_agent(
    *,
    listing: Listing,
    starts_at: datetime,
    agents: Sequence[Agent],
    rules: BookingRules,
    ignored: Sequence[int] = (),
    now: datetime,
) -> Agent:
    """Return the one of `agents` who is to show the home at that time.

    Call it under the candidates' row locks. `ignored` are ids of appointments that are not in the way.
    Raises UnknownProperty, or SlotRefused without alternatives.
    """
    if listing.status != ListingStatus.AVAILABLE:
        raise UnknownProperty(f"{listing} cannot be viewed at the moment.")
    if starts_at <= now:
        raise PastTime("That time has passed.")
    people = {agent.pk: agent for agent in agents}
    verdicts = rules_against(
        starts_at=starts_at, listing=listing, agent_ids=list(people), ignored=ignored, rules=rules, now=now
    )
    closed = {pk: rule or _off_step(people[pk], starts_at, rules) for pk, rule in verdicts.items()}
    free = [pk for pk, rule in closed.items() if rule is None]
    if not free:
        # Calendars kept elsewhere are busy wherever nobody has looked yet: too far ahead is the better reason there.
        raise _refusal(["horizon"] if starts_at >= now + rules.horizon else closed.values())
    return people[free[0] if len(free) == 1 else whose_turn([people[pk] for pk in free], starts_at, now)]


def _off_step(agent: Agent, starts_at: datetime, rules: BookingRules) -> str | None:
    """Return "off_step" unless the start is on a step of the agent's local hour."""
    local = starts_at.astimezone(ZoneInfo(agent.timezone))
    into_hour = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    return "off_step" if into_hour % rules.step else None


def _refusal(closed_by: Iterable[str | None]) -> SlotRefused:
    """Return the refusal of the agent who came nearest to being free."""
    rule = max((rule for rule in closed_by if rule), key=_HOW_NEAR.__getitem__, default="not_shown")
    kind, message = _REFUSALS[rule]
    return kind(message, rule=rule)


def whose_turn(agents: Sequence[Agent], starts_at: datetime, now: datetime) -> int:
    """Return the id of the agent with the fewest viewings that week, then longest without one."""
    weeks = [_week_of(starts_at, ZoneInfo(agent.timezone)) for agent in agents]
    parameters: dict[str, Any] = {
        "agent_ids": [agent.pk for agent in agents],
        "mondays": [monday for monday, _ in weeks],
        "next_mondays": [next_monday for _, next_monday in weeks],
        "starts_at": starts_at,
        "now": now,
    }
    with connection.cursor() as cursor:
        cursor.execute(read_sql("fair_choice"), parameters)
        return cursor.fetchone()[0]


def _week_of(instant: datetime, tz: ZoneInfo) -> tuple[datetime, datetime]:
    """Return the local Monday's midnight before `instant`, and the next one."""
    day = instant.astimezone(tz).date()
    monday = day - timedelta(days=day.weekday())
    return datetime.combine(monday, time(), tz), datetime.combine(monday + timedelta(days=7), time(), tz)


def nearest_offers(
    *, listing: Listing, starts_at: datetime, prefer_agent_id: int | None = None, now: datetime | None = None
) -> list[Offer]:
    """Return up to three open slots of different times near the wanted one, in the order of time.

    With none in the fortnight after it, the first ones from now on.
    """
    now = now or timezone.now()
    horizon = now + rules_for(listing).horizon
    wanted = min(max(starts_at, now), horizon)
    around = find_slots(start=wanted - SOONER, end=wanted + LATER, listing=listing, limit=500, now=now)
    offers = around or find_slots(start=now, end=horizon, listing=listing, now=now)
    near = sorted(offers, key=lambda o: (abs(o.starts_at - wanted), o.agent_id != prefer_agent_id, o.agent_id))
    by_time: dict[datetime, Offer] = {}
    for offer in near:
        by_time.setdefault(offer.starts_at, offer)
    return sorted(list(by_time.values())[:ALTERNATIVES], key=lambda offer: offer.starts_at)
