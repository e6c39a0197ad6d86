"""What is not known of a calendar is not free: its agent is blocked for as long as it cannot be read, and always from
where reading ends.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db.models import Exists, OuterRef, Prefetch
from django.utils import timezone
from django.utils.translation import gettext as _

from calendar_sync import troubles
from calendar_sync.models import Calendar, Connection, MirroredEvent, NoticeKind
from calendar_sync.notices import raise_notice, resolve_notice
from calendar_sync.window import SPARE, ahead
from crm.models import BusyTime

logger = logging.getLogger(__name__)

REASON = "calendar unreadable"
NOT_YET = "calendar not read so far ahead"
_PREFIX = "unreadable:"
BEYOND = "beyond:"
_END_OF_TIME = datetime(2200, 1, 1, tzinfo=UTC)


def is_unread(calendar: Calendar, now: datetime) -> bool:
    """Say whether what we know of a calendar is too old to offer time by. At first we know nothing."""
    return calendar.last_synced_at is None or calendar.last_synced_at < now - _stale_after()


def refresh(connection_ids: Collection[int] | None = None, *, now: datetime | None = None) -> int:
    """Block the agents whose calendars are not known and free the others; return how many are blocked.

    A connection without any calendar to read tells nothing, so it blocks, too.
    """
    now = now or timezone.now()
    only_read = Prefetch("calendars", Calendar.objects.filter(is_read=True).defer("delta_link"))
    connections = Connection.objects.defer("blob").select_related("agent").prefetch_related(only_read)
    if connection_ids is not None:
        connections = connections.filter(pk__in=connection_ids)
    blocked = 0
    for connection in connections:
        read = list(connection.calendars.all())
        unread = [calendar for calendar in read if is_unread(calendar, now)]
        is_blocked = bool(unread) or not read
        blocked += is_blocked
        if is_blocked:
            _block(connection, now)
        else:
            _unblock(connection)
        limit(connection, read, now)
        _tell(connection, read, unread, now)
    return blocked


def sweep(*, now: datetime | None = None) -> int:
    """Look at every connection, and free what no connected calendar accounts for. Return how many are blocked."""
    blocked = refresh(now=now)
    mirrored = BusyTime.objects.filter(source=BusyTime.Source.MICROSOFT)
    orphans = mirrored.exclude(Exists(MirroredEvent.objects.filter(busy_time=OuterRef("pk"))))
    connected = Connection.objects.values_list("pk", flat=True)
    kept = [f"{prefix}{pk}" for pk in connected for prefix in (_PREFIX, BEYOND)]
    freed, _rows = orphans.exclude(external_id__in=kept).delete()
    if freed:
        logger.info("%s busy times belonged to no connected calendar any more", freed)
    return blocked


def _stale_after() -> timedelta:
    return timedelta(minutes=settings.CALENDAR_STALE_MINUTES)


def _external_id(connection_id: int) -> str:
    return f"{_PREFIX}{connection_id}"


def _block(connection: Connection, now: datetime) -> None:
    """Let nothing be offered from now to the end of what can be. The row grows as time goes on."""
    needed = now + ahead()
    row, created = BusyTime.objects.get_or_create(
        agent=connection.agent,
        source=BusyTime.Source.MICROSOFT,
        external_id=_external_id(connection.pk),
        defaults={"starts_at": now, "ends_at": needed + SPARE, "reason": REASON},
    )
    if created:
        logger.warning("Connection %s cannot be read: its agent is not offered", connection.pk)
    elif row.ends_at < needed:
        BusyTime.objects.filter(pk=row.pk).update(ends_at=needed + SPARE)


def _unblock(connection: Connection) -> None:
    rows = BusyTime.objects.filter(agent=connection.agent_id, source=BusyTime.Source.MICROSOFT)
    if rows.filter(external_id=_external_id(connection.pk)).delete()[0]:
        logger.info("Connection %s can be read again", connection.pk)


def limit(connection: Connection, read: Collection[Calendar], now: datetime) -> None:
    """Let nothing be offered from where the calendars that are read have been read to.

    However far ahead viewings may be booked from one moment to the next, what nobody has looked at stays blocked until
    a round has reached it.
    """
    ends = [calendar.window_ends_at for calendar in read]
    known_until = min((end for end in ends if end), default=now) if None not in ends else now
    row, created = BusyTime.objects.get_or_create(
        agent=connection.agent,
        source=BusyTime.Source.MICROSOFT,
        external_id=f"{BEYOND}{connection.pk}",
        defaults={"starts_at": known_until, "ends_at": _END_OF_TIME, "reason": NOT_YET},
    )
    is_unknown_since = known_until == now and row.starts_at < now
    if not created and row.starts_at != known_until and not is_unknown_since:
        BusyTime.objects.filter(pk=row.pk).update(starts_at=known_until)


def _tell(connection: Connection, read: list[Calendar], unread: list[Calendar], now: datetime) -> None:
    """Say of each calendar that has been unread for long that it is; of the others it is over.

    Whoever must sign in again has been told that already.
    """
    is_old = connection.created_at < now - _stale_after()
    for calendar in read:
        if calendar not in unread:
            if not calendar.failures:
                resolve_notice(troubles.notice_key(calendar))
        elif is_old and connection.is_at_work:
            troubles.tell(calendar)
    if read:
        resolve_notice(_external_id(connection.pk))
    elif is_old and connection.agent.is_active:
        raise_notice(
            NoticeKind.UNREADABLE,
            connection.agent,
            key=_external_id(connection.pk),
            text=lambda: _("Pete does not know which calendars to read, so no time of this person is offered."),
            cure=lambda: _("Choose the calendars: only the person themselves can."),
        )
