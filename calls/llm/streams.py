"""One active stream per call, over all processes: whoever comes later ends whoever came before.

Each request takes the call's next generation number in Valkey, which tells every other process of it. Within a process
no number is needed: the later request ends the earlier one before it does anything else.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from typing import Any, Protocol
from uuid import UUID

import hiredis
from redis.asyncio import Redis
from redis.exceptions import RedisError

from calls.stages.interface import StoreUnavailable
from calls.stages.valkey import Address, Pipeline, pack

logger = logging.getLogger(__name__)

_PREFIX = "pete:llm:"
_AGAIN_SECONDS = 0.5
_CLOSE_SECONDS = 2.0
_TAKE_NUMBER = """
local number = redis.call('INCR', KEYS[1])
redis.call('EXPIRE', KEYS[1], ARGV[1])
redis.call('PUBLISH', ARGV[2], ARGV[3] .. ' ' .. number)
return number
"""


class Stream(Protocol):
    """What is to be ended when a newer one comes."""

    call_id: UUID | None
    generation: int
    overtaken_by: int

    def supersede(self) -> None:
        """End now. May be called more than once."""


class Streams:
    """The active streams of this process. Belongs to one event loop; `url` is None for one process alone."""

    def __init__(self, url: str | None, ttl_seconds: int) -> None:
        self._url = url
        self._ttl = ttl_seconds
        self._name = secrets.token_hex(8)
        self._channel = f"{_PREFIX}streams:{Address.parse(url).database if url else 0}"
        self._active: dict[UUID, Stream] = {}
        self._pipeline = Pipeline(url) if url else None
        self._announcing: set[asyncio.Task[None]] = set()
        self._listener: asyncio.Task[None] | None = None
        self._is_closed = False
        self.listening = asyncio.Event()

    def start(self) -> None:
        """Begin to listen to the other processes."""
        if self._url is not None and self._listener is None:
            self._listener = asyncio.get_running_loop().create_task(self._listen(self._url), name="llm streams")

    def begin(self, stream: Stream) -> None:
        """Make this the call's only stream."""
        if stream.call_id is None:
            return
        older = self._active.get(stream.call_id)
        if older is not None:
            older.supersede()
        self._active[stream.call_id] = stream
        if self._pipeline is not None:
            task = asyncio.get_running_loop().create_task(self._announce(self._pipeline, stream))
            self._announcing.add(task)
            task.add_done_callback(self._announcing.discard)

    def end(self, stream: Stream) -> None:
        if stream.call_id is not None and self._active.get(stream.call_id) is stream:
            del self._active[stream.call_id]

    def __len__(self) -> int:
        return len(self._active)

    async def close(self) -> None:
        self._is_closed = True
        tasks = [*self._announcing, *([self._listener] if self._listener else [])]
        for task in tasks:
            task.cancel()
        if tasks:
            # Redis' client may take a cancellation for a lost connection, and must not hold up the end.
            await asyncio.wait(tasks, timeout=_CLOSE_SECONDS)
        if self._pipeline is not None:
            await self._pipeline.close()

    async def _announce(self, pipeline: Pipeline, stream: Stream) -> None:
        call = stream.call_id.hex if stream.call_id else ""
        words = (_PREFIX + call, self._ttl, self._channel, f"{self._name} {call}")
        try:
            number = await pipeline.request(pack("EVAL", _TAKE_NUMBER, 1, *words))
        except (StoreUnavailable, hiredis.HiredisError) as exc:
            logger.info("Other processes do not hear of a stream: %s", exc)
            return
        stream.generation = int(number)
        if stream.overtaken_by > stream.generation:
            stream.supersede()

    async def _listen(self, url: str) -> None:
        while not self._is_closed:
            try:
                async with Redis.from_url(url) as client, client.pubsub(ignore_subscribe_messages=True) as ears:
                    await ears.subscribe(self._channel)
                    await self._catch_up(client)
                    self.listening.set()
                    async for message in ears.listen():
                        self._hear(message["data"])
            except (RedisError, OSError) as exc:
                logger.warning("Newer streams of other processes are not heard of: %s", exc)
            self.listening.clear()
            await asyncio.sleep(_AGAIN_SECONDS)

    def _hear(self, data: Any) -> None:
        name, call, number = data.decode().split(" ")
        if name != self._name:
            self._overtake(UUID(hex=call), int(number))

    def _overtake(self, call_id: UUID, number: int) -> None:
        stream = self._active.get(call_id)
        if stream is None:
            return
        stream.overtaken_by = max(stream.overtaken_by, number)
        if stream.generation and stream.overtaken_by > stream.generation:
            stream.supersede()

    async def _catch_up(self, client: Redis) -> None:
        """Learn what was said while nobody listened."""
        calls = list(self._active)
        if calls:
            numbers = await client.mget([_PREFIX + call_id.hex for call_id in calls])
            for call_id, number in zip(calls, numbers, strict=True):
                self._overtake(call_id, int(number or 0))
