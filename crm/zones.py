"""How long each zone keeps one offset from UTC.

PostgreSQL and Python each bring a list of the world's time zones, and the lists are seldom of the same year. What is
offered must be what is said and shown, so offsets come from Python alone and PostgreSQL is told them.
"""

from __future__ import annotations

import logging
from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

logger = logging.getLogger(__name__)

DAY = timedelta(hours=24)


class Segment(NamedTuple):
    """[since, until) in which local time is UTC plus `offset`."""

    zone: str
    since: datetime
    until: datetime
    offset: timedelta


def segments(zones: Iterable[str], since: datetime, until: datetime) -> list[Segment]:
    """Return the segments of [since, until) for every zone; none for a zone that is not known here."""
    return [segment for zone in sorted(set(zones)) for segment in _of_zone(zone, since, until)]


def _of_zone(zone: str, since: datetime, until: datetime) -> Iterator[Segment]:
    try:
        tz = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        logger.error("The time zone %r is not known here: its agents cannot be booked.", zone)
        return
    while since < until:
        change = _next_change(tz, since, until)
        yield Segment(zone, since, change, _offset(tz, since))
        since = change


def _offset(tz: ZoneInfo, instant: datetime) -> timedelta:
    return instant.astimezone(tz).utcoffset() or timedelta()


def _next_change(tz: ZoneInfo, since: datetime, until: datetime) -> datetime:
    """Return when the offset of `since` ends, at most `until`. Looks once a day, then for the second."""
    offset = _offset(tz, since)
    day = since
    while day < until and _offset(tz, day) == offset:
        day += DAY
    seconds = range(int((day - DAY).timestamp()), int(day.timestamp()) + 1)
    unchanged = bisect_right(seconds, False, key=lambda second: _offset(tz, _instant(second)) != offset)
    return min(_instant(seconds.start + unchanged), until)


def _instant(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)
