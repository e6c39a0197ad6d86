"""What an event in Outlook means for an agent's time: when it is, and whether it blocks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from calendar_sync.models import Calendar, MirroredEvent
from calendar_sync.remote import RemoteEvent

SERIES_MASTER = "seriesMaster"
OCCURRENCE = "occurrence"
_NEVER_BLOCKS = {"free", "workingelsewhere"}
_ONE_DAY = timedelta(days=1)


def rules(zone: str, *, tentative: bool) -> str:
    """Return what besides an event decides over its busy time, to be compared."""
    return f"{zone} {'tentative' if tentative else 'sure'}"


def is_terse(event: RemoteEvent) -> bool:
    """Say whether an event leaves it to its series how it shows."""
    return not event.show_as and bool(event.series_master_id)


def completed(event: RemoteEvent, masters: Mapping[str, RemoteEvent]) -> RemoteEvent:
    """Return an event with what its series says in place of what it does not. Without the series it blocks."""
    master = masters.get(event.series_master_id)
    if master is None or not is_terse(event):
        return event
    return replace(
        event,
        show_as=master.show_as,
        is_all_day=master.is_all_day,
        is_cancelled=event.is_cancelled or master.is_cancelled,
    )


def placed(event: RemoteEvent, calendar: Calendar, zone: ZoneInfo) -> MirroredEvent:
    """Return the row that mirrors an event, not saved. Whole days are days of the agent's own `zone`."""
    starts_at, ends_at = event.starts_at, event.ends_at
    if event.is_all_day:
        starts_at = _midnight(event.start_date, zone)
        ends_at = _midnight(max(event.end_date, event.start_date + _ONE_DAY), zone)
    return MirroredEvent(
        calendar=calendar,
        external_id=event.id,
        etag=event.etag[:200],
        starts_at=starts_at,
        ends_at=max(ends_at, starts_at),
        show_as=event.show_as[:32],
        is_all_day=event.is_all_day,
        is_cancelled=event.is_cancelled,
        type=event.type[:32],
        series_master_id=event.series_master_id,
    )


def blocks(row: MirroredEvent, *, tentative: bool) -> bool:
    """Say whether nothing may be offered over an event. One that shows as nothing known blocks."""
    if row.is_cancelled or row.type == SERIES_MASTER or row.starts_at >= row.ends_at:
        return False
    shows = row.show_as.lower()
    return shows not in _NEVER_BLOCKS and (tentative or shows != "tentative")


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)
