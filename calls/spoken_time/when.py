"""What a phrase about time can mean."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time

# Local hours [start, end) of each part of the day.
PARTS_OF_DAY = {"morning": (0, 12), "afternoon": (12, 17), "evening": (17, 24)}


@dataclass(frozen=True)
class When:
    """The days [first, last] and, where they were said, the exact instant or the part of the day.

    `starts_at` is aware. With it, `first` and `last` are its local day.
    """

    first: date
    last: date
    starts_at: datetime | None = None
    part_of_day: str | None = None

    def covers(self, local: datetime) -> bool:
        """Return whether a local time lies in the days and the part of the day meant."""
        if not self.first <= local.date() <= self.last:
            return False
        if self.part_of_day is None:
            return True
        start, end = PARTS_OF_DAY[self.part_of_day]
        return start <= local.hour < end


@dataclass(frozen=True)
class Days:
    """A day or several, as read so far: [first, last]."""

    first: date
    last: date
    part: str | None = None


@dataclass(frozen=True)
class Clock:
    """A time of day as read so far. `is_bare`: neither am, pm nor a 24-hour form was said."""

    at: time
    is_bare: bool = False
