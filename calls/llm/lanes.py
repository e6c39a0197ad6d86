"""So many answers at once, and a fair wait for the others: one lane per call, served in turn."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager

from calls.llm.errors import Failure, Reason

_MOST_WAITING = 2_000


class Lanes:
    """Whoever asks often stands behind those who ask seldom: a place that becomes free goes to the next lane."""

    def __init__(self, places: int) -> None:
        self._free = places
        self._lanes: OrderedDict[Hashable, deque[asyncio.Future[None]]] = OrderedDict()
        self.waiting = 0

    @asynccontextmanager
    async def place(self, lane: Hashable) -> AsyncIterator[None]:
        """Hold one place. Raises Failure when too many are waiting."""
        await self._enter(lane)
        try:
            yield
        finally:
            self._leave()

    async def _enter(self, lane: Hashable) -> None:
        if self._free > 0:
            self._free -= 1
            return
        if self.waiting >= _MOST_WAITING:
            raise Failure(Reason.BUSY, f"{self.waiting} requests are waiting")
        turn = asyncio.get_running_loop().create_future()
        self._lanes.setdefault(lane, deque()).append(turn)
        self.waiting += 1
        try:
            await turn
        except asyncio.CancelledError:
            self._give_up(lane, turn)
            raise
        finally:
            self.waiting -= 1

    def _give_up(self, lane: Hashable, turn: asyncio.Future[None]) -> None:
        if turn.done() and not turn.cancelled():
            # The place came at the same moment.
            self._leave()
            return
        queue = self._lanes.get(lane)
        if queue is not None and turn in queue:
            queue.remove(turn)
            if not queue:
                del self._lanes[lane]

    def _leave(self) -> None:
        while self._lanes:
            lane, queue = self._lanes.popitem(last=False)
            turn = queue.popleft()
            if queue:
                self._lanes[lane] = queue
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
