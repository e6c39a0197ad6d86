"""Bringing in earlier calls from the page or by a program: queued, done by a worker, told how far it is."""

from __future__ import annotations

import logging
from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from calls.errors import VapiNotReady, VapiRefused, VapiUnavailable
from calls.history_import import DAYS, import_calls
from calls.models import HistoryRun
from crm.errors import CrmError
from crm.models import Agent

logger = logging.getLogger(__name__)

# A worker was killed in between: nobody goes on with this. Vapi is given half a minute for each page of calls.
LOST_AFTER = timedelta(minutes=10)
KEPT_RUNS = 50


class AlreadyBringing(CrmError):
    """Somebody else pressed first."""

    code = "already_running"


def start(agent: Agent, *, days: int = DAYS) -> HistoryRun:
    """Queue a run. Raises VapiNotReady without a key, AlreadyBringing while another one is under way."""
    # The tasks import this module.
    from calls.tasks import bring_in_history

    if not settings.VAPI_API_KEY:
        raise VapiNotReady(_("Vapi is not connected: set VAPI_API_KEY to the private key from Vapi's dashboard."))
    give_up_lost()
    try:
        with transaction.atomic():
            run = HistoryRun.objects.create(agent=agent, days=days)
    except IntegrityError as exc:
        if exc.__cause__.diag.constraint_name != "history_run_one_at_a_time":  # type: ignore[union-attr]
            raise
        raise AlreadyBringing(_("Calls are being brought in already.")) from exc
    bring_in_history.delay_on_commit(run.pk)
    return run


def give_up_lost() -> int:
    """Close the runs of which nothing was heard for a while."""
    lost = HistoryRun.objects.filter(finished_at=None, heard_at__lt=timezone.now() - LOST_AFTER)
    problem = _("The worker went away. Start it again: what is in stays in.")
    return lost.update(status=HistoryRun.Status.FAILED, problem=problem, finished_at=timezone.now())


def play(run_id: int) -> None:
    """Do one queued run. Started twice it is done once."""
    queued = HistoryRun.objects.filter(pk=run_id, status=HistoryRun.Status.QUEUED)
    if not queued.update(status=HistoryRun.Status.RUNNING, heard_at=timezone.now()):
        return
    run = HistoryRun.objects.get(pk=run_id)
    try:
        import_calls(run.days, told=lambda seen, brought: _note(run_id, seen=seen, brought=brought))
    except (VapiUnavailable, VapiRefused) as exc:
        logger.error("Run %s of bringing in calls broke off: %s", run_id, exc)
        _finish(run_id, HistoryRun.Status.FAILED, _why(exc))
        return
    except Exception:
        _finish(run_id, HistoryRun.Status.FAILED, _("It broke off. What is in stays in; the log says more."))
        raise
    _finish(run_id, HistoryRun.Status.DONE)
    old = HistoryRun.objects.values_list("pk", flat=True)[KEPT_RUNS:]
    HistoryRun.objects.filter(pk__in=list(old)).delete()


def _why(exc: VapiUnavailable | VapiRefused) -> str:
    if isinstance(exc, VapiRefused) and exc.status in (401, 403):
        return _("Vapi refuses the key. Put the private key from Vapi's dashboard into VAPI_API_KEY.")
    if isinstance(exc, VapiUnavailable):
        return _("Vapi does not answer at the moment. Start it again later: what is in stays in.")
    return _("Vapi gave an answer that makes no sense. Check VAPI_API_URL.")


def _note(run_id: int, **values: int) -> None:
    HistoryRun.objects.filter(pk=run_id).update(heard_at=timezone.now(), **values)


def _finish(run_id: int, status: str, problem: str = "") -> None:
    HistoryRun.objects.filter(pk=run_id).update(status=status, problem=problem[:500], finished_at=timezone.now())
