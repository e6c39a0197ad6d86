"""Today as one person sees it: what needs them now, and today's viewings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta

from django.utils import timezone

from crm.models import Agent, Appointment, AppointmentStatus
from crm.needs import Needs, needs
from crm.rights import sees_everything


@dataclass(frozen=True)
class Desk:
    """All of the office for managers, their own and nobody's for agents."""

    needs: list[Needs]
    viewings: list[Appointment]
    next_viewing: Appointment | None
    is_office: bool
    as_of: datetime

    @property
    def needs_count(self) -> int:
        return sum(kind.count for kind in self.needs)


def desk(agent: Agent, *, now: datetime | None = None) -> Desk:
    """Return the desk of `agent` at `now`. The day is the local one in force."""
    now = now or timezone.now()
    start, end = day_bounds(now)
    is_office = sees_everything(agent)
    kept = Appointment.objects.exclude(status=AppointmentStatus.CANCELLED).with_names()
    kept = kept.exclude(status=AppointmentStatus.HELD, expires_at__lte=now)
    kept = kept if is_office else kept.filter(agent=agent)
    viewings = list(kept.filter(starts_at__gte=start, starts_at__lt=end))
    return Desk(
        needs=needs(agent, now, end),
        viewings=viewings,
        next_viewing=None if viewings else kept.filter(starts_at__gte=end).first(),
        is_office=is_office,
        as_of=now,
    )


def day_bounds(now: datetime) -> tuple[datetime, datetime]:
    """Return the first instants of the local day and of the next one; a day lasts 23, 24 or 25 hours."""
    today = timezone.localdate(now)
    tz = timezone.get_current_timezone()
    return (
        datetime.combine(today, time(), tz),
        datetime.combine(today + timedelta(days=1), time(), tz),
    )
