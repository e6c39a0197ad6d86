"""What is done when Graph refuses to let a calendar be read: find out what is broken, and tell who must know."""

from __future__ import annotations

import logging

from django.utils.translation import gettext as _

from calendar_sync import tokens
from calendar_sync.errors import Refused
from calendar_sync.graph import Graph
from calendar_sync.models import Calendar, NoticeKind
from calendar_sync.notices import raise_notice
from crm.errors import PermanentError, TransientError

logger = logging.getLogger(__name__)


def notice_key(calendar: Calendar) -> str:
    """Return the key of the notice that this calendar cannot be read."""
    return f"unreadable:{calendar.connection_id}:{calendar.pk}"


def note(calendar: Calendar, graph: Graph, exc: PermanentError) -> None:
    """Set the whole connection to broken, or say that this one calendar cannot be read."""
    if isinstance(exc, tokens.ConnectionBroken):
        return
    if isinstance(exc, Refused) and _concerns_mailbox(graph, exc):
        tokens.mark_broken(calendar.connection_id, exc.code or f"HTTP {exc.status}")
        return
    tell(calendar)


def _concerns_mailbox(graph: Graph, exc: Refused) -> bool:
    """Say whether everything is refused. A calendar that is no longer shared leaves the others as they were."""
    if exc.status == 401:
        return True
    if exc.status != 403:
        return False
    try:
        graph.list_calendars()
    except TransientError:
        return False
    except PermanentError as other:
        logger.info("Connection %s is refused everything: %s", graph.connection_id, other)
        return not isinstance(other, tokens.ConnectionBroken)
    return False


def tell(calendar: Calendar) -> None:
    """Raise the notice that a calendar cannot be read."""
    raise_notice(
        NoticeKind.UNREADABLE,
        calendar.connection.agent,
        key=notice_key(calendar),
        text=lambda: (
            _("Pete cannot read the calendar “%s”. No time is offered that may be taken in it.") % calendar.name
        ),
        cure=lambda: _("Sync now. If the calendar is gone or no longer shared, choose the calendars again."),
        data={"calendar": calendar.pk, "error": calendar.last_error},
    )
