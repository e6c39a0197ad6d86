"""The days on which a recurring event takes place."""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import count
from typing import Any

from calendar_sync.sandbox.messages import GraphError

DAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
INDEXES = ["first", "second", "third", "fourth", "last"]
_MONTHS = {"absoluteMonthly": 1, "relativeMonthly": 1, "absoluteYearly": 12, "relativeYearly": 12}
_LAST_DAY = date(2100, 1, 1)


def check(recurrence: Any) -> None:
    """Refuse a recurrence that cannot be expanded."""
    pattern, span = (recurrence.get(name) for name in ("pattern", "range")) if isinstance(recurrence, dict) else (0, 0)
    if not isinstance(pattern, dict) or not isinstance(span, dict) or "startDate" not in span:
        raise GraphError(400, "ErrorInvalidRequest", "A recurrence needs a pattern and a range with its startDate.")
    if pattern.get("type") not in {"daily", "weekly", *_MONTHS} or span.get("type") not in _ENDS:
        raise GraphError(400, "ErrorInvalidRequest", "That kind of recurrence is not known.")


def days(recurrence: dict[str, Any], until: date) -> Iterator[date]:
    """Yield the days of a series in order, up to and including `until`."""
    span = recurrence["range"]
    first = date.fromisoformat(span["startDate"])
    end = date.fromisoformat(span["endDate"]) if span["type"] == "endDate" else _LAST_DAY
    left = span["numberOfOccurrences"] if span["type"] == "numbered" else None
    for number, day in enumerate(_pattern_days(recurrence["pattern"], first)):
        if day > min(until, end) or number == left:
            return
        yield day


_ENDS = {"endDate", "noEnd", "numbered"}


def _pattern_days(pattern: dict[str, Any], first: date) -> Iterator[date]:
    """Yield the days of a pattern from `first` on, for ever."""
    interval = pattern.get("interval") or 1
    if pattern["type"] == "daily":
        yield from (first + timedelta(days=interval * n) for n in count())
    elif pattern["type"] == "weekly":
        yield from _weekly(pattern, first, interval)
    else:
        yield from _monthly(pattern, first, interval * _MONTHS[pattern["type"]])


def _weekly(pattern: dict[str, Any], first: date, interval: int) -> Iterator[date]:
    starts_on = DAYS.index(pattern.get("firstDayOfWeek") or "sunday")
    monday_based = [DAYS.index(name) for name in pattern.get("daysOfWeek") or [DAYS[first.weekday()]]]
    offsets = sorted((day - starts_on) % 7 for day in monday_based)
    week = first - timedelta(days=(first.weekday() - starts_on) % 7)
    for n in count():
        for offset in offsets:
            day = week + timedelta(weeks=interval * n, days=offset)
            if day >= first:
                yield day


def _monthly(pattern: dict[str, Any], first: date, months: int) -> Iterator[date]:
    start = first.year * 12 + (pattern.get("month") or first.month) - 1 if months % 12 == 0 else None
    start = first.year * 12 + first.month - 1 if start is None else start
    for n in count():
        year, month = divmod(start + n * months, 12)
        day = _day_of_month(pattern, year, month + 1, first)
        if day >= first:
            yield day


def _day_of_month(pattern: dict[str, Any], year: int, month: int, first: date) -> date:
    length = calendar.monthrange(year, month)[1]
    if pattern["type"].startswith("absolute"):
        # The 31st of a shorter month is its last day, as Outlook has it.
        return date(year, month, min(pattern.get("dayOfMonth") or first.day, length))
    wanted = {DAYS.index(name) for name in pattern.get("daysOfWeek") or [DAYS[first.weekday()]]}
    fitting = [day for n in range(1, length + 1) if (day := date(year, month, n)).weekday() in wanted]
    index = INDEXES.index(pattern.get("index") or "first")
    return fitting[-1] if index == 4 else fitting[index]
