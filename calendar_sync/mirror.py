"""One round of one calendar: claim it, read what changed, keep it. No transaction is open while Graph is asked."""

from __future__ import annotations

import logging
import random
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection as database
from django.db import transaction
from django.db.models import Min, Q, QuerySet
from django.utils import timezone

from calendar_sync import clashes, own_events, staleness, troubles, vault
from calendar_sync.errors import Refused, ResyncNeeded, Unavailable
from calendar_sync.graph import Graph, stored_token
from calendar_sync.mirrored import store
from calendar_sync.models import Calendar, Connection
from calendar_sync.placing import SERIES_MASTER, completed, is_terse, placed, rules
from calendar_sync.remote import DeltaPage, RemoteEvent
from calendar_sync.window import is_covered, window_at
from crm.errors import PermanentError, TransientError

logger = logging.getLogger(__name__)

# Another worker may take over a calendar whose worker was killed after this long; a round gives up before.
CLAIM = timedelta(minutes=5)
_ROUND_SECONDS = 270.0
_FIRST_WAIT_SECONDS = 30.0
_LONGEST_WAIT_SECONDS = 900.0


@dataclass
class Round:
    """What a round told, the last word on each event. `window` is given when all in it was read, not only changes."""

    window: tuple[datetime, datetime] | None
    events: dict[str, RemoteEvent] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)
    link: str = ""


def due(now: datetime) -> QuerySet[Calendar]:
    """Return the calendars to be read now. No hint hurries one that is failing: Graph may have asked to wait."""
    is_due = Q(next_sync_at__lte=now) | Q(hinted_at__isnull=False, failures=0)
    is_free = Q(claimed_until=None) | Q(claimed_until__lt=now)
    return Calendar.objects.filter(is_due, is_free, is_read=True, connection__in=Connection.objects.at_work())


def sync_calendar(calendar_id: int, *, now: datetime | None = None) -> bool:
    """Read what changed in one calendar, if it is due and nobody is at it; return whether that was done.

    Does not raise for what Graph does: the calendar's row then says what, and when it is tried again.
    """
    now = now or timezone.now()
    calendar = _claim(calendar_id, now)
    if calendar is None:
        return False
    graph = Graph(calendar.connection_id, token_source=_token)
    try:
        return _sync(calendar, graph, now)
    except TransientError as exc:
        _put_off(calendar, exc, now, _wait(calendar, getattr(exc, "retry_after", None)))
    except PermanentError as exc:
        _put_off(calendar, exc, now, _LONGEST_WAIT_SECONDS)
        troubles.note(calendar, graph, exc)
    except Exception as exc:
        # Ours, or the database's: whoever called shall know, and the calendar must not stay claimed.
        _put_off(calendar, exc, now, _wait(calendar, None))
        raise
    return False


def _claim(calendar_id: int, now: datetime) -> Calendar | None:
    with transaction.atomic():
        rows = due(now).select_related("connection__agent").select_for_update(of=("self",), skip_locked=True)
        calendar = rows.filter(pk=calendar_id).first()
        if calendar is not None:
            calendar.claim, calendar.claimed_until = uuid.uuid4(), now + CLAIM
            calendar.save(update_fields=["claim", "claimed_until"])
    return calendar


def _sync(calendar: Calendar, graph: Graph, now: datetime) -> bool:
    is_news = calendar.failures > 0 or staleness.is_unread(calendar, now)
    found = _read(calendar, graph, now)
    rows = []
    if found.window is not None or found.events or found.removed:
        own = own_events.sort_out(graph, calendar, found.events, removed=found.removed, window=found.window)
        foreign = [event for event in found.events.values() if event.id not in own]
        masters = _masters(calendar, graph, foreign)
        zone = ZoneInfo(calendar.connection.agent.timezone)
        rows = [placed(completed(event, masters), calendar, zone) for event in foreign]
        # What turned out to be Pete's own may have been taken for somebody else's before.
        found.removed |= own
    with transaction.atomic():
        # The usual order joins the agent, whose row bookings need.
        rows_to_lock = Calendar.objects.select_for_update(of=("self",))
        locked = rows_to_lock.filter(pk=calendar.pk, claim=calendar.claim, is_read=True).first()
        if locked is None:
            logger.info("Calendar %s is not read any more, or by another round", calendar.pk)
            return False
        if rows or found.removed or found.window is not None:
            store(calendar, rows, removed=None if found.window else found.removed)
        locked.placed_by = _rules(calendar)
        _note_success(locked, found, hinted_at=calendar.hinted_at, now=now)
        if found.window is not None:
            read = Calendar.objects.filter(connection=calendar.connection_id, is_read=True)
            staleness.limit(calendar.connection, read.defer("delta_link"), now)
    _note_synced(calendar, now, is_news=is_news or found.window is not None)
    if rows or found.removed or found.window is not None:
        clashes.look(calendar.connection, now)
    return True


# --- Reading --------------------------------------------------------------------------------------------------------


