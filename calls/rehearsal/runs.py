"""Rehearsals that somebody started from the page: queued, played by a worker, kept."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from calls.models import RehearsalRun
from calls.rehearsal import report
from calls.rehearsal.document import ScenarioError
from calls.rehearsal.reading import shipped
from calls.rehearsal.scratch import LONGEST_SECONDS, ScratchFailed, play_in_scratch
from config.embedded import EmbeddedStoresError
from crm.errors import BadArguments, CrmError
from crm.models import Agent

logger = logging.getLogger(__name__)

KEPT_RUNS = 50
# A worker was killed in between: nobody plays this any more.
LOST_AFTER = timedelta(seconds=LONGEST_SECONDS + 60)


class AlreadyRunning(CrmError):
    code = "already_running"


def start(names: Sequence[str], agent: Agent) -> RehearsalRun:
    """Queue a run of the named shipped scenarios, all without names. Raises BadArguments, AlreadyRunning."""
    # The tasks import this module.
    from calls.tasks import rehearse

    known = [path.stem for path in shipped()]
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise BadArguments(f"There is no scenario {unknown[0][:100]}.")
    with transaction.atomic():
        # One row is locked, so of two people who start at once one is told.
        Agent.objects.select_for_update(no_key=True).order_by("pk").first()
        give_up_lost()
        if RehearsalRun.objects.unfinished().exists():
            raise AlreadyRunning("A rehearsal is running already. Its results appear here.")
        run = RehearsalRun.objects.create(names=[name for name in known if name in names or not names], agent=agent)
        transaction.on_commit(lambda: rehearse.delay(run.pk))
    return run


def give_up_lost() -> int:
    """Close the runs whose worker went away."""
    lost = RehearsalRun.objects.unfinished().filter(created_at__lt=timezone.now() - LOST_AFTER)
    return lost.update(
        status=RehearsalRun.Status.BROKEN,
        problem="The worker that played it went away. Start it again.",
        finished_at=timezone.now(),
    )


def play(run_id: int) -> None:
    """Play one queued run, keeping each result as it comes. Started twice it is played once."""
    queued = RehearsalRun.objects.filter(pk=run_id, status=RehearsalRun.Status.QUEUED)
    if not queued.update(status=RehearsalRun.Status.RUNNING):
        return
    run = RehearsalRun.objects.get(pk=run_id)
    try:
        for result in play_in_scratch(run.names):
            run.results.append(result)
            run.save(update_fields=["results"])
        good = report.is_good(run.results) and len(run.results) == len(run.names)
        run.status = RehearsalRun.Status.PASSED if good else RehearsalRun.Status.FAILED
    except (ScratchFailed, ScenarioError, EmbeddedStoresError, OSError) as exc:
        logger.error("Rehearsal %s broke: %s", run_id, exc)
        run.status, run.problem = RehearsalRun.Status.BROKEN, str(exc)[:500]
    run.finished_at = timezone.now()
    run.save(update_fields=["status", "problem", "results", "finished_at"])
    old = RehearsalRun.objects.order_by("-pk").values_list("pk", flat=True)[KEPT_RUNS:]
    RehearsalRun.objects.filter(pk__in=list(old)).delete()
