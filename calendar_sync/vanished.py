"""Many viewings gone from Outlook at once: hardly anybody's decision, so none is cancelled.

A mailbox that was restored, emptied by a program or moved elsewhere looks as if its owner had deleted everything. Pete
then lets the viewings stand as the leads were told, writes them into Outlook again, and says so. Who wants them gone
cancels them in Pete, or deletes a few at a time.
"""

from __future__ import annotations

import logging
from collections.abc import Collection

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from calendar_sync import outbox
from calendar_sync.graph import Graph
from calendar_sync.models import Calendar, EventLink, NoticeKind, Push, PushStatus
from calendar_sync.notices import raise_notice
from crm.models import AppointmentStatus

logger = logging.getLogger(__name__)

# As many as somebody deletes who falls ill for a day.
MOST_AT_ONCE = 5


def put_back(graph: Graph, calendar: Calendar, gone: Collection[EventLink], *, is_emptied: bool) -> set[str]:
    """Return which of these events, which a round did not find, are put back; each is asked for by itself before.

    `is_emptied`: there is nothing at all left in a calendar that had something in it.
    """
    concerned = [link for link in gone if _is_live(link)]
    if len(concerned) <= MOST_AT_ONCE and not is_emptied:
        return set()
    missing = [link for link in concerned if graph.get_event(link.event_id) is None]
    if len(missing) <= MOST_AT_ONCE and not is_emptied:
        return set()
    put = {link.event_id for link in missing if _write_anew(link)}
    if put:
        _tell(calendar, len(put))
    return put


def _is_live(link: EventLink) -> bool:
    """Say whether this event would cancel a viewing by being gone."""
    viewing = link.appointment
    is_theirs = viewing.agent_id == link.connection.agent_id
    return is_theirs and viewing.status == AppointmentStatus.BOOKED and viewing.ends_at > timezone.now()


def _write_anew(link: EventLink) -> bool:
    with transaction.atomic():
        appointment = outbox.lock(link.appointment_id)
        same = EventLink.objects.filter(pk=link.pk, event_id=link.event_id, etag=link.etag).first()
        waiting = Push.objects.filter(appointment=link.appointment_id, status=PushStatus.WAITING)
        if appointment is None or same is None or waiting.exists():
            return False
        outbox.forget_event(same)
        outbox.enqueue(appointment)
    return True


def _tell(calendar: Calendar, count: int) -> None:
    agent = calendar.connection.agent
    logger.warning("Connection %s: %s events vanished at once and are put back", calendar.connection_id, count)
    raise_notice(
        NoticeKind.MOVED,
        agent,
        key=f"vanished:{calendar.connection_id}:{timezone.now():%Y-%m-%d}",
        text=lambda: (
            _("%(n)s viewings of %(agent)s were gone from Outlook at once. Pete cancelled none and puts them back.")
            % {"n": count, "agent": agent}
        ),
        cure=lambda: _("Cancel in Pete the ones that are not to take place."),
        data={"count": count},
    )
