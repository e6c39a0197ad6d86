"""The rows behind a read calendar: each event of Outlook, and the busy time of each that blocks."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from copy import copy

from django.conf import settings
from django.db.models import Q

from calendar_sync.models import Calendar, MirroredEvent
from calendar_sync.placing import OCCURRENCE, SERIES_MASTER, blocks
from crm.models import BusyTime

# All that is ever said of what somebody does.
REASON = "busy"
_AT_ONCE = 1_000
_INHERITED = ("show_as", "is_cancelled")
_FIELDS = (
    "etag",
    "starts_at",
    "ends_at",
    "show_as",
    "is_all_day",
    "is_cancelled",
    "type",
    "series_master_id",
    "busy_time",
)


def store(calendar: Calendar, found: Iterable[MirroredEvent], *, removed: Collection[str] | None) -> None:
    """Bring a locked calendar's rows up to date with events as they are now, in the caller's transaction.

    `removed` are the ids of events that are gone; None says that all but those found are.
    """
    rows = {row.external_id: row for row in found}
    known = _known(calendar, rows, removed)
    gone = [row for row in known.values() if row.external_id not in rows and _is_gone(row, removed)]
    _forget(gone)
    lost = {row.pk for row in gone}
    rows |= {row.external_id: row for row in _heirs(known, rows) if row.pk not in lost}
    _keep(calendar, list(rows.values()), known)


def _known(
    calendar: Calendar, rows: dict[str, MirroredEvent], removed: Collection[str] | None
) -> dict[str, MirroredEvent]:
    """Return the rows there are of these events and of the series among them; all when everything was read."""
    kept = calendar.events.all()
    if removed is not None:
        ids = {*rows, *removed}
        series = {row.external_id for row in rows.values() if row.type == SERIES_MASTER} | set(removed)
        kept = kept.filter(Q(external_id__in=ids) | Q(series_master_id__in=series))
    return {row.external_id: row for row in kept}


def _is_gone(row: MirroredEvent, removed: Collection[str] | None) -> bool:
    return removed is None or row.external_id in removed or row.series_master_id in removed


def _forget(gone: list[MirroredEvent]) -> None:
    BusyTime.objects.filter(pk__in=[row.busy_time_id for row in gone if row.busy_time_id]).delete()
    MirroredEvent.objects.filter(pk__in=[row.pk for row in gone]).delete()


def _heirs(known: dict[str, MirroredEvent], rows: dict[str, MirroredEvent]) -> Iterable[MirroredEvent]:
    """Yield the occurrences of changed series that were not told of themselves, as the series now has them."""
    for row in known.values():
        master = rows.get(row.series_master_id)
        if master is not None and row.type == OCCURRENCE and row.external_id not in rows:
            heir = copy(row)
            for name in _INHERITED:
                setattr(heir, name, getattr(master, name))
            yield heir


def _keep(calendar: Calendar, rows: list[MirroredEvent], known: dict[str, MirroredEvent]) -> None:
    for row in rows:
        old = known.get(row.external_id)
        if old is not None:
            row.pk, row.busy_time_id = old.pk, old.busy_time_id
    _block(calendar, rows, known)
    MirroredEvent.objects.bulk_create([row for row in rows if row.pk is None], batch_size=_AT_ONCE)
    changed = [row for row in rows if row.external_id in known and _differs(row, known[row.external_id])]
    MirroredEvent.objects.bulk_update(changed, _FIELDS, batch_size=_AT_ONCE)


def _differs(row: MirroredEvent, old: MirroredEvent) -> bool:
    return any(row.serializable_value(name) != old.serializable_value(name) for name in _FIELDS)


def _block(calendar: Calendar, rows: list[MirroredEvent], known: dict[str, MirroredEvent]) -> None:
    """Make, move and remove the busy times of rows, and note in each row which one is its own."""
    new, moved, freed = [], [], []
    for row in rows:
        is_blocking = blocks(row, tentative=settings.CALENDAR_TENTATIVE_BLOCKS)
        if row.busy_time_id is None:
            new += [row] if is_blocking else []
        elif not is_blocking:
            freed.append(row.busy_time_id)
            row.busy_time_id = None
        elif (row.starts_at, row.ends_at) != (known[row.external_id].starts_at, known[row.external_id].ends_at):
            moved.append(BusyTime(pk=row.busy_time_id, starts_at=row.starts_at, ends_at=row.ends_at))
    BusyTime.objects.filter(pk__in=freed).delete()
    BusyTime.objects.bulk_update(moved, ["starts_at", "ends_at"], batch_size=_AT_ONCE)
    _make(calendar, new)


def _make(calendar: Calendar, rows: list[MirroredEvent]) -> None:
    if not rows:
        return
    agent_id = calendar.connection.agent_id
    made = [
        BusyTime(
            agent_id=agent_id,
            starts_at=row.starts_at,
            ends_at=row.ends_at,
            reason=REASON,
            source=BusyTime.Source.MICROSOFT,
            external_id=f"{calendar.pk}:{row.external_id}",
        )
        for row in rows
    ]
    # One whose mirrored event was lost would stand in the way.
    left = BusyTime.objects.filter(agent=agent_id, source=BusyTime.Source.MICROSOFT)
    left.filter(external_id__in=[busy_time.external_id for busy_time in made]).delete()
    for row, busy_time in zip(rows, BusyTime.objects.bulk_create(made, batch_size=_AT_ONCE), strict=True):
        row.busy_time = busy_time
