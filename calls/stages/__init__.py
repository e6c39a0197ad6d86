"""The stage machine: QUALIFICATION, BOOKING, CONFIRMATION, and the facts gathered on the way."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.utils import timezone
from redis import Redis

from calls.stages.interface import (
    FIRST_STAGE,
    STAGES,
    Facts,
    Outcome,
    StageResult,
    StageState,
    StageStore,
    StoreUnavailable,
)
from calls.stages.memory import MemoryStageStore
from calls.stages.metrics import stage_metrics
from calls.stages.redis import RedisStageStore, state_key

__all__ = [
    "FIRST_STAGE",
    "STAGES",
    "Facts",
    "Outcome",
    "StageResult",
    "StageState",
    "StageStore",
    "StoreUnavailable",
    "close_store",
    "forget_now",
    "stage_store",
]

_stores: dict[asyncio.AbstractEventLoop, StageStore] = {}


def make_store() -> StageStore:
    """Return a new store of the configured backend."""
    if settings.STATE_BACKEND == "memory":
        return MemoryStageStore(settings.CALL_TTL_SECONDS)
    return RedisStageStore(settings.REDIS_URL, settings.CALL_TTL_SECONDS)


def stage_store() -> StageStore:
    """Return the store of the running event loop, to which its connection belongs."""
    loop = asyncio.get_running_loop()
    store = _stores.get(loop)
    if store is None:
        store = _stores[loop] = make_store()
    return store


async def close_store() -> None:
    """Close the running loop's store; the next use opens a new one."""
    store = _stores.pop(asyncio.get_running_loop(), None)
    if store is not None:
        await store.close()


def forget_now(call_ids: list[UUID]) -> None:
    """Remove the state of calls from outside the event loop, as a task does. The memory backend forgets by itself."""
    if call_ids and settings.STATE_BACKEND != "memory":
        with Redis.from_url(settings.REDIS_URL) as client:
            client.delete(*(state_key(call_id) for call_id in call_ids))


def _count_active() -> int:
    """Count the calls that are not over and not silent for too long; an index holds just those."""
    from calls.models import Call, Phase

    silent_since = timezone.now() - timedelta(seconds=settings.CALL_TTL_SECONDS)
    return Call.objects.exclude(phase=Phase.ENDED).filter(last_event_at__gt=silent_since).count()


stage_metrics.count_active = _count_active
