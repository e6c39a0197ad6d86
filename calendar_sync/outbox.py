"""The outbox: what is to be written to Outlook, who is at it, what became of it.

A row says that a viewing's event in one mailbox is to be brought up to date; what that means is read when it is taken.
One worker at a time is at a viewing, and within a mailbox its rows go in order. Whoever takes a row has it until
`claimed_until`; after that another worker may take it, so one that was killed holds nothing up.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from functools import partial

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from kombu.exceptions import OperationalError

from calendar_sync import clashes, states
from calendar_sync.models import Calendar, Connection, EventLink, NoticeKind, Push, PushStatus
from calendar_sync.notices import raise_notice, resolve_notice
from calendar_sync.remote import RemoteEvent
from crm.models import Appointment, AppointmentStatus, CalendarState

logger = logging.getLogger(__name__)

# About two hours and a quarter in all.
MOST_ATTEMPTS = 16
_NO_ANSWER = gettext_lazy("Microsoft 365 did not answer for hours. Press “try again” when it does.")
FIRST_RETRY, LONGEST_RETRY = timedelta(seconds=5), timedelta(minutes=15)
# What waits longer is left to the sweep of each half minute.
SOON, _MOMENT = timedelta(seconds=30), timedelta(milliseconds=200)
# Longer than all requests of one row take.
CLAIM = timedelta(minutes=4)
_LONGEST_ERROR = 500

_coming_from: ContextVar[int | None] = ContextVar("coming_from", default=None)


class Wish(Enum):
    """What is to become of an event."""

    WRITE = "write"
    REMOVE = "remove"
    LEAVE = "leave"


@dataclass(frozen=True)
class Job:
    """A row that this worker has until `token`, with what it needs.

    `covered` are the rows that are done with it. `attempts` counts this one. `is_repeat`: an earlier attempt may have
    created the event.
    """

    push_id: int
    token: datetime
    appointment: Appointment
    connection: Connection
    link: EventLink
    wish: Wish
    covered: list[int]
    attempts: int
    is_repeat: bool


# --- Into the outbox ------------------------------------------------------------------------------------------------


@contextmanager
def coming_from(connection: Connection) -> Iterator[None]:
    """Write nothing down for a mailbox where the change was made in the first place."""
    reset = _coming_from.set(connection.pk)
    try:
        yield
    finally:
        _coming_from.reset(reset)


def enqueue(appointment: Appointment) -> list[Push]:
    """Write down that a viewing's events are to be brought up to date, in the caller's transaction; wake a worker."""
    begun = EventLink.objects.filter(appointment=appointment, connection=OuterRef("pk")).exclude(
        calendar_external_id=""
    )
    concerned = Connection.objects.annotate(is_begun=Exists(begun))
    if appointment.status == AppointmentStatus.BOOKED:
        concerned = concerned.filter(Q(agent=appointment.agent_id) | Q(is_begun=True))
    else:
        concerned = concerned.filter(is_begun=True)
    rows = [
        Push(appointment=appointment, connection=row, is_removal=_is_removal(appointment, row))
        for row in concerned.exclude(pk=_coming_from.get() or 0)
    ]
    # What goes, goes first.
    rows = Push.objects.bulk_create(sorted(rows, key=lambda row: not row.is_removal))
    if rows or appointment.calendar_state != CalendarState.LOCAL:
        states.show(appointment)
    if rows:
        transaction.on_commit(partial(wake, appointment.pk), robust=True)
    return rows


def _is_removal(appointment: Appointment, connection: Connection) -> bool:
    return appointment.status != AppointmentStatus.BOOKED or appointment.agent_id != connection.agent_id


def wake(appointment_id: int, *, after: timedelta = timedelta()) -> None:
    """Queue the work. When the broker is away the sweep does it once it is back."""
    from calendar_sync.tasks import push

    try:
        push.apply_async((appointment_id,), countdown=after.total_seconds() or None)
    except (OperationalError, OSError) as exc:
        logger.warning("Viewing %s waits for the sweep of the outbox: %r", appointment_id, exc)


def look_soon(link_id: int) -> None:
    """Queue a look at what else is at the time of an event. Without a broker the nightly comparison is the next."""
    from calendar_sync.tasks import read_back

    try:
        read_back.delay(link_id)
    except (OperationalError, OSError) as exc:
        logger.warning("Event link %s is not read back: %r", link_id, exc)


def written() -> QuerySet[Appointment]:
    """Return the viewings to come that are, or are to be, in somebody's Outlook."""
    coming = Appointment.objects.with_names().filter(status=AppointmentStatus.BOOKED)
    return coming.filter(ends_at__gt=timezone.now()).exclude(calendar_state=CalendarState.LOCAL)


