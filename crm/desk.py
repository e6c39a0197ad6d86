"""What a member of staff needs to see now: tasks due, holds not confirmed, today's viewings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import TypeVar

from django.db.models import Model, Q, QuerySet
from django.utils import timezone

from crm.models import Agent, Appointment, AppointmentStatus, Lead, Task, TaskKind

Row = TypeVar("Row", bound=Model)
MOST_NEEDS = 12


@dataclass(frozen=True)
class Need:
    """One line of "what needs me now". `kind` is a TaskKind or "hold"; `at` is when it is due or lapses."""

    kind: str
    lead: Lead | None
    text: str
    at: datetime
    is_late: bool
    task_id: int | None = None
    appointment: Appointment | None = None


@dataclass(frozen=True)
class Desk:
    """Today as one person sees it: all of the office for managers, their own and nobody's for agents."""

    needs: list[Need]
    needs_count: int
    viewings: list[Appointment]
    next_viewing: Appointment | None
    is_office: bool
    as_of: datetime

    @property
    def needs_more(self) -> int:
        return self.needs_count - len(self.needs)


def desk(agent: Agent, *, now: datetime | None = None) -> Desk:
    """Return the desk of `agent` at `now`. The day is the local one in force."""
    now = now or timezone.now()
    start, end = day_bounds(now)
    tasks = _own(Task.objects.filter(done_at=None, due_at__lt=end), agent, "assignee", with_nobodys=True)
    holds = _own(Appointment.objects.filter(status=AppointmentStatus.HELD, expires_at__gt=now), agent, "agent")
    needs = [_hold_need(row) for row in holds.select_related("lead", "listing", "agent").order_by("expires_at")]
    needs += [_task_need(row, now) for row in tasks.select_related("lead", "assignee")[:MOST_NEEDS]]
    kept = _own(Appointment.objects.exclude(status__in=[AppointmentStatus.CANCELLED]), agent, "agent")
    kept = kept.exclude(status=AppointmentStatus.HELD, expires_at__lte=now).select_related("lead", "listing", "agent")
    viewings = list(kept.filter(starts_at__gte=start, starts_at__lt=end))
    return Desk(
        needs=needs[:MOST_NEEDS],
        needs_count=len(needs) if len(needs) < MOST_NEEDS else holds.count() + tasks.count(),
        viewings=viewings,
        next_viewing=None if viewings else kept.filter(starts_at__gte=end).first(),
        is_office=agent.is_manager,
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


def _own(rows: QuerySet[Row], agent: Agent, field: str, *, with_nobodys: bool = False) -> QuerySet[Row]:
    """Return all rows for managers, else those whose `field` is this agent (or nobody)."""
    if agent.is_manager:
        return rows
    mine = Q(**{field: agent})
    return rows.filter(mine | Q(**{field: None}) if with_nobodys else mine)


def _task_need(task: Task, now: datetime) -> Need:
    kind = TaskKind(task.kind)
    return Need(kind, task.lead, task.text, task.due_at, task.due_at < now, task_id=task.pk)


def _hold_need(row: Appointment) -> Need:
    return Need("hold", row.lead, str(row.listing), row.expires_at or row.starts_at, is_late=False, appointment=row)
