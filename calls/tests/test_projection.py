from __future__ import annotations

import asyncio
import threading
import time
import uuid
from collections.abc import Collection, Iterator
from datetime import timedelta

import pytest
import redis
from django.db import OperationalError
from django.utils import timezone

from calls import board, projection
from calls.models import Call
from calls.projection import Projector
from calls.refold import Projected, project_many
from calls.tests.ledger import call, conversation, deliver, report

A, B, C = (uuid.UUID(int=n) for n in (1, 2, 3))


class Folder:
    """Stands for the fold: notes what it was given, and waits or fails when told to."""

    def __init__(self) -> None:
        self.batches: list[list[uuid.UUID]] = []
        self.go_on = threading.Event()
        self.go_on.set()
        self.failing: dict[uuid.UUID, int] = {}
        self.look_again: dict[uuid.UUID, float] = {}

    def __call__(self, call_ids: Collection[uuid.UUID]) -> Projected:
        self.batches.append(list(call_ids))
        self.go_on.wait(5)
        for call_id in call_ids:
            if self.failing.get(call_id, 0) > 0:
                self.failing[call_id] -= 1
                raise OperationalError("away")
        at = {
            key: timezone.now() + timedelta(seconds=self.look_again.pop(key))
            for key in {*self.look_again} & {*call_ids}
        }
        return Projected([], at)

    def times(self, call_id: uuid.UUID) -> int:
        return sum(batch.count(call_id) for batch in self.batches)


@pytest.fixture
def folder() -> Folder:
    return Folder()


@pytest.fixture
def projector(folder: Folder) -> Iterator[Projector]:
    projector = Projector(folder)
    yield projector
    folder.go_on.set()
    projector.stop()


def until(condition, timeout: float = 5.0) -> bool:
    end = time.monotonic() + timeout
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


def test_a_touched_call_is_folded_before_settle_returns(projector, folder):
    projector.touch(A)

    assert projector.settle(2)
    assert folder.batches == [[A]]


def test_settle_has_nothing_to_wait_for_when_nothing_was_touched(projector):
    began = time.monotonic()

    assert projector.settle(5)
    assert time.monotonic() - began < 0.5


def test_settle_gives_up_when_time_runs_out(projector, folder):
    folder.go_on.clear()
    projector.touch(A)

    assert not projector.settle(0.05)


def test_a_call_touched_while_it_is_folded_is_folded_again(projector, folder):
    folder.go_on.clear()
    projector.touch(A)
    assert until(lambda: folder.times(A) == 1)
    projector.touch(A)
    folder.go_on.set()

    assert projector.settle(2)
    assert folder.times(A) == 2


def test_many_touches_of_one_call_are_folded_together(projector, folder):
    for _ in range(500):
        projector.touch(A)
    time.sleep(0.3)
    assert projector.settle(2)

    assert 1 <= folder.times(A) <= 5


def test_many_calls_are_folded_in_few_batches(projector, folder):
    folder.go_on.clear()
    for number in range(200):
        projector.touch(uuid.UUID(int=number + 10))
    folder.go_on.set()

    assert projector.settle(5)
    assert len(folder.batches) <= 10


def test_one_call_that_fails_does_not_hold_up_the_others(projector, folder, caplog):
    folder.failing = {B: 1000}
    for call_id in (A, B, C):
        projector.touch(call_id)

    assert until(lambda: "could not be folded" in caplog.text)
    assert until(lambda: not {A, C} & {*projector._waiting, *projector._running})
    assert folder.times(A) >= 1 <= folder.times(C)
    assert folder.failing[B] < 1000


def test_a_failure_is_tried_again(projector, folder):
    folder.failing = {A: 2}
    projector.touch(A)

    assert until(lambda: folder.times(A) >= 3)
    assert folder.failing == {A: 0}