def due(now: datetime | None = None, limit: int = 500) -> list[int]:
    """Return the viewings with a row that can be worked on, those that wait longest first."""
    now = now or timezone.now()
    rows = Push.objects.filter(status=PushStatus.WAITING, connection__in=Connection.objects.at_work())
    rows = rows.filter(Q(claimed_until=None) | Q(claimed_until__lte=now), next_attempt_at__lte=now)
    # Those that wait for a calendar to be chosen must not crowd out the others.
    written = Calendar.objects.filter(connection=OuterRef("connection"), is_written=True)
    rows = rows.filter(Q(is_removal=True) | Exists(written))
    return list(dict.fromkeys(rows.order_by("next_attempt_at", "pk").values_list("appointment_id", flat=True)[:limit]))


# --- One worker's turn ----------------------------------------------------------------------------------------------


def claim(appointment_id: int, now: datetime) -> Job | None:
    """Take the first row of a viewing that can be worked on, None when there is none or somebody is at it.

    What is wanted is read under the viewing's lock, so that a change made meanwhile has a row of its own behind this.
    """
    with transaction.atomic():
        appointment = lock(appointment_id)
        rows = list(
            Push.objects.filter(appointment=appointment_id, status=PushStatus.WAITING).select_related(
                "connection__agent"
            )
        )
        if appointment is None or any(row.claimed_until and row.claimed_until > now for row in rows):
            return None
        job = next(filter(None, (_job(appointment, row, rows, now) for row in _firsts(rows, now))), None)
        if job is None:
            return None
        job.link.save()
        Push.objects.filter(pk=job.push_id).update(claimed_until=job.token, attempts=F("attempts") + 1)
    return job


def lock(appointment_id: int) -> Appointment | None:
    """Lock a viewing, as the services of crm do last."""
    rows = Appointment.objects.with_names().select_for_update(no_key=True, of=("self",))
    return rows.filter(pk=appointment_id).first()


def _firsts(rows: list[Push], now: datetime) -> Iterator[Push]:
    """Yield the first row of each mailbox, if its time has come and the mailbox can be written.

    A mailbox that cannot be reached holds up its own rows and nobody else's.
    """
    seen: set[int] = set()
    for row in rows:
        if row.connection_id in seen:
            continue
        seen.add(row.connection_id)
        if row.next_attempt_at <= now and row.connection.is_at_work:
            yield row


def _job(appointment: Appointment, row: Push, rows: list[Push], now: datetime) -> Job | None:
    """Return what is to be done for a row; None while no calendar is chosen to write to."""
    connection = row.connection
    link = EventLink.objects.filter(appointment=appointment, connection=connection).first()
    link = link or EventLink(appointment=appointment, connection=connection)
    wish = _wish(appointment, link, now)
    is_repeat = bool(link.calendar_external_id) or (link.pk is None and appointment.created_at < connection.created_at)
    if wish is Wish.WRITE and not link.event_id:
        calendar = Calendar.objects.filter(connection=connection, is_written=True).first()
        if calendar is None:
            return None
        # From here on an event may be there, whether or not anybody lives to tell.
        link.calendar_external_id = calendar.external_id
    covered = [other.pk for other in rows if other.connection_id == row.connection_id]
    return Job(row.pk, now + CLAIM, appointment, connection, link, wish, covered, row.attempts + 1, is_repeat)


def _wish(appointment: Appointment, link: EventLink, now: datetime) -> Wish:
    is_theirs = appointment.agent_id == link.connection.agent_id
    if is_theirs and appointment.status == AppointmentStatus.BOOKED:
        # Nobody needs a new event for what is over.
        return Wish.WRITE if link.event_id or appointment.ends_at > now else Wish.LEAVE
    if is_theirs and appointment.status != AppointmentStatus.CANCELLED:
        return Wish.LEAVE
    return Wish.REMOVE if link.calendar_external_id else Wish.LEAVE


# --- What became of it ----------------------------------------------------------------------------------------------


def finish(job: Job, event: RemoteEvent | None, now: datetime) -> bool:
    """Note that a job is done, with the event as it now is; return False when another worker has the row since."""
    with transaction.atomic():
        appointment = lock(job.appointment.pk)
        if appointment is None or not _mine(job).exists():
            return False
        if job.wish is Wish.WRITE and event is not None:
            note_agreement(job.link, event, now)
        elif job.wish is Wish.REMOVE:
            forget_event(job.link)
        same = Push.objects.filter(appointment=appointment, connection=job.connection)
        # What was given up before is made good by this.
        over = same.filter(Q(pk__in=job.covered) | Q(status=PushStatus.FAILED))
        over.update(status=PushStatus.DONE, done_at=now, claimed_until=None, last_error="")
        resolve_notice(notice_key(job))
        states.show(appointment)
    return True


def finish_as_it_is(job: Job, now: datetime) -> bool:
    """Note that a job's rows are done without a write: what the link says was decided elsewhere."""
    with transaction.atomic():
        appointment = lock(job.appointment.pk)
        if appointment is None or not _mine(job).exists():
            return False
        done = {"status": PushStatus.DONE, "done_at": now, "claimed_until": None, "last_error": ""}
        Push.objects.filter(pk__in=job.covered).update(**done)
        states.show(appointment)
    return True


