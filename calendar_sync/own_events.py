"""Pete's own events among those of a round: never busy times, and handed on when somebody changed them in Outlook."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from calendar_sync import events, outlook_changes, vanished
from calendar_sync.graph import Graph
from calendar_sync.models import Calendar, EventLink
from calendar_sync.remote import RemoteEvent
from crm.errors import TransientError
from crm.models import Appointment, AppointmentStatus

logger = logging.getLogger(__name__)


def sort_out(
    graph: Graph,
    calendar: Calendar,
    found: dict[str, RemoteEvent],
    *,
    removed: set[str],
    window: tuple[datetime, datetime] | None,
) -> set[str]:
    """Return the ids of Pete's own among the events found; have those that changed in Outlook brought into Pete.

    `window` is given when everything in it was read: then an event that was not found there has gone, too.
    """
    links = _links(calendar, {*found, *removed}, window)
    is_emptied = window is not None and not found and calendar.events.exists()
    gone = [link for event_id, link in links.items() if event_id not in found]
    put_back = vanished.put_back(graph, calendar, gone, is_emptied=is_emptied)
    for event_id, link in links.items():
        if event_id in put_back:
            continue
        if event_id not in found:
            _hand_over(link, None)
        elif found[event_id].etag != link.etag:
            # A round may tell what was true before we wrote ourselves.
            _hand_over(link, graph.get_event(event_id))
    return links.keys() | set(_unlinked(graph, calendar, [event for event in found.values() if event.id not in links]))


def _links(calendar: Calendar, ids: set[str], window: tuple[datetime, datetime] | None) -> dict[str, EventLink]:
    concerned = Q(event_id__in=ids)
    if window is not None:
        in_window = Q(ends_at__gt=window[0], starts_at__lt=window[1])
        concerned |= in_window & Q(calendar_external_id=calendar.external_id)
    rows = EventLink.objects.filter(concerned, connection=calendar.connection_id).exclude(event_id="")
    return {link.event_id: link for link in rows.select_related("appointment", "connection__agent").order_by("pk")}


def _hand_over(link: EventLink, event: RemoteEvent | None) -> None:
    try:
        outlook_changes.apply(link, event)
    except TransientError:
        raise
    except Exception:
        # The rest of the calendar must go on being read; the nightly comparison finds this one again.
        logger.exception("A change of viewing %s in Outlook could not be taken over", link.appointment_id)


def _unlinked(graph: Graph, calendar: Calendar, found: Iterable[RemoteEvent]) -> Iterable[str]:
    """Yield the ids of events that Pete wrote and whose id it never learned: their answers were lost.

    Where such an event is not at its viewing's time, it blocks like any other.
    """
    for event in found:
        if not _may_be_ours(event):
            continue
        told = graph.get_event(event.id)
        if told is not None and _stands_for_a_viewing(told, calendar):
            yield event.id


def _stands_for_a_viewing(event: RemoteEvent, calendar: Calendar) -> bool:
    tag = events.read_tag(event.tag)
    if tag is None:
        return False
    booked = Appointment.objects.filter(status=AppointmentStatus.BOOKED, agent=calendar.connection.agent_id)
    appointment = booked.filter(pk=tag[0]).first()
    if appointment is None or events.generation_of(event, appointment, calendar.connection) is None:
        return False
    return events.same_times(event, appointment.starts_at, appointment.ends_at)


def _may_be_ours(event: RemoteEvent) -> bool:
    """Say whether the transactionId is of the kind that Pete makes. Outlook's own are not."""
    try:
        return UUID(event.transaction_id).version == 5
    except ValueError:
        return False
