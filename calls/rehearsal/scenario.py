"""What a scenario says: the office, the clock, who calls, what is said and done, and how it must end."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

DAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
_WHEN = re.compile(r"(?:(\d{4}-\d\d-\d\d)|([a-z]+))(?:[ t](\d\d):(\d\d))?", re.IGNORECASE)
_CLOCK = re.compile(r"(\d\d):(\d\d)")


@dataclass(frozen=True)
class Moment:
    """A day, by its date or by its name, and a time of it. A weekday is the next one after today."""

    text: str
    on: date | None
    name: str
    at: time | None

    def day(self, today: date) -> date:
        if self.on is not None:
            return self.on
        if self.name in ("today", "tomorrow"):
            return today + timedelta(days=self.name == "tomorrow")
        return today + timedelta(days=(DAYS.index(self.name) - today.weekday() - 1) % 7 + 1)

    def instant(self, today: date, tz: ZoneInfo) -> datetime:
        assert self.at is not None
        return datetime.combine(self.day(today), self.at, tz)


def read_moment(text: str) -> Moment:
    """Read "2026-06-02 15:00", "Tuesday 15:00", "tomorrow 09:30"; also without a time. Raises ValueError."""
    match = _WHEN.fullmatch(text.strip())
    if not match:
        raise ValueError(text)
    name = (match[2] or "").lower()
    if name and name not in (*DAYS, "today", "tomorrow"):
        raise ValueError(text)
    on = date.fromisoformat(match[1]) if match[1] else None
    return Moment(text, on, name, time(int(match[3]), int(match[4])) if match[3] else None)


def read_minute(text: str) -> int:
    """Read "09:00" as minutes after midnight; 24:00 is the day's end. Raises ValueError."""
    match = _CLOCK.fullmatch(text.strip())
    minutes = int(match[1]) * 60 + int(match[2]) if match and int(match[2]) < 60 else -1
    if not 0 <= minutes <= 24 * 60:
        raise ValueError(text)
    return minutes


@dataclass(frozen=True)
class AgentPart:
    name: str
    weekdays: tuple[int, ...]
    start_minute: int
    end_minute: int
    busy: tuple[tuple[Moment, int], ...] = ()


@dataclass(frozen=True)
class HomePart:
    address: str
    rent: int
    bedrooms: int
    agents: tuple[str, ...]
    pets: bool = False
    neighborhood: str = ""
    horizon_days: int = 60


@dataclass(frozen=True)
class Office:
    agents: tuple[AgentPart, ...]
    homes: tuple[HomePart, ...]
    closed: tuple[Moment, ...] = ()
    # The home the assistant on the line speaks for, "" for the whole office's.
    about: str = ""


@dataclass(frozen=True)
class Step:
    """One thing that happens. `kind` is the field that names it; the other fields belong to some kinds only."""

    kind: str
    line: int
    text: str = ""
    cut: bool = False
    tools: tuple[tuple[str, dict[str, Any]], ...] = ()
    answers: tuple[str, ...] = ()
    minutes: int = 0
    home: str = ""
    agent: str = ""
    when: Moment | None = None


@dataclass(frozen=True)
class CallPart:
    """One call. `number` None is withheld; `ended` is Vapi's reason, "" when nothing tells of the end."""

    steps: tuple[Step, ...]
    number: str | None
    kind: str = "phone"
    delivery: str = "in order"
    ended: str = "customer-ended-call"


@dataclass(frozen=True)
class ExpectedViewing:
    line: int
    when: Moment
    agent: str = ""
    home: str = ""
    status: str = "booked"


@dataclass(frozen=True)
class Expected:
    """How it must end. None: not looked at."""

    viewings: tuple[ExpectedViewing, ...] = ()
    leads: int | None = None
    lead: dict[str, Any] = field(default_factory=dict)
    callbacks: int | None = None
    follow_ups: int | None = None
    emails: tuple[str, ...] | None = None
    calls: int | None = None
    call: dict[str, str] = field(default_factory=dict)
    context: dict[str, Any] = field(default_factory=dict)
    heard: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    tool_calls: int | None = None


@dataclass(frozen=True)
class Scenario:
    """One story. Without a `clock` it may be played at any time, also against a desk that is running."""

    name: str
    about: str
    file: str
    office: Office
    calls: tuple[CallPart, ...]
    expected: Expected
    clock: Moment | None = None
