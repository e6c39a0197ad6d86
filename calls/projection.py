"""Projections in the web process: what was committed is folded and shown at once, without anybody waiting for it.

`touch` queues a call and returns at once. Threads fold what is queued: a quiet call immediately, a busy one as often as
its rest allows, many calls in one transaction. The same process answers Vapi, so under load the threads pause. What a
killed process leaves is found by the sweep (`calls.tasks.project_stragglers`).
"""

from __future__ import annotations

import asyncio
import heapq
import logging
import threading
import time
from collections.abc import Callable, Collection, Sequence
from uuid import UUID

from django.db import connection
from django.utils import timezone

from calls import board, refold

logger = logging.getLogger(__name__)

THREADS = 2
MOST_AT_ONCE = 50
# More than this is left to the sweep.
MOST_WAITING = 100_000
MOST_AWAITED = 2_000
# A call is folded again after this rest at the earliest, unless a reader waits.
REST_SECONDS = 0.1
# More calls than this waiting while deliveries still come is a flood, not a desk with live calls: a thread then takes
# little at once, and pauses the longer the more came meanwhile, because the door shares its interpreter and Vapi waits.
FLOOD = 200
MOST_WHEN_BUSY = 2
PAUSE_PER_TOUCH_SECONDS, LONGEST_PAUSE_SECONDS = 0.02, 2.0
# An idle thread gives its connection back.
IDLE_SECONDS = 1.0
MOST_ATTEMPTS = 8
FIRST_RETRY_SECONDS = 0.25

Project = Callable[[Collection[UUID]], refold.Projected]


