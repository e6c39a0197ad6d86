"""Instants at the edge: RFC 3339 with an offset in, UTC out."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time

from django.conf import settings

# Beyond these, arithmetic on dates would overflow.
EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
LATEST = datetime(2999, 12, 31, tzinfo=UTC)

# "T" may be a space in RFC 3339, and a "+" sent unescaped in a query arrives as one.
RFC3339 = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)[Tt ](?P<time>\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)(?P<offset>[Zz]|[+\- ]\d\d:?\d\d)",
    re.ASCII,
)


def write_instant(at: datetime | None) -> str | None:
    """Return `at` as RFC 3339 in UTC, for example 2027-03-14T15:00:00+00:00."""
    return None if at is None else at.astimezone(UTC).isoformat()


def read_instant(text: str) -> datetime:
    """Return the instant `text` names. Raises ValueError, with a message to show, when it names none."""
    match = RFC3339.fullmatch(text.strip())
    if match is None:
        raise ValueError("Write the time as RFC 3339 with an offset, for example 2027-03-14T09:00:00-05:00.")
    offset = match["offset"].replace(" ", "+").upper()
    try:
        at = datetime.fromisoformat(f"{match['date']}T{match['time']}{offset}").astimezone(UTC)
    except (ValueError, OverflowError) as exc:
        raise ValueError("There is no such time.") from exc
    if not EARLIEST <= at <= LATEST:
        raise ValueError("This time is too far away.")
    return at


def read_instant_or_day(text: str) -> datetime:
    """Return an instant; a date alone is the start of that day in the office's zone. Raises ValueError."""
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text.strip(), re.ASCII):
        try:
            day = datetime.combine(date.fromisoformat(text.strip()), time(), settings.OFFICE_TZ).astimezone(UTC)
        except (ValueError, OverflowError) as exc:
            raise ValueError("There is no such day.") from exc
        if EARLIEST <= day <= LATEST:
            return day
        raise ValueError("This day is too far away.")
    return read_instant(text)
