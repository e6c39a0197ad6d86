"""Reading back what was just written: what else is in Outlook at that time, and is our event as we left it.

Graph has no "create only if free": somebody may have filled the time between the last look and our write. It cannot be
undone by itself, so the agent is told, with other times. What comes later the rounds of reading find.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from calendar_sync import clashes, outlook_changes, placing
from calendar_sync.errors import Refused
from calendar_sync.graph import Graph
from calendar_sync.models import Calendar, Connection, EventLink
from calendar_sync.remote import RemoteEvent
from crm.models import Appointment, AppointmentStatus

logger = logging.getLogger(__name__)

# HTTP's words for a calendar that was deleted, or is not shared any more.
_NOT_THERE = {403, 404, 410}


def read_back(link_id: int, *, now: datetime | None = None) -> int:
    """Look at the time of one of our events; return how many others are in the way. Raises what Graph raises."""
    link = EventLink.objects.select_related("connection__agent").filter(pk=link_id).exclude(event_id="").first()
    if link is None or link.starts_at is None or link.ends_at is None:
        return 0
    window = (link.starts_at, link.ends_at)
    shown = list(shown_in(link.connection, Graph(link.connection_id), *window))
    own = next((event for event, _ in shown if event.id == link.event_id), None)
    if own is None or own.etag != link.etag:
        # Somebody was quicker than we could note our own write.
        outlook_changes.apply(link, own, now=now)
    foreign = [event for event, calendar in shown if event.id != link.event_id and _blocks(event, calendar, window)]
    appointment = Appointment.objects.with_names().get(pk=link.appointment_id)
    if appointment.agent_id != link.connection.agent_id:
        return 0
    if foreign and appointment.status == AppointmentStatus.BOOKED:
        clashes.tell(appointment, [event.id for event in foreign], now or timezone.now())
    else:
        clashes.over(appointment.pk)
    return len(foreign)


def shown_in(
    connection: Connection, graph: Graph, starts_at: datetime, ends_at: datetime
) -> Iterator[tuple[RemoteEvent, Calendar]]:
    """Yield what the calendars of a connection show in [starts_at, ends_at), each event with its calendar.

    One that is gone or no longer shared is passed over: reading the calendars tells of it. Raises what Graph raises
    of the others.
    """
    calendars = connection.calendars.filter(Q(is_read=True) | Q(is_written=True)).order_by("pk")
    for calendar in calendars.select_related("connection__agent"):
        try:
            shown = graph.calendar_view(calendar.external_id, starts_at, ends_at, with_tags=True)
        except Refused as exc:
            if exc.status not in _NOT_THERE:
                raise
            logger.info("Calendar %s is passed over: %s", calendar.pk, exc)
            continue
        yield from ((event, calendar) for event in shown)


def _blocks(event: RemoteEvent, calendar: Calendar, window: tuple[datetime, datetime]) -> bool:
    """Say whether an event that is not Pete's blocks the time, by the rule by which it would not have been offered."""
    row = placing.placed(event, calendar, ZoneInfo(calendar.connection.agent.timezone))
    is_there = event.tag is None and row.starts_at < window[1] and row.ends_at > window[0]
    return is_there and placing.blocks(row, tentative=settings.CALENDAR_TENTATIVE_BLOCKS)
