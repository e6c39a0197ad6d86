"""The grid: columns of a day or a week, in which every step is free or closed and every promise a block.

Rows are five minutes of the viewer's clock. A day on which the clocks change has all its instants and no other: the
hour that comes twice lies twice, side by side, in the same rows; the hour that is left out has no steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from crm.availability import explain, rules_for
from crm.diary.blocks import Placed, Promises, place_side_by_side, promises
from crm.diary.lanes import Lane, Lanes, lanes
from crm.models import Listing

if TYPE_CHECKING:
    from crm.availability import BookingRules
    from crm.diary.filters import Filters
    from crm.models import Agent

ROW_MINUTES = 5
# Shown even when nobody works then, so that an empty day still looks like one.
EARLIEST_HOUR, LATEST_HOUR = 9, 17
OUTSIDE = "outside_hours"


@dataclass(frozen=True)
class Cell:
    """One step at which a viewing could start. `rule` closes it; "" when it is offered.

    `half` tells the two hours apart that show the same time: 1, then 2; 0 on all other days.
    """

    starts_at: datetime
    minute: int
    minutes: int
    rule: str
    half: int = 0

    @property
    def stamp(self) -> str:
        """The start as addresses carry it."""
        return f"{self.starts_at:%Y-%m-%dT%H:%MZ}"


@dataclass(frozen=True)
class Column:
    """One lane on one day."""

    date: date
    lane: Lane
    cells: list[Cell]
    blocks: list[Placed]


@dataclass(frozen=True)
class DayColumns:
    date: date
    columns: list[Column]


@dataclass(frozen=True)
class Grid:
    """Everything a grid shows. The hours run from `first_hour` to `last_hour` of the viewer's clock."""

    days: list[DayColumns]
    lanes: Lanes
    first_hour: int
    last_hour: int
    now_minute: int | None

    @property
    def hours(self) -> list[int]:
        return list(range(self.first_hour, self.last_hour))


def grid(viewer: Agent, filters: Filters, now: datetime) -> Grid:
    """Return the grid of the filters' days for `viewer`."""
    chosen = lanes(viewer, filters)
    listing = Listing.objects.filter(pk=filters.listing).first() if filters.listing else None
    rules = rules_for(listing)
    closed = _closed_steps(chosen, filters, listing, now)
    promised = promises(viewer, chosen, filters, now)
    days = [
        DayColumns(
            day,
            [
                Column(
                    day,
                    lane,
                    _cells(lane, day, filters, rules, closed, promised),
                    _blocks(lane, day, filters, promised),
                )
                for lane in chosen.shown
            ],
        )
        for day in filters.days
    ]
    first, last = _hours(days)
    local = now.astimezone(filters.tz)
    is_shown = local.date() in filters.days and first <= local.hour < last
    return Grid(days, chosen, first, last, local.hour * 60 + local.minute if is_shown else None)


Closed = dict[int, dict[datetime, str]]


def _closed_steps(chosen: Lanes, filters: Filters, listing: Listing | None, now: datetime) -> Closed:
    """Return the rule that closes each closed step, by agent. Agents who cannot be booked are not in it."""
    people = {agent.pk: agent for lane in chosen.shown if lane.is_open for agent in lane.agents}
    if not people:
        return {}
    closed: Closed = {pk: {} for pk, agent in people.items() if agent.is_active and agent.is_bookable}
    found = explain(start=filters.start, end=filters.end, agent_ids=list(people), listing=listing, now=now)
    for step in found:
        closed.setdefault(step.agent_id, {})[step.starts_at] = step.rule
    return closed


def _cells(
    lane: Lane, day: date, filters: Filters, rules: BookingRules, closed: Closed, promised: Promises
) -> list[Cell]:
    """Return the steps of a local day, which has 23, 24 or 25 hours."""
    cells = []
    minutes = int(rules.step / timedelta(minutes=1))
    for starts_at in _steps(day, filters, lane, rules.step):
        local = starts_at.astimezone(filters.tz)
        rule = _rule(lane, starts_at, closed, promised)
        cells.append(Cell(starts_at, local.hour * 60 + local.minute, minutes, rule, _half(local)))
    return cells


def _steps(day: date, filters: Filters, lane: Lane, step: timedelta) -> list[datetime]:
    """Return the instants of a day that lie on steps of the local hour of the lane's agent."""
    start = datetime.combine(day, time(), filters.tz).astimezone(UTC)
    end = datetime.combine(day + timedelta(days=1), time(), filters.tz).astimezone(UTC)
    local = start.astimezone(lane.tz(filters.tz))
    first = start + -timedelta(minutes=local.minute, seconds=local.second) % step
    return [first + n * step for n in range(-(-(end - first) // step))]


def _half(local: datetime) -> int:
    """Return 1 or 2 for an hour that the clocks show twice, else 0."""
    if local.replace(fold=0).utcoffset() == local.replace(fold=1).utcoffset():
        return 0
    return 2 if local.fold else 1


def _rule(lane: Lane, starts_at: datetime, closed: Closed, promised: Promises) -> str:
    """Return what closes a step of a lane. A home is free when somebody who shows it is, and nobody is in it."""
    if not lane.is_open or not any(agent.pk in closed for agent in lane.agents):
        return OUTSIDE
    verdicts = [closed[agent.pk].get(starts_at, "") for agent in lane.agents if agent.pk in closed]
    if "" not in verdicts:
        return next((rule for rule in verdicts if rule != OUTSIDE), OUTSIDE)
    if lane.listing and not lane.listing.allows_stacked_viewings and promised.is_home_taken(lane.listing, starts_at):
        return "appointment"
    return ""


def _blocks(lane: Lane, day: date, filters: Filters, promised: Promises) -> list[Placed]:
    return place_side_by_side([block for block in promised.of(lane) if block.touches(day, filters.tz)], day, filters.tz)


def _hours(days: list[DayColumns]) -> tuple[int, int]:
    """Return the first hour and the one after the last in which something is to be seen."""
    first, last = EARLIEST_HOUR * 60, LATEST_HOUR * 60
    for column in (column for day in days for column in day.columns):
        for cell in column.cells:
            if cell.rule != OUTSIDE:
                first, last = min(first, cell.minute), max(last, cell.minute + cell.minutes)
        for placed in column.blocks:
            if placed.block.kind == "viewing":
                first, last = min(first, placed.minute), max(last, placed.minute + placed.minutes)
    return first // 60, min(-(-last // 60), 24)
