"""What takes time in the grid: viewings, holds, busy times, and the buffers round them.

Whoever may not see a viewing sees that the time is taken, and nothing else of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from django.db.models import Q

from crm.diary.days import standing
from crm.models import Appointment, AppointmentStatus, BusyTime, Listing
from crm.models.appointments import LIVE
from crm.models.office import LONGEST_BUFFER_MINUTES
from crm.rights import visible_appointments

if TYPE_CHECKING:
    from collections.abc import Iterable

    from crm.diary.filters import Filters
    from crm.diary.lanes import Lane, Lanes
    from crm.models import Agent

DAY_MINUTES = 24 * 60
# Twelfths of a column, of which so many blocks side by side get an equal share.
TWELFTHS = 12
SHARES = [1, 2, 3, 4, 6, 12]


@dataclass(frozen=True)
class Block:
    """A taken stretch of somebody's time. `kind`: viewing, busy or buffer. `appointment` only for who may see it."""

    kind: str
    agent_id: int
    listing_id: int | None
    starts_at: datetime
    ends_at: datetime
    appointment: Appointment | None = None
    title: str = ""

    def touches(self, day: date, tz: ZoneInfo) -> bool:
        start, end = bounds(day, tz)
        return self.starts_at < end and start < self.ends_at


@dataclass(frozen=True)
class Placed:
    """A block in the rows of one day: `minute` of the local clock, `minutes` long, in twelfths of the width."""

    block: Block
    minute: int
    minutes: int
    first_twelfth: int = 1
    twelfths: int = TWELFTHS


@dataclass(frozen=True)
class Promises:
    """Everything that takes time in the lanes of one screen."""

    blocks: list[Block]

    def of(self, lane: Lane) -> list[Block]:
        if lane.listing:
            return [block for block in self.blocks if block.listing_id == lane.listing.pk]
        return [block for block in self.blocks if block.agent_id == lane.agents[0].pk]

    def is_home_taken(self, listing: Listing, at: datetime) -> bool:
        length = timedelta(minutes=listing.viewing_minutes or 1)
        homes = (block for block in self.blocks if block.listing_id == listing.pk and block.kind == "viewing")
        return any(block.starts_at < at + length and at < block.ends_at for block in homes)


def promises(viewer: Agent, chosen: Lanes, filters: Filters, now: datetime) -> Promises:
    """Return the blocks of the lanes in the filters' days, three queries whatever there is."""
    agents = {agent.pk for lane in chosen.shown for agent in lane.agents if lane.listing is None}
    homes = {lane.listing.pk for lane in chosen.shown if lane.listing}
    margin = timedelta(minutes=LONGEST_BUFFER_MINUTES)
    window = Q(starts_at__lt=filters.end + margin, ends_at__gt=filters.start - margin)
    rows = Appointment.objects.filter(window, Q(agent__in=agents) | Q(listing__in=homes))
    taking = standing(rows, now)
    if filters.status == AppointmentStatus.CANCELLED:
        taking = rows.filter(Q(pk__in=taking.values("pk")) | Q(status=AppointmentStatus.CANCELLED))
    visible = set(visible_appointments(viewer, taking).values_list("pk", flat=True))
    blocks: list[Block] = []
    for row in taking.select_related("lead", "listing", "agent"):
        blocks += _of_appointment(row, row.pk in visible, filters)
    busy = BusyTime.objects.filter(window, agent__in=agents).order_by("agent", "starts_at")
    return Promises(blocks + _merged(_of_busy(row, viewer) for row in busy))


def _merged(blocks: Iterable[Block]) -> list[Block]:
    """Make one block of busy times without a title that touch: where one ends and the next begins says too much."""
    merged: list[Block] = []
    for block in blocks:
        last = merged[-1] if merged else None
        if (
            last
            and (last.agent_id, last.title, block.title) == (block.agent_id, "", "")
            and block.starts_at <= last.ends_at
        ):
            merged[-1] = replace(last, ends_at=max(last.ends_at, block.ends_at))
        else:
            merged.append(block)
    return merged


def _of_appointment(row: Appointment, is_visible: bool, filters: Filters) -> list[Block]:
    if not is_visible and row.status not in LIVE:
        return []
    is_shown = is_visible and filters.status in (None, row.status)
    if not is_shown and row.status not in LIVE:
        return []
    block = Block("viewing", row.agent_id, row.listing_id, row.starts_at, row.ends_at, row if is_shown else None)
    return [*_buffers(row, block), block]


def _buffers(row: Appointment, block: Block) -> list[Block]:
    if row.status not in LIVE:
        return []
    before, after = timedelta(minutes=row.buffer_before_minutes), timedelta(minutes=row.buffer_after_minutes)
    plain = replace(block, kind="buffer", appointment=None, listing_id=None)
    around = [(block.starts_at - before, block.starts_at), (block.ends_at, block.ends_at + after)]
    return [replace(plain, starts_at=start, ends_at=end) for start, end in around if start < end]


def _of_busy(row: BusyTime, viewer: Agent) -> Block:
    title = row.reason if row.agent_id == viewer.pk else ""
    return Block("busy", row.agent_id, None, row.starts_at, row.ends_at, title=title)


def bounds(day: date, tz: ZoneInfo) -> tuple[datetime, datetime]:
    """Return the first instants of a local day and of the next, in UTC."""
    start, end = (datetime.combine(each, time(), tz) for each in (day, day + timedelta(days=1)))
    return start.astimezone(UTC), end.astimezone(UTC)


def place_side_by_side(blocks: Iterable[Block], day: date, tz: ZoneInfo) -> list[Placed]:
    """Give each block its rows of the day; what overlaps shares the width. Buffers lie behind the others."""
    rows = sorted((_in_rows(block, day, tz) for block in blocks), key=lambda placed: (placed.minute, -placed.minutes))
    behind = [placed for placed in rows if placed.block.kind == "buffer"]
    cluster: list[Placed] = []
    placed_rows: list[Placed] = []
    for placed in (row for row in rows if row.block.kind != "buffer"):
        if cluster and placed.minute >= max(one.minute + one.minutes for one in cluster):
            placed_rows += _share(cluster)
            cluster = []
        cluster.append(placed)
    return behind + placed_rows + _share(cluster)


def _in_rows(block: Block, day: date, tz: ZoneInfo) -> Placed:
    start, end = bounds(day, tz)
    first, last = max(block.starts_at, start), min(block.ends_at, end)
    local = first.astimezone(tz)
    minute = local.hour * 60 + local.minute
    if block.starts_at <= start and end <= block.ends_at:
        return Placed(block, 0, DAY_MINUTES)
    minutes = int((last - first) / timedelta(minutes=1))
    return Placed(block, minute, max(min(minutes, DAY_MINUTES - minute), 1))


def _share(cluster: list[Placed]) -> list[Placed]:
    """Put blocks that overlap next to each other, each in the first place that is free again."""
    ends: list[int] = []
    places = []
    for placed in cluster:
        place = next((n for n, end in enumerate(ends) if end <= placed.minute), len(ends))
        ends[place : place + 1] = [placed.minute + placed.minutes]
        places.append(place)
    share = next((share for share in SHARES if share >= len(ends)), TWELFTHS)
    width = TWELFTHS // share
    return [
        replace(placed, first_twelfth=min(place, share - 1) * width + 1, twelfths=width)
        for placed, place in zip(cluster, places, strict=True)
    ]
