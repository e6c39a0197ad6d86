"""What a person did in Outlook to the event of a viewing, carried over to the viewing.

| in Outlook | the viewing |
| --- | --- |
| moved, made longer or shorter | moves with it, whatever working hours say; the lead is told of another start |
| moved over another promise, into the past, to whole days | stays; the event is put back, the agent is told why |
| deleted, or cancelled | is cancelled, the lead is told; many at once are not, see `vanished` |
| other words, another reminder, the server's own writes | stays |
| anything, while Pete has something to write there | what was promised to the lead since stands, see `writing` |

Our own writes come back with the etag they were answered with, so nothing goes in circles.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.db import transaction
from django.utils import timezone

from calendar_sync import events, outbox, telling
from calendar_sync.errors import Unavailable
from calendar_sync.graph import Graph
from calendar_sync.models import EventLink, Push, PushStatus
from calendar_sync.remote import RemoteEvent
from crm import booking
from crm.errors import BadArguments, CrmError, NoViewing
from crm.models import Appointment, AppointmentStatus, Lead

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Seen:
    """A link with its viewing, as they are while nobody else can change the viewing."""

    link: EventLink
    appointment: Appointment
    # A row waits that will meet the change by its etag.
    is_being_written: bool

    @property
    def is_changed_here(self) -> bool:
        """Say whether the viewing's time is another than the one both sides agreed on."""
        link, viewing = self.link, self.appointment
        return not events.same_instants((link.starts_at, link.ends_at), (viewing.starts_at, viewing.ends_at))


def apply(link: EventLink, event: RemoteEvent | None, *, now: datetime | None = None) -> bool:
    """Carry over what a round of reading found of one of our events, None when it is not listed any more.

    Return whether the viewing changed. Raises what Graph raises when it is asked for the event itself.
    """
    seen = _see(link.pk)
    if seen is None or seen.is_being_written:
        return False
    link = seen.link
    if event is not None and (event.id != link.event_id or event.etag == link.etag):
        return False
    # What the round found may be older than our last write, and "not listed" can mean another calendar or a moment
    # outside the window. Asked after the link was read, the answer is older than no write that the link knows of.
    graph = Graph(link.connection_id)
    event = graph.get_event(link.event_id)
    if event is None and link.calendar_external_id not in {calendar.id for calendar in graph.list_calendars()}:
        # Whoever deletes a whole calendar has not cancelled each viewing in it.
        _write_anew(link)
        return False
    if event is not None and event.etag == link.etag:
        return False
    try:
        return decide(link, event, now=now)
    except Overtaken:
        logger.info("Viewing %s is being written meanwhile; the outbox decides", link.appointment_id)
        return False


class Overtaken(Unavailable):
    """The event was written while the decision about it was taken."""


def decide(link: EventLink, event: RemoteEvent | None, *, now: datetime | None = None, is_worker: bool = False) -> bool:
    """Let Outlook's state of an event, read after `link`, count; return whether the viewing changed.

    Raises Overtaken when the event was written since, or is about to be, unless it `is_worker` who asks: who has the
    outbox's row.
    """
    with transaction.atomic():
        _lock_lead(link)
        seen = _see(link.pk)
        if seen is None:
            return False
        if seen.link.etag != link.etag or (seen.is_being_written and not is_worker):
            raise Overtaken(f"Event link {link.pk}")
        now = now or timezone.now()
        if seen.appointment.ends_at <= now:
            # What is over is not changed any more by tidying up a calendar.
            return False
        if seen.is_changed_here and not _agrees(event, seen.appointment):
            _put_back(seen, event, NoViewing("The viewing was changed in Pete meanwhile."))
            return False
        if event is None or event.is_cancelled:
            return _cancel(seen)
        return _follow(seen, event, now)


def _write_anew(link: EventLink) -> None:
    with transaction.atomic():
        appointment = outbox.lock(link.appointment_id)
        if appointment is not None:
            outbox.enqueue(appointment)


def _lock_lead(link: EventLink) -> None:
    """Keep every other change of the viewing out: the services of crm all lock the lead first."""
    Lead.objects.select_for_update(no_key=True).filter(appointments=link.appointment_id).first()


def _see(link_id: int) -> _Seen | None:
    """Return the link as it is now, None if its event is not what stands for a viewing to come."""
    rows = Push.objects.filter(status=PushStatus.WAITING, connection__event_links=link_id)
    # Looked at before the link: once no row waits, the link says what was written last.
    is_being_written = rows.filter(appointment__event_links=link_id).exists()
    link = EventLink.objects.select_related("connection__agent").filter(pk=link_id).exclude(event_id="").first()
    if link is None:
        return None
    appointment = Appointment.objects.with_names().get(pk=link.appointment_id)
    is_live = appointment.status == AppointmentStatus.BOOKED and appointment.agent_id == link.connection.agent_id
    return _Seen(link, appointment, is_being_written) if is_live else None


def _agrees(event: RemoteEvent | None, appointment: Appointment) -> bool:
    return event is not None and events.same_times(event, appointment.starts_at, appointment.ends_at)


def _cancel(seen: _Seen) -> bool:
    link, appointment = seen.link, seen.appointment
    with outbox.coming_from(link.connection):
        booking.cancel(appointment.pk, reason=f"Deleted in Outlook by {appointment.agent}")
    outbox.forget_event(link)
    outbox.show(appointment.pk)
    telling.cancelled(appointment, key=f"outlook:{link.pk}:{link.generation}")
    return True


def _follow(seen: _Seen, event: RemoteEvent, now: datetime) -> bool:
    link, appointment = seen.link, seen.appointment
    if _agrees(event, appointment):
        # Other words, or the server's own write; or both sides came to the same time by themselves.
        outbox.note_agreement(link, event, now)
        return False
    try:
        if event.is_all_day:
            raise BadArguments("A viewing cannot fill whole days.")
        with outbox.coming_from(link.connection):
            moved = booking.place(appointment.pk, starts_at=event.starts_at, ends_at=event.ends_at, now=now)
    except CrmError as refusal:
        _put_back(seen, event, refusal)
        return False
    outbox.note_agreement(link, event, now)
    outbox.show(moved.pk)
    transaction.on_commit(partial(outbox.look_soon, link.pk), robust=True)
    if moved.starts_at != appointment.starts_at:
        telling.moved(moved, key=f"outlook:{link.pk}:{event.etag}")
    return True


def _put_back(seen: _Seen, event: RemoteEvent | None, refusal: CrmError) -> None:
    """Let the viewing stand as it was promised: have the event written anew, and tell the agent."""
    link, appointment = seen.link, seen.appointment
    if event is not None:
        link.etag, link.starts_at, link.ends_at = event.etag, event.starts_at, event.ends_at
        link.save(update_fields=["etag", "starts_at", "ends_at"])
    outbox.enqueue(appointment)
    telling.put_back(appointment, link, event, refusal)
