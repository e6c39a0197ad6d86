"""Working off the outbox: take a row, speak to Graph, note what became of it. No transaction is open meanwhile."""

from __future__ import annotations

import logging
from datetime import datetime

from django.db import IntegrityError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from calendar_sync import outbox, outlook_changes, tokens, writing
from calendar_sync.errors import Refused
from calendar_sync.graph import Graph
from calendar_sync.models import Connection, ConnectionStatus
from calendar_sync.outbox import Job, Wish
from calendar_sync.remote import RemoteEvent
from crm.errors import PermanentError, TransientError

logger = logging.getLogger(__name__)

# HTTP's words for "not you".
_REFUSED_PERSON = {401, 403}
_CHOOSE = _("Choose another calendar for viewings on the Users page, then press “try again”.")
_LOOK = _("Press “try again”. If it fails again, enter the viewing in Outlook by hand and tell whoever runs Pete.")


def push_appointment(appointment_id: int, *, now: datetime | None = None) -> int:
    """Work off the rows of a viewing that are due; return how many jobs were done."""
    done = 0
    while (job := outbox.claim(appointment_id, now or timezone.now())) is not None:
        done += work(job, now or timezone.now())
    return done


def push_due(now: datetime | None = None) -> int:
    """Work off everything that is due, here and now."""
    return sum(push_appointment(pk, now=now) for pk in outbox.due(now))


def work(job: Job, now: datetime) -> bool:
    """Do one job; return whether it is done."""
    if job.attempts > outbox.MOST_ATTEMPTS:
        outbox.give_up(job, TransientError("Whoever tried to write it was killed"), _LOOK, now)
        return False
    graph = Graph(job.connection.pk)
    try:
        event = writing.carry_out(job, graph)
    except writing.OutlookDecides as decision:
        return _let_outlook_decide(job, decision, now)
    except TransientError as exc:
        outbox.put_off(job, exc, now)
    except PermanentError as exc:
        _refused(job, graph, exc, now)
    except Exception as exc:
        logger.exception("Viewing %s could not be pushed", job.appointment.pk)
        outbox.put_off(job, exc, now)
    else:
        return _finish(job, event, now)
    return False


def _finish(job: Job, event: RemoteEvent | None, now: datetime) -> bool:
    try:
        is_done = outbox.finish(job, event, now)
    except IntegrityError as exc:
        # Graph gave the id of another viewing's event.
        logger.exception("Viewing %s could not be given its event", job.appointment.pk)
        outbox.put_off(job, exc, now)
        return False
    if is_done and job.wish is Wish.WRITE:
        outbox.look_soon(job.link.pk)
    return is_done


def _let_outlook_decide(job: Job, decision: writing.OutlookDecides, now: datetime) -> bool:
    """Carry over what was done in Outlook; with that the row is done, or goes on with what was decided."""
    try:
        outlook_changes.decide(job.link, decision.event, now=now, is_worker=True)
    except Exception as exc:
        logger.exception("Viewing %s: a change in Outlook could not be carried over", job.appointment.pk)
        outbox.put_off(job, exc, now)
        return False
    return outbox.finish_as_it_is(job, now)


def _refused(job: Job, graph: Graph, exc: PermanentError, now: datetime) -> None:
    if isinstance(exc, writing.CalendarGone):
        outbox.give_up(job, exc, _CHOOSE, now)
    elif isinstance(exc, Refused) and exc.status in _REFUSED_PERSON:
        _person_refused(job, graph, exc, now)
    elif isinstance(exc, Refused):
        outbox.give_up(job, exc, _LOOK, now)
    elif Connection.objects.filter(pk=job.connection.pk, status=ConnectionStatus.CONNECTED).exists():
        outbox.put_off(job, exc, now)
    else:
        # The token's keeper has found the connection broken and told the agent.
        outbox.wait_for_connection(job, exc, now)


def _person_refused(job: Job, graph: Graph, exc: Refused, now: datetime) -> None:
    """Find out whether the whole mailbox is closed to us or only this calendar."""
    try:
        graph.list_calendars()
    except Refused as other:
        tokens.mark_broken(job.connection.pk, other.code or exc.code or "ErrorAccessDenied")
        outbox.wait_for_connection(job, exc, now)
    except PermanentError:
        outbox.wait_for_connection(job, exc, now)
    except TransientError as other:
        outbox.put_off(job, other, now)
    else:
        outbox.give_up(job, exc, _CHOOSE, now)
