"""Which slots can be offered, and why the others cannot.

The rules are CONTRACT's: working hours − closures − busy times − live appointments and unexpired holds, with buffers,
minimum notice, horizon and daily cap. All of it is one query for all agents at once; see sql/availability.sql.
Every interval is half-open, every instant aware.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import connection
from django.utils import timezone

from crm.errors import BadArguments
from crm.models import Agent, OfficeSettings
from crm.slots import Offer
from crm.zones import segments

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crm.models import Listing

# In this order: the first rule that closes a step is its explanation.
RULES = [
    "outside_hours",
    "closure",
    "busy",
    "appointment",
    "hold",
    "buffer",
    "minimum_notice",
    "horizon",
    "daily_cap",
]
# A local day has at most 25 hours, a buffer at most 12: nothing further from the window matters.
NEARBY = timedelta(hours=26)
# An hour of UTC; a zone's local hours begin a whole number of hours and its offset away from it.
HOUR_START = datetime(2000, 1, 1, tzinfo=UTC)
# Explaining names every step; a longer window is a mistake, and would keep the database busy for minutes.
LONGEST_EXPLANATION = timedelta(days=800)
_SQL = Path(__file__).parent / "sql"


@dataclass(frozen=True)
class Explanation:
    """Why a viewing of this agent cannot start then: the first of `RULES` that says no."""

    starts_at: datetime
    agent_id: int
    rule: str


@dataclass(frozen=True)
class BookingRules:
    """The office's rules with a listing's own in their place."""

    length: timedelta
    step: timedelta
    before_minutes: int
    after_minutes: int
    notice: timedelta
    horizon: timedelta
    daily_cap: int | None
    hold: timedelta


def rules_for(listing: Listing | None) -> BookingRules:
    """Read the rules that hold for a listing, or for an agent's time without one."""
    office = OfficeSettings.load()

    def rule(name: str) -> int:
        own = getattr(listing, name, None)
        return getattr(office, name) if own is None else own

    return BookingRules(
        length=timedelta(minutes=rule("viewing_minutes")),
        step=timedelta(minutes=office.slot_step_minutes),
        before_minutes=rule("buffer_before_minutes"),
        after_minutes=rule("buffer_after_minutes"),
        notice=timedelta(minutes=rule("minimum_notice_minutes")),
        horizon=timedelta(hours=24 * rule("horizon_days")),
        daily_cap=office.daily_cap,
        hold=timedelta(seconds=office.hold_seconds),
    )


def find_slots(
    *,
    start: datetime,
    end: datetime,
    agent_ids: Sequence[int] | None = None,
    listing: Listing | None = None,
    limit: int = 50,
    now: datetime | None = None,
) -> list[Offer]:
    """Return the first `limit` slots with start ≤ s < end, by start, then agent.

    With a listing, only agents who show it and only while it is available; without, any agent who can be booked.
    """
    now = now or timezone.now()
    rules = rules_for(listing)
    start, end = max(start, now + rules.notice), min(end, now + rules.horizon)
    if start >= end:
        return []
    parameters = _parameters(rules, start, end, now, agent_ids, listing) | {"limit": limit}
    listing_id = listing.pk if listing else None
    return [
        Offer(agent_id, listing_id, starts_at, starts_at + rules.length)
        for agent_id, starts_at in _run("open_slots", parameters)
    ]


def explain(
    *,
    start: datetime,
    end: datetime,
    agent_ids: Sequence[int] | None = None,
    listing: Listing | None = None,
    now: datetime | None = None,
) -> list[Explanation]:
    """Return every closed step with start ≤ s < end and the rule that closed it. Raises BadArguments over 800 days."""
    if start >= end:
        return []
    if end - start > LONGEST_EXPLANATION:
        raise BadArguments(f"At most {LONGEST_EXPLANATION.days} days can be explained at once.")
    now = now or timezone.now()
    parameters = _parameters(rules_for(listing), start, end, now, agent_ids, listing)
    rows = _run("closed_steps", parameters | {"exactly": None})
    return [Explanation(starts_at, agent_id, rule) for agent_id, starts_at, rule in rows]


def rules_against(
    *,
    starts_at: datetime,
    listing: Listing | None,
    agent_ids: Sequence[int] | None = None,
    ignored: Sequence[int] = (),
    rules: BookingRules | None = None,
    now: datetime | None = None,
) -> dict[int, str | None]:
    """Return, for each candidate agent, the rule that closes exactly this start, None where it is open.

    `ignored` are ids of appointments that do not count. Whether the start is on a step is not asked here.
    """
    now = now or timezone.now()
    rules = rules or rules_for(listing)
    end = starts_at + timedelta(microseconds=1)
    parameters = _parameters(rules, starts_at, end, now, agent_ids, listing)
    rows = _run("closed_steps", parameters | {"exactly": starts_at, "ignored": list(ignored)})
    return {agent_id: rule for agent_id, _, rule in rows}


def closing_rules(
    *, starts_at: datetime, agent_ids: Sequence[int], listing: Listing | None, now: datetime | None = None
) -> dict[int, list[str]]:
    """Return, for each of the agents who can be booked there, every rule that closes exactly this start."""
    end = starts_at + timedelta(microseconds=1)
    parameters = _parameters(rules_for(listing), starts_at, end, now or timezone.now(), agent_ids, listing)
    return dict(_run("closing_rules", parameters))


def why_closed(
    *, agent_id: int, listing: Listing | None, starts_at: datetime, now: datetime | None = None
) -> str | None:
    """Return the rule that closes this start, None when it is open.

    An agent who cannot be booked there has no working hours there.
    """
    verdicts = rules_against(starts_at=starts_at, listing=listing, agent_ids=[agent_id], now=now)
    return verdicts.get(agent_id, "outside_hours")


def _parameters(
    rules: BookingRules,
    start: datetime,
    end: datetime,
    now: datetime,
    agent_ids: Sequence[int] | None,
    listing: Listing | None,
) -> dict[str, Any]:
    try:
        near_start, near_end = start - NEARBY, end + rules.length + NEARBY
    except OverflowError:
        raise BadArguments("That time is too far away.") from None
    office_zone = settings.OFFICE_TZ.key
    bookable = Agent.objects.filter(is_active=True, is_bookable=True).order_by()
    zones = segments([office_zone, *bookable.values_list("timezone", flat=True).distinct()], near_start, near_end)
    return {
        "start": start,
        "end": end,
        "now": now,
        "agent_ids": None if agent_ids is None else list(agent_ids),
        "listing_id": listing.pk if listing else None,
        "stacked": bool(listing and listing.allows_stacked_viewings),
        "near_start": near_start,
        "near_end": near_end,
        "zones": [segment.zone for segment in zones],
        "since": [segment.since for segment in zones],
        "until": [segment.until for segment in zones],
        "offsets": [segment.offset for segment in zones],
        "office_zone": office_zone,
        "length": rules.length,
        "step": rules.step,
        "before": rules.before_minutes,
        "after": rules.after_minutes,
        "earliest": now + rules.notice,
        "latest": now + rules.horizon,
        "daily_cap": rules.daily_cap,
        "hour_start": HOUR_START,
        "ignored": [],
    }


@cache
def read_sql(name: str) -> str:
    """Return the query of crm/sql with that name."""
    return (_SQL / f"{name}.sql").read_text(encoding="utf-8")


def _run(name: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(read_sql("availability") + read_sql(name), parameters)
        return cursor.fetchall()
