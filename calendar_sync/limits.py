"""How many requests may be on their way to Graph: at most 3 for a mailbox and GRAPH_REQUESTS_AT_ONCE in all.

Graph turns away the fifth at once of a mailbox. All processes count together, in Valkey. A turn is a lease: one that
a killed process held runs out. While Valkey is away each process lets one request at a time at a mailbox.
"""

from __future__ import annotations

import logging
import os
import random
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock

import redis
from django.conf import settings

from calendar_sync.errors import Unavailable

logger = logging.getLogger(__name__)

PER_MAILBOX = 3
# Longer than a request takes with all its timeouts.
LEASE_SECONDS = 45.0
PATIENCE_SECONDS = 20.0
# After a failure Valkey is left alone for so long, lest every request wait for it.
PAUSE_SECONDS = 5.0
_STEP_SECONDS = 0.02
_ALL = "pete:graph:turns"

# Leases are members of sorted sets, by the moment they run out, which is Valkey's own time.
_TAKE = """
local now = redis.call('TIME')
now = now[1] + now[2] / 1000000
for n = 1, 2 do
    redis.call('ZREMRANGEBYSCORE', KEYS[n], '-inf', now)
    if redis.call('ZCARD', KEYS[n]) >= tonumber(ARGV[n]) then return 0 end
end
for n = 1, 2 do
    redis.call('ZADD', KEYS[n], now + ARGV[3], ARGV[4])
    redis.call('PEXPIRE', KEYS[n], math.ceil(ARGV[3] * 1000))
end
return 1
"""


@cache
def _valkey() -> redis.Redis:
    return redis.from_url(settings.REDIS_URL, socket_timeout=1.0, socket_connect_timeout=1.0)


os.register_at_fork(after_in_child=_valkey.cache_clear)


class _Alone:
    """What this process counts by itself while Valkey is away."""

    def __init__(self) -> None:
        self.until = 0.0
        self._taken: set[int] = set()
        self._lock = Lock()

    def is_on(self) -> bool:
        return time.monotonic() < self.until

    def begin(self, error: Exception) -> None:
        self.until = time.monotonic() + PAUSE_SECONDS
        logger.warning("Valkey does not answer (%s): one request at a time for each mailbox", type(error).__name__)

    def take(self, mailbox: int) -> bool:
        with self._lock:
            free = mailbox not in self._taken and len(self._taken) < settings.GRAPH_REQUESTS_AT_ONCE
            if free:
                self._taken.add(mailbox)
            return free

    def give_back(self, mailbox: int) -> None:
        with self._lock:
            self._taken.discard(mailbox)


_alone = _Alone()


@contextmanager
def turn(mailbox: int, *, patience: float = PATIENCE_SECONDS) -> Iterator[None]:
    """Hold a turn for one request to a mailbox. Raises Unavailable when none is free within `patience` seconds."""
    lease = uuid.uuid4().hex
    deadline = time.monotonic() + patience
    while (counted := _take(mailbox, lease)) is None:
        if time.monotonic() >= deadline:
            raise Unavailable("Too many requests are on their way to Graph", retry_after=patience)
        time.sleep(_STEP_SECONDS * random.uniform(0.5, 1.5))
    try:
        yield
    finally:
        if counted == "here":
            _alone.give_back(mailbox)
        else:
            _give_back(mailbox, lease)


def _take(mailbox: int, lease: str) -> str | None:
    """Return where the turn was counted, "valkey" or "here"; None when there is none to have."""
    if not _alone.is_on():
        try:
            limits = (PER_MAILBOX, settings.GRAPH_REQUESTS_AT_ONCE, LEASE_SECONDS, lease)
            taken = _valkey().eval(_TAKE, 2, _key(mailbox), _ALL, *limits)
        except redis.RedisError as exc:
            _alone.begin(exc)
        else:
            return "valkey" if taken else None
    return "here" if _alone.take(mailbox) else None


def _give_back(mailbox: int, lease: str) -> None:
    try:
        with _valkey().pipeline(transaction=False) as pipeline:
            pipeline.zrem(_key(mailbox), lease)
            pipeline.zrem(_ALL, lease)
            pipeline.execute()
    except redis.RedisError as exc:
        # The lease runs out by itself.
        _alone.begin(exc)


def _key(mailbox: int) -> str:
    return f"{_ALL}:{mailbox}"