class Projector:
    """The queue of touched calls and the threads that work it off."""

    def __init__(self, project: Project = refold.project_many) -> None:
        self._project = project
        self._changed = threading.Condition()
        self._ticket = 0
        # The first ticket since the call was last taken up: who waits for it waits for that.
        self._waiting: dict[UUID, int] = {}
        self._running: dict[UUID, int] = {}
        self._rested_at: dict[UUID, float] = {}
        # When to look at a call again though nothing came: for an alert, or after a failure. The newest wish counts.
        self._later: list[tuple[float, UUID]] = []
        self._wishes: dict[UUID, float] = {}
        self._attempts: dict[UUID, int] = {}
        self._threads = 0
        self._readers = 0
        self._is_busy = False
        self._is_stopping = False
        self._loop: asyncio.AbstractEventLoop | None = None

    def touch(self, *call_ids: UUID) -> None:
        """Have these calls folded soon. Never blocks; safe from any thread and from the event loop."""
        with self._changed:
            self._remember_loop()
            for call_id in call_ids:
                self._ticket += 1
                if len(self._waiting) < MOST_WAITING:
                    self._waiting.setdefault(call_id, self._ticket)
            self._start_threads()
            self._changed.notify(len(call_ids))

    def settle(self, timeout: float = 1.0) -> bool:
        """Wait until every call touched so far is folded and shown; return False when time ran out.

        A backlog that no reader could wait for is not waited for.
        """
        with self._changed:
            if not self._waiting and not self._running:
                return True
            if len(self._waiting) > MOST_AWAITED:
                return False
            goal, pending = self._ticket, {*self._waiting, *self._running}
            self._readers += 1
            self._changed.notify_all()
            try:
                return self._changed.wait_for(lambda: not self._are_pending(pending, goal), timeout)
            finally:
                self._readers -= 1

    def stop(self, timeout: float = 5.0) -> None:
        """Work off what waits and end the threads. A later touch starts anew."""
        self.settle(timeout)
        with self._changed:
            self._is_stopping = True
            self._later.clear()
            self._wishes.clear()
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._threads == 0, timeout)
            self._is_stopping = False
            self._loop = None

    def _are_pending(self, pending: set[UUID], goal: int) -> bool:
        tickets = (self._waiting, self._running)
        done = {key for key in pending if all(queue.get(key, goal + 1) > goal for queue in tickets)}
        pending -= done
        return bool(pending)

    def _remember_loop(self) -> None:
        """Keep the loop whose connections carry the board's nudges."""
        if self._loop is None or not self._loop.is_running():
            try:
                self._loop = asyncio.get_running_loop()
            except RuntimeError:
                self._loop = None

    def _start_threads(self) -> None:
        wanted = min(THREADS, len(self._waiting) + len(self._running))
        while self._threads < wanted and not self._is_stopping:
            self._threads += 1
            threading.Thread(target=self._run, name="projection", daemon=True).start()

    def _run(self) -> None:
        try:
            while batch := self._take():
                ticket = self._ticket
                self._work(batch)
                self._pause(self._ticket - ticket)
        finally:
            connection.close()
            with self._changed:
                self._threads -= 1
                self._changed.notify_all()

    def _take(self) -> list[UUID]:
        """Wait for calls to fold and take them; an empty list ends the thread."""
        idle_since = time.monotonic()
        with self._changed:
            while not self._is_stopping:
                batch, wait = self._due(time.monotonic())
                if batch:
                    self._running.update({call_id: self._waiting.pop(call_id) for call_id in batch})
                    return batch
                if time.monotonic() - idle_since >= IDLE_SECONDS:
                    if not self._later and not self._waiting:
                        return []
                    connection.close()
                self._changed.wait(wait)
        return []

    def _due(self, now: float) -> tuple[list[UUID], float]:
        """Return the calls that may be folded now, and how long to wait when there are none."""
        while self._later and self._later[0][0] <= now:
            due, call_id = heapq.heappop(self._later)
            if self._wishes.get(call_id) == due:
                del self._wishes[call_id]
                self._ticket += 1
                self._waiting.setdefault(call_id, self._ticket)
        wait = min(IDLE_SECONDS, self._later[0][0] - now) if self._later else IDLE_SECONDS
        batch: list[UUID] = []
        most = MOST_WHEN_BUSY if self._is_busy and not self._readers else MOST_AT_ONCE
        for call_id in self._waiting:
            rest = 0.0 if self._readers else self._rested_at.get(call_id, 0.0) - now
            if call_id in self._running:
                continue
            if rest > 0:
                wait = min(wait, rest)
            elif len(batch) < most:
                batch.append(call_id)
            else:
                break
        return batch, max(wait, 0.001)

    def _work(self, batch: Sequence[UUID]) -> None:
        try:
            projected = self._project(batch)
        except Exception as exc:
            self._failed(batch, exc)
        else:
            is_shown = board.show(projected.entries, self._loop)
            self._done(batch, projected, is_shown)

    def _done(self, batch: Sequence[UUID], projected: refold.Projected, is_shown: bool) -> None:
        now, clock = time.monotonic(), timezone.now()
        with self._changed:
            self._release(batch)
            for call_id in batch:
                self._attempts.pop(call_id, None)
                self._rested_at[call_id] = now + REST_SECONDS
            if not is_shown:
                self._retry(batch)
                return
            for call_id, at in projected.look_again_at.items():
                self._wish(call_id, now + (at - clock).total_seconds() + 0.01)
            if len(self._rested_at) > MOST_AT_ONCE * 100:
                self._rested_at = {key: at for key, at in self._rested_at.items() if at > now}

    def _failed(self, batch: Sequence[UUID], exc: Exception) -> None:
        """Fold the calls of a failed batch one by one, so that one of them does not hold up the others."""
        if len(batch) > 1:
            for call_id in batch:
                self._work([call_id])
            return
        with self._changed:
            attempts = self._attempts.get(batch[0], 0)
            self._release(batch)
            if attempts < MOST_ATTEMPTS:
                logger.warning("Call %s could not be folded, trying again: %r", batch[0], exc)
                self._retry(batch)
            else:
                self._attempts.pop(batch[0], None)
                logger.error("Call %s could not be folded", batch[0], exc_info=exc)
        connection.close()

    def _release(self, batch: Sequence[UUID]) -> None:
        for call_id in batch:
            self._running.pop(call_id, None)
        self._changed.notify_all()

    def _retry(self, batch: Sequence[UUID]) -> None:
        now = time.monotonic()
        for call_id in batch:
            attempts = self._attempts[call_id] = self._attempts.get(call_id, 0) + 1
            if attempts <= MOST_ATTEMPTS:
                self._wish(call_id, now + FIRST_RETRY_SECONDS * 2**attempts)

    def _wish(self, call_id: UUID, due: float) -> None:
        self._wishes[call_id] = due
        heapq.heappush(self._later, (due, call_id))

    def _pause(self, touches: int) -> None:
        """Leave the processor to the door while it is busy: so many touches came during the work."""
        self._is_busy = touches > 0 and len(self._waiting) > FLOOD
        if self._is_busy and not self._readers:
            time.sleep(min(touches * PAUSE_PER_TOUCH_SECONDS, LONGEST_PAUSE_SECONDS))


_projector = Projector()


def touch(*call_ids: UUID) -> None:
    """Have these calls folded soon by this process."""
    _projector.touch(*call_ids)


def settle(timeout: float = 1.0) -> bool:
    """Wait until what this process was told before is folded; return False when time ran out."""
    return _projector.settle(timeout)


def stop() -> None:
    """Work off what waits; for the end of the process."""
    _projector.stop()


def project(call_id: UUID) -> bool:
    """Fold one call here and now and show it. Return False when there is no such call."""
    projected = refold.project_many([call_id])
    board.show(projected.entries)
    return bool(projected.entries)
