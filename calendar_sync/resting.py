"""Whoever is switched off is left in peace: their Outlook is neither read nor written, and nothing is renewed for it.

Nothing is forgotten: once they are switched on again everything is read and compared anew, and what waited is written.
Until then they are busy, as everybody whose calendar is not known.
"""

from __future__ import annotations

import logging

from django.db import transaction
from django.utils import timezone

from calendar_sync import choice, outbox, staleness
from calendar_sync.models import Calendar, Connection, ConnectionStatus, Push, PushStatus

logger = logging.getLogger(__name__)


def sweep() -> int:
    """Let the connections of those who were switched off rest, and take up those of who is back; return how many."""
    tired = Connection.objects.filter(agent__is_active=False, is_resting=False)
    back = Connection.objects.filter(agent__is_active=True, is_resting=True)
    resting, waking = list(tired.order_by("pk")), list(back.order_by("pk"))
    for connection in resting:
        rest(connection)
    for connection in waking:
        wake(connection)
    return len(resting) + len(waking)


def rest(connection: Connection) -> None:
    """End what runs by itself, and lose the place in every calendar: what was read grows old from now on."""
    Connection.objects.filter(pk=connection.pk).update(is_resting=True, compared_at=None)
    calendars = connection.calendars.filter(is_read=True)
    if connection.status == ConnectionStatus.CONNECTED:
        choice.unsubscribe(connection, calendars)
    _start_anew(connection)
    calendars.update(subscription_id="", subscription_expires_at=None, client_state_digest="")
    _show_viewings(connection)
    logger.info("Connection %s rests: its agent is switched off", connection.pk)


def wake(connection: Connection) -> None:
    """Have everything read anew; nothing is free before it was."""
    _start_anew(connection)
    Connection.objects.filter(pk=connection.pk).update(is_resting=False, compared_at=None)
    _show_viewings(connection)
    choice.request_sync(connection)
    logger.info("Connection %s is read and written again", connection.pk)


def _start_anew(connection: Connection) -> None:
    Calendar.objects.filter(connection=connection).update(
        delta_link=b"",
        last_synced_at=None,
        next_sync_at=timezone.now(),
        hinted_at=None,
        failures=0,
        last_error="",
        # A round under way is lost, too.
        claim=None,
        claimed_until=None,
    )
    staleness.refresh([connection.pk])


def _show_viewings(connection: Connection) -> None:
    """Say anew how the viewings stand for which something waits in this mailbox."""
    waiting = Push.objects.filter(connection=connection, status__in=[PushStatus.WAITING, PushStatus.FAILED])
    for appointment_id in waiting.order_by("appointment").values_list("appointment", flat=True).distinct():
        with transaction.atomic():
            outbox.show(appointment_id)