def test_in_a_flood_the_door_goes_first(projector, folder, monkeypatch):
    slept = []
    monkeypatch.setattr(projection.time, "sleep", slept.append)

    # A desk full of live calls is no flood.
    projector._pause(touches=200)
    assert slept == []
    for number in range(projection.FLOOD + 1):
        projector._waiting[uuid.UUID(int=number + 10)] = 1
    assert len(projector._due(time.monotonic())[0]) == projection.MOST_AT_ONCE

    projector._pause(touches=7)
    assert slept == [pytest.approx(7 * projection.PAUSE_PER_TOUCH_SECONDS)]
    assert len(projector._due(time.monotonic())[0]) == projection.MOST_WHEN_BUSY

    # Nothing comes any more: now is the time to work it off.
    projector._pause(touches=0)
    assert len(slept) == 1
    assert len(projector._due(time.monotonic())[0]) == projection.MOST_AT_ONCE
    projector._waiting.clear()


def test_a_call_is_looked_at_again_when_an_alert_falls_due(projector, folder):
    folder.look_again = {A: 0.2}
    projector.touch(A)
    assert projector.settle(2)
    assert folder.times(A) == 1

    assert until(lambda: folder.times(A) == 2)


def test_idle_threads_end_and_a_later_touch_starts_new_ones(projector, folder, monkeypatch):
    monkeypatch.setattr(projection, "IDLE_SECONDS", 0.05)
    projector.touch(A)
    assert projector.settle(2)
    assert until(lambda: projector._threads == 0)

    projector.touch(B)
    assert projector.settle(2)
    assert folder.batches == [[A], [B]]


def test_touching_from_many_threads_loses_nothing(projector, folder):
    ids = [uuid.UUID(int=n + 100) for n in range(400)]
    threads = [
        threading.Thread(target=lambda part: [projector.touch(i) for i in part], args=(ids[n::8],)) for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert projector.settle(5)
    assert {call_id for batch in folder.batches for call_id in batch} == set(ids)


@pytest.fixture
def _own_threads() -> Iterator[None]:
    yield
    projection.stop()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_own_threads")
class TestWithStores:
    async def test_what_was_committed_is_read_after_settle_and_is_on_the_board(self):
        row = await asyncio.to_thread(call)
        await asyncio.to_thread(conversation, row)

        projection.touch(row.pk)
        assert await asyncio.to_thread(projection.settle, 5)

        await row.arefresh_from_db()
        assert row.phase == "THINKING"
        shown = await asyncio.to_thread(board.snapshot)
        assert [shape["id"] for shape in shown["calls"]] == [str(row.pk)]

    def test_an_alert_appears_though_nothing_more_is_heard(self):
        row = call()
        seconds = (timezone.now() - timedelta(seconds=4.5)).timestamp() - 1_803_913_200
        deliver(row, "status-update", seconds, status="in-progress")
        deliver(row, "transcript", seconds, role="user", transcriptType="final", transcript="Hello?")
        projection.touch(row.pk)
        assert projection.settle(5)
        assert board.snapshot()["calls"][0]["alerts"] == []

        assert until(lambda: [a["code"] for a in board.snapshot()["calls"][0]["alerts"]] == ["thinking_slow"])

    def test_a_call_that_valkey_did_not_take_is_shown_when_it_is_back(self, monkeypatch):
        row = call()
        conversation(row)
        publish, failures = board.publish, [redis.ConnectionError("away")]

        def once_away(entries):
            if failures:
                raise failures.pop()
            return publish(entries)

        monkeypatch.setattr(board, "publish", once_away)
        monkeypatch.setattr(board, "_entries", list)
        projection.touch(row.pk)

        assert until(lambda: [shape["id"] for shape in board.snapshot()["calls"]] == [str(row.pk)])

    def test_a_burst_of_calls_is_worked_off(self):
        rows = [call() for _ in range(60)]
        for row in rows:
            conversation(row)
            report(row)
            projection.touch(row.pk)

        assert projection.settle(20)
        assert not Call.objects.exclude(phase="ENDED").exists()

    def test_a_call_that_does_not_exist_is_nothing(self):
        assert projection.project(uuid.uuid4()) is False
        assert project_many([uuid.uuid4()]) == Projected([], {})
