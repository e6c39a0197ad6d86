"""Keeping connections alive while nobody looks: tokens before they run out, and what others were to mend."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet

from calendar_sync import tokens
from calendar_sync.diagnosis import is_entras
from calendar_sync.errors import Refused
from calendar_sync.graph import Graph
from calendar_sync.models import Connection, ConnectionStatus
from crm.errors import TransientError

logger = logging.getLogger(__name__)

# Renewed when less is left, so that nobody who needs a token waits for Entra.
RENEW_BEFORE = timedelta(minutes=15)
# A sign-in that is not used for 90 days is lost.
KEEP_ALIVE_AFTER = timedelta(days=7)
# A fault that an administrator is to mend is looked at again this often.
LOOK_AGAIN_AFTER = timedelta(hours=1)
_OTHERS_TURN = [ConnectionStatus.ADMIN_ACTION, ConnectionStatus.ERROR]


def due(now: datetime) -> QuerySet[Connection]:
    """Return the connections whose token runs out soon, and those that may have been mended."""
    runs_out = Q(access_expires_at=None) | Q(access_expires_at__lt=now + RENEW_BEFORE)
    mended = Q(status__in=_OTHERS_TURN, status_at__lt=now - LOOK_AGAIN_AFTER)
    concerned = Q(status=ConnectionStatus.CONNECTED) & runs_out | mended
    return Connection.objects.filter(concerned, agent__is_active=True)


def idle(now: datetime) -> QuerySet[Connection]:
    """Return the connections whose sign-in has not been used for a week."""
    unused = Q(refreshed_at=None) | Q(refreshed_at__lt=now - KEEP_ALIVE_AFTER)
    at_work = Connection.objects.filter(unused, agent__is_active=True)
    return at_work.exclude(status=ConnectionStatus.NEEDS_RECONNECT)


def attend(connection_id: int, *, force: bool = False) -> bool:
    """Renew a connection's token, or find out whether it works again; return whether it works.

    Never raises for what Microsoft answers: the connection's status says it, and the next round tries again.
    """
    connection = Connection.objects.defer("blob").filter(pk=connection_id).first()
    if connection is None:
        return False
    is_broken = connection.status != ConnectionStatus.CONNECTED
    try:
        least = int(RENEW_BEFORE.total_seconds())
        token = tokens.renew(connection_id, min_seconds=least, force=force or is_broken)
        if is_broken and not is_entras(connection.status_code):
            _ask_graph(connection_id, token)
    except (tokens.ConnectionBroken, TransientError) as exc:
        logger.warning("The token of connection %s was not renewed: %s", connection_id, exc)
        return False
    except Refused as exc:
        tokens.mark_broken(connection_id, exc.code or f"HTTP {exc.status}")
        return False
    return True


def _ask_graph(connection_id: int, token: str) -> None:
    """Set that the connection works if Graph answers to its token. Raises Refused or TransientError if not."""
    Graph(connection_id, token_source=lambda *_args, **_kwargs: token).list_calendars()
    with transaction.atomic():
        tokens.note_success(tokens.locked().get(pk=connection_id))
