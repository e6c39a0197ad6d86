"""The voice side's periodic work. Each task is safe to run twice and at once."""

from __future__ import annotations

import logging

from celery import shared_task
from django.conf import settings
from django.core.cache import cache

from calls import board, history_runs, projection, refold
from calls.client import VapiClient
from calls.errors import VapiUnavailable
from calls.practice import sessions
from calls.rehearsal import runs
from calls.silence import close_silent_calls
from calls.sync import nightly

logger = logging.getLogger(__name__)

_SWEPT_KEY = "calls:swept-event"
# Rows are committed in another order than they are numbered; this many are looked at again.
_OVERLAP = 5_000
_ROWS_AT_ONCE = 20_000
_MOST_ROUNDS = 50


@shared_task
def close_silent() -> int:
    """Close calls of which nothing was heard for CALL_TTL_SECONDS, asking Vapi first where a key is set."""
    if not settings.VAPI_API_KEY:
        return close_silent_calls()
    with VapiClient() as client:
        return close_silent_calls(client)


@shared_task
def project_stragglers() -> int:
    """Fold calls whose ledger knows more than their columns: a web process was killed in between."""
    swept = int(cache.get(_SWEPT_KEY) or 0)
    folded = 0
    for _ in range(_MOST_ROUNDS):
        behind, last = refold.stragglers(swept, _ROWS_AT_ONCE)
        for call_id in behind:
            folded += projection.project(call_id)
        if last <= swept:
            break
        swept = last
    # Never so far that a row which was numbered before and committed after would be passed over.
    cache.set(_SWEPT_KEY, max(swept - _OVERLAP, 0), timeout=None)
    if folded:
        logger.info("%s calls were behind their ledger", folded)
    return folded


@shared_task
def drop_ended_calls() -> int:
    """Take calls off the board that ended two minutes ago."""
    return board.drop_ended()


@shared_task
def rehearse(run_id: int) -> None:
    """Play the scenarios of one run in a scratch office."""
    runs.play(run_id)


@shared_task
def bring_in_history(run_id: int) -> None:
    """Bring in the calls of the weeks before Pete."""
    history_runs.play(run_id)


@shared_task
def give_back_practice() -> int:
    """Cancel viewings of practice calls that ended without anybody ending them here."""
    return sessions.give_back()


@shared_task(autoretry_for=(VapiUnavailable,), retry_backoff=60, retry_backoff_max=1800, max_retries=6)
def compare_assistants() -> int:
    """Compare the assistants at Vapi with what Pete needs, and tell managers what changed. Runs at night."""
    return nightly.check()
