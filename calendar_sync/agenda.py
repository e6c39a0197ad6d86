"""What keeps an agent's time in a window: viewings, and what is busy for another reason."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Q
from django.utils import timezone

from crm.models import Agent, Appointment, AppointmentStatus, BusyTime

KEPT = [AppointmentStatus.HELD, AppointmentStatus.BOOKED, AppointmentStatus.COMPLETED]


@dataclass(frozen=True)
class Entry:
    """One viewing, or one busy time, [starts_at, ends_at)."""

    starts_at: datetime
    ends_at: datetime
    viewing: Appointment | None = None
    busy: BusyTime | None = None

    @property
    def title(self) -> str:
        """Say what it is. Of a mirrored event nothing is known but that it blocks the time."""
        if self.viewing is not None:
            return f"Viewing: {self.viewing.listing}"
        assert self.busy is not None
        return self.busy.reason[:1].upper() + self.busy.reason[1:] or "Busy"


@dataclass
class Part:
    """What of an entry lies on one local day, [starts_at, ends_at)."""

    entry: Entry
    starts_at: datetime
    ends_at: datetime
    is_all_day: bool = False


def agenda(agent: Agent, start: datetime, end: datetime) -> list[Entry]:
    """Return what touches [start, end), by start. A hold that has lapsed keeps nothing."""
    window = {"agent": agent, "starts_at__lt": end, "ends_at__gt": start}
    lapsed = Q(status=AppointmentStatus.HELD, expires_at__lte=timezone.now())
    viewings = Appointment.objects.with_names().filter(**window, status__in=KEPT).exclude(lapsed)
    entries = [Entry(row.starts_at, row.ends_at, viewing=row) for row in viewings]
    entries += [Entry(row.starts_at, row.ends_at, busy=row) for row in BusyTime.objects.filter(**window)]
    return sorted(entries, key=lambda entry: (entry.starts_at, entry.ends_at))


def by_day(agent: Agent, start: datetime, end: datetime) -> list[tuple[date, list[Part]]]:
    """Return the agenda of [start, end) by the agent's local days. What lasts for days is on each of them."""
    tz = ZoneInfo(agent.timezone)
    days: dict[date, list[Part]] = {}
    for entry in agenda(agent, start, end):
        day = max(entry.starts_at, start).astimezone(tz).date()
        while (midnight := datetime.combine(day, time(), tz)) < min(entry.ends_at, end):
            next_day = datetime.combine(day + timedelta(days=1), time(), tz)
            part = Part(entry, max(entry.starts_at, midnight), min(entry.ends_at, next_day))
            part.is_all_day = (part.starts_at, part.ends_at) == (midnight, next_day)
            days.setdefault(day, []).append(part)
            day += timedelta(days=1)
    return sorted(days.items())
