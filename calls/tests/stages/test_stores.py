"""One suite for every backend: what the stage machine promises."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator

import pytest

from calls.stages import FIRST_STAGE, STAGES, Outcome, StageState, StageStore
from calls.stages.memory import MemoryStageStore
from calls.stages.redis import RedisStageStore

Q, B, C = STAGES


def make(backend: str, settings, ttl: int = 60) -> StageStore:
    return MemoryStageStore(ttl) if backend == "memory" else RedisStageStore(settings.REDIS_URL, ttl)


@pytest.fixture(params=["memory", "redis"])
def backend(request) -> str:
    return request.param


@pytest.fixture
async def store(backend, settings) -> AsyncIterator[StageStore]:
    made = make(backend, settings)
    yield made
    await made.close()


@pytest.fixture
def call() -> uuid.UUID:
    return uuid.uuid4()


def mark() -> bytes:
    return uuid.uuid4().bytes


async def go(store, call, stage, patch=None):
    return await store.advance(call, stage, patch or {}, fingerprint=mark())


async def test_a_call_begins_at_the_first_stage(store, call):
    result = await go(store, call, None)

    assert result == (FIRST_STAGE, {}, Outcome.MOVED, 1, True)


async def test_stages_follow_each_other_and_gather_context(store, call):
    await go(store, call, Q, {"budget": 1800})
    await go(store, call, B, {"timeline": "3 months", "pets": "one cat"})
    result = await go(store, call, C, {"budget": 2000.5, "selected_time": "Tue 3 PM – «ça va»"})

    known = {"budget": 2000.5, "timeline": "3 months", "pets": "one cat", "selected_time": "Tue 3 PM – «ça va»"}
    assert result == (C, known, Outcome.MOVED, 3, False)
    assert await store.get(call) == StageState(C, known, 3, False)


@pytest.mark.parametrize("path", [[Q, Q], [Q, B, B], [B, C, C]])
async def test_a_stage_may_repeat(store, call, path):
    results = [await go(store, call, stage) for stage in path]

    assert [result.outcome for result in results] == [Outcome.MOVED] * len(path)
    assert results[-1].stage == path[-1]


@pytest.mark.parametrize(("path", "wanted"), [([], C), ([B], Q), ([B, C], B), ([B, C], Q)])
async def test_going_back_or_leaving_out_changes_nothing(store, call, path, wanted):
    for stage in path:
        await go(store, call, stage, {"budget": 1800})
    before = await store.get(call)
    result = await go(store, call, wanted, {"budget": 9})

    stage, context = (before.stage, before.context) if before else (Q, {})
    assert (result.stage, result.context, result.outcome) == (stage, context, Outcome.REFUSED)
    after = await store.get(call)
    assert (after.stage, after.context) == (stage, context)


async def test_the_same_request_acts_once(store, call):
    first = await store.advance(call, B, {"budget": 1}, fingerprint=b"one")
    await go(store, call, C, {"budget": 2})
    again = await store.advance(call, B, {"budget": 1}, fingerprint=b"one")

    assert (first.outcome, again.outcome) == (Outcome.MOVED, Outcome.MOVED)
    assert await store.get(call) == StageState(C, {"budget": 2}, 2, False)


async def test_facts_without_a_stage_stay_where_they_are(store, call):
    await go(store, call, B)
    result = await store.advance(call, None, {"email": "a@b.co"}, fingerprint=mark(), counts=False)

    assert result == (B, {"email": "a@b.co"}, Outcome.MOVED, 1, False)


async def test_after_the_end_nothing_changes(store, call):
    await go(store, call, B, {"budget": 1})
    await store.end(call)
    result = await go(store, call, C, {"budget": 2})

    assert (result.stage, result.context, result.outcome) == (B, {"budget": 1}, Outcome.ENDED)
    assert await store.get(call) == StageState(B, {"budget": 1}, 2, True)


async def test_an_end_before_anything_else_is_still_a_fresh_state(store, call):
    await store.end(call)

    assert await store.get(call) is None
    result = await go(store, call, B)
    assert (result.outcome, result.count, result.fresh) == (Outcome.ENDED, 1, True)


async def test_a_rebuilt_state_replaces_a_fresh_one_and_goes_on_counting(store, call):
    await go(store, call, None)
    await store.restore(call, StageState(B, {"budget": 1}, 3, False))
    result = await go(store, call, C, {"pets": "no"})

    assert result == (C, {"budget": 1, "pets": "no"}, Outcome.MOVED, 4, False)


async def test_a_late_rebuild_does_not_undo_what_came_after_the_first(store, call):
    await store.restore(call, StageState(B, {}, 3, False))
    await go(store, call, C)
    await store.restore(call, StageState(B, {}, 3, False))

    assert (await store.get(call)).stage == C


async def test_a_rebuilt_ended_call_is_ended(store, call):
    await store.restore(call, StageState(B, {}, 2, True))

    assert (await go(store, call, C)).outcome is Outcome.ENDED


async def test_forgetting(store, call):
    await go(store, call, B)
    await store.forget(call)

    assert await store.get(call) is None
    assert (await go(store, call, None)).fresh


async def test_active_calls(store):
    calls = [uuid.uuid4() for _ in range(4)]
    for call in calls:
        await go(store, call, None)
    await store.end(calls[0])
    await store.forget(calls[1])

    assert await store.active_calls() == 2


async def test_a_silent_call_expires_and_a_talking_one_does_not(backend, settings):
    store = make(backend, settings, ttl=2)
    silent, talking = uuid.uuid4(), uuid.uuid4()
    await go(store, silent, B)
    await go(store, talking, B)
    # Much oftener than it would expire: a busy machine sleeps longer than told.
    for _ in range(8):
        await asyncio.sleep(0.3)
        await go(store, talking, None)

    assert await store.get(silent) is None
    assert (await store.get(talking)).stage == B
    await store.close()


async def test_concurrent_contradictory_requests_leave_one_consistent_state(store, call):
    wanted = [B, C, Q, B, C, Q, B, C] * 8
    results = await asyncio.gather(*(go(store, call, stage, {f"f{n}": n}) for n, stage in enumerate(wanted)))

    moved = [n for n, result in enumerate(results) if result.outcome is Outcome.MOVED]
    state = await store.get(call)
    assert state.count == len(wanted)
    assert sorted(result.count for result in results) == list(range(1, len(wanted) + 1))
    assert state.context == {f"f{n}": n for n in moved}
    path = [results[n].stage for n in sorted(moved, key=lambda n: results[n].count)]
    assert path == sorted(path, key=STAGES.index)


async def test_calls_do_not_touch_each_other(store):
    calls = [uuid.uuid4() for _ in range(50)]
    await asyncio.gather(*(go(store, call, B, {"budget": n}) for n, call in enumerate(calls)))

    assert [(await store.get(call)).context for call in calls] == [{"budget": n} for n in range(50)]
