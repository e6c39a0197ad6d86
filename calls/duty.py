"""Whom a caller may be put through to now, and when somebody will be there again.

The people of a call are whom its assistant speaks for: an agent, the agents of the home, a team; without any of them
the whole office. They are open while at least one of them works, on their own clocks, and the office is not closed.
Free is who is at the desk, takes calls, works now, and is neither at a viewing, busy, nor talking to another caller.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Exists, F, Max, OuterRef, Q, QuerySet

from calls.models import Assistant, PersonRequest, Phase
from calls.presence import PRESENT_FOR
from crm.models import Agent, Appointment, AppointmentStatus, BusyTime, Closure, Lead, Listing, WorkingHours

# A call that was put through is over by then, whatever was heard of it.
_LONGEST_TALK = timedelta(hours=1)
_DAYS_AHEAD = 14


@dataclass(frozen=True)
class Circle:
    """What ties people to a call."""

    assistant: Assistant | None = None
    listing: Listing | None = None
    lead: Lead | None = None

    def people(self) -> QuerySet[Agent]:
        """Return everybody who may be asked to take the call, whether they are there or not."""
        ties = Q()
        if self.assistant is not None and self.assistant.agent_id is not None:
            ties |= Q(pk=self.assistant.agent_id)
        if self.assistant is not None and self.assistant.team_id is not None:
            ties |= Q(team=self.assistant.team_id)
        if self.listing is not None:
            ties |= Q(pk__in=self.listing.agents.values("pk"))
        return Agent.objects.filter(ties, is_active=True).exclude(phone="")

    def rank(self, agent: Agent, shows_home: frozenset[int]) -> int:
        """Return who is asked first: the lead's own agent, the assistant's, those who show the home, the rest."""
        if self.lead is not None and self.lead.owner_id == agent.pk:
            return 0
        if self.assistant is not None and self.assistant.agent_id == agent.pk:
            return 1
        return 2 if agent.pk in shows_home else 3


def is_open(people: Iterable[Agent], now: datetime) -> bool:
    """Say whether anybody of these works now."""
    ids = [agent.pk for agent in people]
    return bool(_working(WorkingHours.objects.filter(agent__in=ids).select_related("agent"), now))


def free_people(circle: Circle, now: datetime) -> list[Agent]:
    """Return who can take a call now: the closest to the call first, among those whose last call is longest ago."""
    people = list(circle.people())
    hours = WorkingHours.objects.filter(agent__in=people).select_related("agent")
    working = _working(hours, now)
    if not working:
        return []
    # Who has no hours of their own, as many managers, takes part in the others'.
    with_hours = set(hours.values_list("agent_id", flat=True))
    on_shift = [agent.pk for agent in people if agent.pk in working or agent.pk not in with_hours]
    rows = _unoccupied(Agent.objects.filter(pk__in=on_shift), now)
    rows = rows.filter(presence__takes_calls=True, presence__seen_at__gt=now - PRESENT_FOR)
    last = Max("person_requests__answered_at")
    shows_home = frozenset(circle.listing.agents.values_list("pk", flat=True)) if circle.listing else frozenset()
    free = list(rows.annotate(last_call_at=last).order_by(F("last_call_at").asc(nulls_first=True), "pk"))
    return sorted(free, key=lambda agent: circle.rank(agent, shows_home))


def _unoccupied(agents: QuerySet[Agent], now: datetime) -> QuerySet[Agent]:
    """Leave out who is at a viewing, busy, or with another caller."""
    of_agent = Q(agent=OuterRef("pk"))
    now_on = Q(starts_at__lte=now, ends_at__gt=now)
    at_viewing = Appointment.objects.filter(of_agent, now_on, status=AppointmentStatus.BOOKED)
    busy = BusyTime.objects.filter(of_agent, now_on)
    talking = PersonRequest.objects.filter(of_agent, answered_at__gt=now - _LONGEST_TALK)
    talking = talking.exclude(call__phase=Phase.ENDED)
    return agents.filter(~Exists(at_viewing), ~Exists(busy), ~Exists(talking))


def _working(hours: Iterable[WorkingHours], now: datetime) -> set[int]:
    """Return who of these works at `now`; nobody on a day the office is closed."""
    today = now.astimezone(settings.OFFICE_TZ).date()
    if Closure.objects.filter(starts_on__lte=today, ends_on__gte=today).exists():
        return set()
    working = set()
    for row in hours:
        local = now.astimezone(ZoneInfo(row.agent.timezone))
        if row.weekday == local.weekday() and row.start_minute <= local.hour * 60 + local.minute < row.end_minute:
            working.add(row.agent_id)
    return working


def next_opening(people: Sequence[Agent], now: datetime) -> datetime | None:
    """Return when the first of these begins to work after `now`; None when nobody will in the next two weeks."""
    today = now.astimezone(settings.OFFICE_TZ).date()
    closed = list(Closure.objects.filter(ends_on__gte=today, starts_on__lte=today + timedelta(days=_DAYS_AHEAD + 1)))
    starts = [
        start
        for row in WorkingHours.objects.filter(agent__in=people).select_related("agent")
        for start in _starts(row, now)
        if start > now and not _is_closed(closed, start.astimezone(settings.OFFICE_TZ).date())
    ]
    return min(starts, default=None)


def _starts(row: WorkingHours, now: datetime) -> Iterable[datetime]:
    tz = ZoneInfo(row.agent.timezone)
    first = now.astimezone(tz).date()
    at = time(row.start_minute // 60, row.start_minute % 60) if row.start_minute < 1440 else time()
    for ahead in range(_DAYS_AHEAD + 1):
        day = first + timedelta(days=ahead)
        if day.weekday() == row.weekday:
            yield datetime.combine(day, at, tz)


def _is_closed(closures: Iterable[Closure], day: date) -> bool:
    return any(closure.starts_on <= day <= closure.ends_on for closure in closures)