def show(appointment_id: int) -> None:
    """Bring up to date what a viewing says about its event, within the caller's transaction."""
    appointment = lock(appointment_id)
    if appointment is not None:
        states.show(appointment)


def note_agreement(link: EventLink, event: RemoteEvent, now: datetime) -> None:
    """Keep an event as both sides now have it."""
    link.event_id, link.etag = event.id, event.etag
    link.starts_at, link.ends_at, link.written_at = event.starts_at, event.ends_at, now
    link.save()


def forget_event(link: EventLink) -> None:
    """Note that there is no event any more; the next one is of another generation."""
    link.event_id = link.etag = link.calendar_external_id = ""
    link.starts_at = link.ends_at = link.written_at = None
    link.written = {}
    link.generation += 1
    link.save()
    clashes.over(link.appointment_id)


def put_off(job: Job, exc: Exception, now: datetime) -> None:
    """Try again later, as late as Graph asks, or give up after the last attempt."""
    if job.attempts >= MOST_ATTEMPTS:
        give_up(job, exc, _NO_ANSWER, now)
        return
    asked = getattr(exc, "retry_after", None)
    wait = max(_backoff(job.attempts), timedelta(seconds=asked or 0))
    _mine(job).update(next_attempt_at=now + wait, claimed_until=None, last_error=_words(exc))
    if wait < SOON:
        # Before the next sweep; a moment later than the row says, whose clock may be another.
        transaction.on_commit(partial(wake, job.appointment.pk, after=wait + _MOMENT), robust=True)
    if asked:
        # What throttles one row throttles the mailbox.
        waiting = Push.objects.filter(connection=job.connection, status=PushStatus.WAITING)
        waiting.filter(next_attempt_at__lt=now + wait).update(next_attempt_at=now + wait)
    logger.warning("Viewing %s is not in Outlook yet, attempt %s: %s", job.appointment.pk, job.attempts, exc)


def _backoff(attempts: int) -> timedelta:
    whole = min(FIRST_RETRY * 2 ** (attempts - 1), LONGEST_RETRY)
    return whole * random.uniform(0.75, 1.25)


def wait_for_connection(job: Job, exc: Exception, now: datetime) -> None:
    """Let a row wait until its connection works again: that is no attempt."""
    again = {"attempts": F("attempts") - 1, "next_attempt_at": now + FIRST_RETRY}
    _mine(job).update(claimed_until=None, last_error=_words(exc), **again)


def give_up(job: Job, exc: Exception, cure: str | Promise, now: datetime) -> None:
    """Leave a row as failed, and say so to the agent and the managers, with what to do."""
    with transaction.atomic():
        appointment = lock(job.appointment.pk)
        failed = _mine(job).update(status=PushStatus.FAILED, claimed_until=None, last_error=_words(exc))
        if appointment is None or not failed:
            return
        states.show(appointment)
        what = "removed from" if job.wish is Wish.REMOVE else "written to"
        raise_notice(
            NoticeKind.PUSH_FAILED,
            job.connection.agent,
            key=notice_key(job),
            text=lambda: _not_done(appointment, job.wish),
            cure=lambda: str(cure),
            appointment=appointment,
            push=Push.objects.get(pk=job.push_id),
            data={"error": _words(exc)},
        )
    logger.error("Viewing %s could not be %s Outlook: %s", job.appointment.pk, what, exc)


def _not_done(appointment: Appointment, wish: Wish) -> str:
    names = {"home": appointment.listing, "lead": appointment.lead}
    if wish is Wish.REMOVE:
        return _("The viewing of %(home)s with %(lead)s could not be removed from Outlook.") % names
    return _("The viewing of %(home)s with %(lead)s could not be written to Outlook.") % names


def retry(push_id: int) -> bool:
    """Take up a row again that was given up; return whether there was one. For the button."""
    with transaction.atomic():
        push = Push.objects.filter(pk=push_id).first()
        appointment = lock(push.appointment_id) if push else None
        failed = Push.objects.filter(pk=push_id, status=PushStatus.FAILED)
        if push is None or appointment is None or not failed.update(**_anew()):
            return False
        resolve_notice(f"push:{push.appointment_id}:{push.connection_id}")
        states.show(appointment)
        transaction.on_commit(partial(wake, appointment.pk), robust=True)
    return True


def forget(before: datetime) -> int:
    """Remove the rows that were done before; return how many."""
    return Push.objects.filter(status=PushStatus.DONE, done_at__lt=before).delete()[0]


def _anew() -> dict[str, object]:
    return {"status": PushStatus.WAITING, "attempts": 0, "next_attempt_at": timezone.now(), "claimed_until": None}


def _mine(job: Job) -> QuerySet[Push]:
    return Push.objects.filter(pk=job.push_id, claimed_until=job.token, status=PushStatus.WAITING)


def _words(exc: Exception) -> str:
    return str(exc)[:_LONGEST_ERROR] or type(exc).__name__


def notice_key(job: Job) -> str:
    """Return the key of the notice about one viewing in one mailbox."""
    return f"push:{job.appointment.pk}:{job.connection.pk}"
