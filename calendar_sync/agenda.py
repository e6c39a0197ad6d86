"""What keeps an agent's time in a window: viewings, and what is busy for another reason."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
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


def agenda(agent: Agent, start: datetime, end: datetime) -> list[Entry]:
    """Return what touches [start, end), by start. A hold that has lapsed keeps nothing."""
    window = {"agent": agent, "starts_at__lt": end, "ends_at__gt": start}
    lapsed = Q(status=AppointmentStatus.HELD, expires_at__lte=timezone.now())
    viewings = Appointment.objects.with_names().filter(**window, status__in=KEPT).exclude(lapsed)
    entries = [Entry(row.starts_at, row.ends_at, viewing=row) for row in viewings]
    entries += [Entry(row.starts_at, row.ends_at, busy=row) for row in BusyTime.objects.filter(**window)]
    return sorted(entries, key=lambda entry: (entry.starts_at, entry.ends_at))


def by_day(agent: Agent, start: datetime, end: datetime) -> list[tuple[date, list[Entry]]]:
    """Return the agenda of [start, end) by the agent's local days; what began before `start` is of its first day."""
    tz = ZoneInfo(agent.timezone)

    def day(entry: Entry) -> date:
        return max(entry.starts_at, start).astimezone(tz).date()

    return [(of, list(entries)) for of, entries in groupby(agenda(agent, start, end), key=day)]
