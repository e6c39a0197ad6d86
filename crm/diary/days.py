"""The agenda: viewings in the order of time, day by day."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from django.db.models import Q
from django.utils import timezone

from crm.models import Appointment, AppointmentStatus
from crm.rights import appointments_in_scope

if TYPE_CHECKING:
    from datetime import date, datetime

    from django.db.models import QuerySet

    from crm.diary.filters import Filters
    from crm.models import Agent

# More than this on one screen is a list nobody reads; the days after it are one click away.
MOST_ROWS = 200


@dataclass(frozen=True)
class Day:
    """One local day and its viewings."""

    date: date
    rows: list[Appointment]


@dataclass(frozen=True)
class Agenda:
    """The days of a window that have viewings; `is_cut` when there were more than fit. `hidden` are filtered out."""

    days: list[Day]
    hidden: int
    is_cut: bool


def agenda(viewer: Agent, filters: Filters, now: datetime) -> Agenda:
    """Return what `viewer` may see of the filters' days."""
    window = Q(starts_at__lt=filters.end, ends_at__gt=filters.start)
    everything = appointments_in_scope(viewer, filters.scope).filter(window)
    shown = narrow(everything, filters, now)
    rows = list(shown.select_related("lead", "listing", "agent").order_by("starts_at", "pk")[: MOST_ROWS + 1])
    kept = rows[:MOST_ROWS]
    days = [Day(day, list(of_day)) for day, of_day in groupby(kept, key=lambda row: _date(row, filters))]
    hidden = 0 if rows or not filters.is_narrowed else standing(everything, now).count()
    return Agenda(days, hidden, is_cut=len(rows) > MOST_ROWS)


def narrow(rows: QuerySet[Appointment], filters: Filters, now: datetime) -> QuerySet[Appointment]:
    """Return the rows that the filters leave."""
    if filters.agent:
        rows = rows.filter(agent=filters.agent)
    if filters.listing:
        rows = rows.filter(listing=filters.listing)
    return rows.filter(status=filters.status) if filters.status else standing(rows, now)


def standing(rows: QuerySet[Appointment], now: datetime) -> QuerySet[Appointment]:
    """Return the rows that were not given up: neither cancelled, nor held past their time."""
    lapsed = Q(status=AppointmentStatus.HELD, expires_at__lte=now)
    return rows.exclude(status=AppointmentStatus.CANCELLED).exclude(lapsed)


def _date(row: Appointment, filters: Filters) -> date:
    return max(timezone.localtime(row.starts_at, filters.tz).date(), filters.days[0])
