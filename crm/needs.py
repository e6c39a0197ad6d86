"""What needs somebody now, by kind, the most pressing kind first. Each kind costs a fixed number of queries."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from django.db.models import Count, Model, Q, QuerySet, Window

from crm import calendar_status, listing_health
from crm.confirmations import unconfirmed
from crm.models import (
    Agent,
    Appointment,
    AppointmentStatus,
    Lead,
    Listing,
    Task,
)
from crm.models.appointments import LIVE, AppointmentQuerySet, CalendarState
from crm.notice_causes import HOT
from crm.rights import Scope, leads_in_scope, sees_everything, visible_leads

Row = TypeVar("Row", bound=Model)
# A few of each kind are shown; the list behind has the rest.
MOST = 3
MOST_TASKS = 6
# Viewings so near that the lead should have agreed to them, or should have been told.
CONFIRMED_BY = timedelta(hours=48)
_BROKEN = {"needs_reconnect", "admin_action", "error"}


@dataclass(frozen=True)
class Need:
    """One line. `at` is when it is due, lapses or begins, or since when it waits."""

    at: datetime | None = None
    lead: Lead | None = None
    is_late: bool = False
    task: Task | None = None
    appointment: Appointment | None = None
    listing: Listing | None = None
    agent: Agent | None = None


@dataclass(frozen=True)
class Needs:
    """The lines of one kind that are shown, and how many there are."""

    kind: str
    rows: list[Need]
    count: int

    @property
    def more(self) -> int:
        return self.count - len(self.rows)


def needs(person: Agent, now: datetime, day_ends: datetime) -> list[Needs]:
    """Return the kinds of which there is any: of all the office for managers, for agents their own and nobody's."""
    found = [
        _holds(person, now),
        _hot(person),
        _tasks(person, now, day_ends),
        _failed(person, now),
        _calendars(person),
        _unconfirmed(person, now),
        _quiet(person, now),
    ]
    return [kind for kind in found if kind.count]


def _holds(person: Agent, now: datetime) -> Needs:
    held = _own(Appointment.objects.filter(status=AppointmentStatus.HELD, expires_at__gt=now), person)
    rows, count = _some(held.with_names().order_by("expires_at"), MOST)
    return Needs("hold", [Need(row.expires_at, row.lead, appointment=row) for row in rows], count)


def _hot(person: Agent) -> Needs:
    """Whoever got as far as a viewing and belongs to nobody: the longest waiting first."""
    waiting = leads_in_scope(person, Scope.UNCLAIMED).filter(stage__in=HOT)
    rows, count = _some(waiting.order_by("stage_changed_at"), MOST)
    return Needs("hot", [Need(row.stage_changed_at, row) for row in rows], count)


def _tasks(person: Agent, now: datetime, day_ends: datetime) -> Needs:
    due = Task.objects.filter(done_at=None, due_at__lt=day_ends)
    if not sees_everything(person):
        is_seen = Q(lead=None) | Q(lead__in=visible_leads(person).order_by().values("pk"))
        due = due.filter(Q(assignee=person) | Q(assignee=None) & is_seen)
    rows, count = _some(due.select_related("lead", "assignee"), MOST_TASKS)
    return Needs("task", [Need(row.due_at, row.lead, row.due_at < now, task=row) for row in rows], count)


def _failed(person: Agent, now: datetime) -> Needs:
    failed = Appointment.objects.filter(calendar_state=CalendarState.FAILED, status__in=LIVE, ends_at__gt=now)
    rows, count = _some(_own(failed, person).with_names(), MOST)
    return Needs("failed", [Need(row.starts_at, row.lead, appointment=row) for row in rows], count)


def _calendars(person: Agent) -> Needs:
    """People whose calendar does not answer: their viewings are in Pete alone, and their busy times unknown."""
    people = list(Agent.objects.filter(is_active=True)) if sees_everything(person) else [person]
    stands = calendar_status.statuses(people)
    broken = [agent for agent in people if stands[agent.pk].status in _BROKEN]
    rows = [Need(stands[agent.pk].last_synced_at, agent=agent) for agent in broken[:MOST]]
    return Needs("calendar", rows, len(broken))


def _unconfirmed(person: Agent, now: datetime) -> Needs:
    """Viewings of the next two days whose time the lead neither was told of nor agreed to."""
    soon = Appointment.objects.filter(
        status=AppointmentStatus.BOOKED, starts_at__gt=now, starts_at__lte=now + CONFIRMED_BY
    )
    rows, count = _some(_own(unconfirmed(soon), person).with_names(), MOST)
    return Needs("unconfirmed", [Need(row.starts_at, row.lead, appointment=row) for row in rows], count)


def _quiet(person: Agent, now: datetime) -> Needs:
    homes = Listing.objects.all() if sees_everything(person) else Listing.objects.filter(agents=person)
    rows, count = _some(listing_health.quiet(homes, now).order_by("pk"), MOST)
    return Needs("quiet", [Need(listing=home) for home in rows], count)


def _own(rows: AppointmentQuerySet, person: Agent) -> AppointmentQuerySet:
    return rows if sees_everything(person) else rows.filter(agent=person)


def _some(rows: QuerySet[Row], most: int) -> tuple[list[Row], int]:
    """Return the first rows, and how many there are, with one query."""
    shown = list(rows.annotate(of=Window(Count("*")))[:most])
    return shown, shown[0].of if shown else 0  # type: ignore[attr-defined]