def _read(calendar: Calendar, graph: Graph, now: datetime) -> Round:
    """Read a round to its end: the changes since the last one, or all when that place is lost or the window too old."""
    is_current = is_covered(calendar, now) and calendar.placed_by == _rules(calendar)
    link = _known_link(calendar) if is_current else ""
    window = window_at(now)
    if link:
        try:
            return _collect(graph.delta_pages(calendar.external_id, link=link), Round(None))
        except Refused as exc:
            if not isinstance(exc, ResyncNeeded) and exc.status in (401, 403):
                raise
            logger.info("Calendar %s is read anew: %s", calendar.pk, exc)
    pages = graph.delta_pages(calendar.external_id, starts_at=window[0], ends_at=window[1])
    return _collect(pages, Round(window))


def _rules(calendar: Calendar) -> str:
    return rules(calendar.connection.agent.timezone, tentative=settings.CALENDAR_TENTATIVE_BLOCKS)


def _token(connection_id: int, *, min_seconds: int = 300) -> str:
    """Return a token, and give the database connection back to its pool while Graph takes its time."""
    token = stored_token(connection_id, min_seconds=min_seconds)
    if not database.in_atomic_block:
        database.close()
    return token


def _known_link(calendar: Calendar) -> str:
    if not calendar.delta_link:
        return ""
    try:
        return vault.open_sealed(vault.DELTA_LINK, calendar.pk, calendar.delta_link).decode()
    except vault.VaultError as exc:
        logger.warning("Calendar %s is read anew: %s", calendar.pk, exc)
        return ""


def _collect(pages: Iterable[DeltaPage], found: Round) -> Round:
    """Put the pages of a round together: an event may come more than once, and its last word counts."""
    deadline = time.monotonic() + _ROUND_SECONDS
    for page in pages:
        for event in page.events:
            found.events[event.id] = event
        for event_id in page.removed_ids:
            found.events.pop(event_id, None)
        found.removed |= set(page.removed_ids)
        found.removed -= {event.id for event in page.events}
        found.link = page.delta_link or ""
        if time.monotonic() > deadline:
            raise Unavailable("The calendar takes too long to read")
    return found


def _masters(calendar: Calendar, graph: Graph, found: list[RemoteEvent]) -> dict[str, RemoteEvent]:
    """Return the series that occurrences leave it to how they show: from the round, our rows, or Graph."""
    masters = {event.id: event for event in found if event.type == SERIES_MASTER}
    missing = {event.series_master_id for event in found if is_terse(event)} - masters.keys()
    for row in calendar.events.filter(external_id__in=missing, type=SERIES_MASTER).order_by("pk"):
        dates = row.starts_at.date(), row.ends_at.date()
        masters[row.external_id] = RemoteEvent(
            row.external_id,
            row.starts_at,
            row.ends_at,
            *dates,
            show_as=row.show_as,
            is_all_day=row.is_all_day,
            is_cancelled=row.is_cancelled,
        )
    for master_id in sorted(missing - masters.keys()):
        master = graph.get_event(master_id)
        masters |= {master_id: master} if master else {}
    return masters


# --- Keeping --------------------------------------------------------------------------------------------------------


def _note_success(row: Calendar, found: Round, *, hinted_at: datetime | None, now: datetime) -> None:
    """Write down, in the locked row, how far it was read and when it is next."""
    row.delta_link = vault.seal(vault.DELTA_LINK, row.pk, found.link.encode())
    if found.window is not None:
        row.window_starts_at, row.window_ends_at = found.window
    row.last_synced_at, row.failures, row.last_error = now, 0, ""
    row.claim = row.claimed_until = None
    # A hint that came while the round was under way is still to be followed.
    if row.hinted_at == hinted_at:
        row.hinted_at = None
    row.next_sync_at = now + timedelta(seconds=settings.CALENDAR_POLL_SECONDS)
    row.save(
        update_fields=[
            "delta_link",
            "window_starts_at",
            "window_ends_at",
            "placed_by",
            "last_synced_at",
            "failures",
            "last_error",
            "claim",
            "claimed_until",
            "hinted_at",
            "next_sync_at",
        ]
    )


def _note_synced(calendar: Calendar, now: datetime, *, is_news: bool) -> None:
    """Let the connection show its oldest calendar; what was said of this one while it failed is over."""
    read = Calendar.objects.filter(connection=calendar.connection_id, is_read=True)
    if not read.filter(last_synced_at=None).exists():
        oldest = read.aggregate(Min("last_synced_at"))["last_synced_at__min"]
        Connection.objects.filter(pk=calendar.connection_id).update(last_synced_at=oldest)
    if is_news:
        staleness.refresh([calendar.connection_id], now=now)


def _put_off(calendar: Calendar, exc: Exception, now: datetime, wait_seconds: float) -> None:
    """Give the calendar back, to be tried again in a while."""
    logger.warning("Calendar %s could not be read: %s", calendar.pk, exc)
    Calendar.objects.filter(pk=calendar.pk, claim=calendar.claim).update(
        failures=calendar.failures + 1,
        last_error=str(exc)[:500],
        claim=None,
        claimed_until=None,
        hinted_at=None,
        next_sync_at=now + timedelta(seconds=wait_seconds),
    )


def _wait(calendar: Calendar, retry_after: float | None) -> float:
    """Return the seconds to wait after one more failure: longer each time, never less than Graph asked for."""
    backoff = min(_FIRST_WAIT_SECONDS * 2 ** min(calendar.failures, 10), _LONGEST_WAIT_SECONDS)
    return max(backoff * random.uniform(0.5, 1.0), retry_after or 0.0)
