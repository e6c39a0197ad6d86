"""Many calendars at once: a round is mostly waiting for Graph, so one worker keeps many of them going."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from django.core.cache import cache
from django.db import connection as database
from django.utils import timezone

from calendar_sync import mirror

logger = logging.getLogger(__name__)

# Fewer than the process has database connections. Graph's own limits are kept by `limits`, over all processes.
AT_ONCE = 12
# What a run has not begun by then is left to the next one.
RUN_SECONDS = 50.0
LOCK_SECONDS = 60.0
_LOCK_KEY = "calendar_sync:polling"
_MOST = 1_000


def poll(*, now: datetime | None = None) -> int:
    """Read every calendar that is due, the longest overdue first; return how many were read.

    One run at a time. The lock of one that was killed, or waits for a calendar without end, runs out.
    """
    if not cache.add(_LOCK_KEY, True, timeout=LOCK_SECONDS):
        return 0
    started = time.monotonic()
    try:
        waiting = list(mirror.due(now or timezone.now()).order_by("next_sync_at").values_list("pk", flat=True)[:_MOST])
        read = each(lambda calendar_id: mirror.sync_calendar(calendar_id, now=now), waiting)
    finally:
        # After that it is somebody else's.
        if time.monotonic() - started < LOCK_SECONDS:
            cache.delete(_LOCK_KEY)
    return read


def each(work: Callable[[int], bool], ids: Iterable[int]) -> int:
    """Do one thing for many ids, in threads; return for how many it was done. What fails is logged and passed over."""
    ids = list(ids)
    if not ids:
        return 0
    deadline = time.monotonic() + RUN_SECONDS

    def one(number: int) -> bool:
        return time.monotonic() < deadline and _guarded(work, number)

    with ThreadPoolExecutor(min(AT_ONCE, len(ids)), thread_name_prefix="calendars") as pool:
        return sum(pool.map(one, ids))


def _guarded(work: Callable[[int], bool], number: int) -> bool:
    try:
        return work(number)
    except Exception:
        logger.exception("Calendar %s", number)
        return False
    finally:
        # The thread ends soon; its connection goes back to the pool.
        database.close()
