"""The live board, kept in Valkey and shared by every process.

A hash holds the shape of each call on the board, a sorted set the sequence number of its last change. The channel layer
carries only a nudge with that number: whoever misses one reads what is newer all the same. All of it can be made again
from PostgreSQL.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID
from weakref import WeakKeyDictionary

import msgspec
import redis
import redis.asyncio
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from calls.models import Call, Phase
from calls.shapes import tile_shape, viewings_of, with_related
from crm.models import Appointment

logger = logging.getLogger(__name__)

GROUP = "board"
ENDED_STAYS = timedelta(minutes=2)
MOST_CALLS = 2_000
_TIMEOUT_SECONDS = 2.0
# One slot on a cluster: the script touches all of them at once.
_SEQ, _BASE, _CALLS, _ORDER, _LEAVING = (
    "pete:{board}:seq", "pete:{board}:base", "pete:{board}:calls", "pete:{board}:order", "pete:{board}:leaving"
)  # fmt: skip
_KEYS = [_SEQ, _BASE, _CALLS, _ORDER, _LEAVING]

# Common to all scripts. A lost sequence starts again at the microseconds of the clock, so it only ever grows.
_PRELUDE = """
local seq_key, base_key, calls, order, leaving = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000
if redis.call('EXISTS', seq_key) == 0 then
    redis.call('DEL', base_key, calls, order, leaving)
    redis.call('SET', seq_key, string.format('%.0f', clock[1] * 1000000 + clock[2]))
end
local function drop_left()
    local gone = redis.call('ZRANGEBYSCORE', leaving, '-inf', now, 'LIMIT', 0, 500)
    for _, id in ipairs(gone) do
        redis.call('HDEL', calls, id)
        redis.call('ZREM', order, id)
        redis.call('ZREM', leaving, id)
    end
    return #gone
end
"""
# ARGV: per call its id, version, the second at which it leaves ("" while it is live), shape.
_PUBLISH = (
    _PRELUDE
    + """
for i = 1, #ARGV, 4 do
    local id, version, leaves, shape = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
    local known = redis.call('HGET', calls, id)
    local is_newer = not known or tonumber(string.match(known, '^%d+')) < tonumber(version)
    local has_left = leaves ~= '' and tonumber(leaves) <= now
    if is_newer and not (has_left and not known) then
        local seq = string.format('%.0f', redis.call('INCR', seq_key))
        redis.call('HSET', calls, id, version .. ' ' .. seq .. ' ' .. shape)
        redis.call('ZADD', order, seq, id)
        if leaves == '' then
            redis.call('ZREM', leaving, id)
        else
            redis.call('ZADD', leaving, leaves, id)
        end
    end
end
drop_left()
return {redis.call('GET', seq_key), redis.call('EXISTS', base_key)}
"""
)
# ARGV: a sequence number; "" for everything. Answers seq, whether the board is complete, base, entries.
_READ = (
    _PRELUDE
    + """
drop_left()
local base = redis.call('GET', base_key)
local after = ARGV[1] == '' and '-inf' or '(' .. ARGV[1]
local ids = redis.call('ZRANGEBYSCORE', order, after, '+inf')
local entries = {}
for i, id in ipairs(ids) do
    entries[i] = redis.call('HGET', calls, id)
end
return {redis.call('GET', seq_key), base or '', entries}
"""
)
_REBUILT = _PRELUDE + "redis.call('SET', base_key, redis.call('GET', seq_key), 'NX') return 1"
_DROP = _PRELUDE + "return drop_left()"

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True)
class Entry:
    """One call as it goes to the board. A higher `version` is newer; `leaves_at` is set once the call has ended."""

    call_id: UUID
    version: int
    shape: dict[str, Any]
    leaves_at: datetime | None = None


class View(NamedTuple):
    """What a reader gets: the board's sequence number, the calls with theirs, and whether a snapshot is needed."""

    seq: int
    calls: list[tuple[int, dict[str, Any]]]
    is_gap: bool = False


def entry(call: Call, viewing: Appointment | None = None, ended_known_at: datetime | None = None) -> Entry:
    """Return the board's entry of a call that has `with_related`. It stays for two minutes after its end was known."""
    version = int(call.updated_at.timestamp() * 1_000_000)
    leaves_at = (ended_known_at or call.last_event_at) + ENDED_STAYS if call.phase == Phase.ENDED else None
    return Entry(call.pk, version, tile_shape(call, viewing), leaves_at)


def publish(entries: Sequence[Entry]) -> int:
    """Put changed calls on the board, older versions left out, and return the sequence number.

    A board that lost its contents is filled from PostgreSQL. Raises redis.RedisError.
    """
    with _client() as client:
        seq, is_complete = client.eval(_PUBLISH, len(_KEYS), *_KEYS, *_arguments(entries))
        if not is_complete:
            _rebuild(client)
    return int(seq)


def _arguments(entries: Iterable[Entry]) -> list[Any]:
    arguments: list[Any] = []
    for item in entries:
        leaves = f"{item.leaves_at.timestamp():.3f}" if item.leaves_at else ""
        arguments += [str(item.call_id), item.version, leaves, _encode(item.shape)]
    return arguments


def snapshot() -> dict[str, Any]:
    """Return {"seq", "calls"}: every call on the board, in the order in which they began.

    Without Valkey the calls come from PostgreSQL, under the last number that is known.
    """
    try:
        with _client() as client:
            view = _view(client.eval(_READ, len(_KEYS), *_KEYS, ""), None)
            if view.is_gap:
                _rebuild(client)
                view = _view(client.eval(_READ, len(_KEYS), *_KEYS, ""), None)
    except redis.RedisError as exc:
        logger.warning("The board is read from PostgreSQL: %s", exc)
        view = View(_clients.last_seq, [(0, item.shape) for item in _entries()])
    _clients.last_seq = max(_clients.last_seq, view.seq)
    calls = [call for _, call in view.calls]
    # Tiles never jump: a call keeps its place from beginning to end.
    calls.sort(key=lambda call: (call["created_at"] or "", call["id"]))
    return {"seq": view.seq, "calls": calls}


def changes_since(seq: int) -> View:
    """Return the calls that changed after `seq`; a gap when the board cannot tell."""
    with _client() as client:
        return _view(client.eval(_READ, len(_KEYS), *_KEYS, str(seq)), seq)


async def read_changes(seq: int) -> View:
    """Do the same from an event loop."""
    return _view(await _clients.of_this_loop().eval(_READ, len(_KEYS), *_KEYS, str(seq)), seq)


def drop_ended() -> int:
    """Take calls that ended two minutes ago off the board. Reading does so too; this keeps an unread board small."""
    with _client() as client:
        return int(client.eval(_DROP, len(_KEYS), *_KEYS))


def show(entries: Sequence[Entry], loop: asyncio.AbstractEventLoop | None = None) -> bool:
    """Publish the entries and tell whoever watches. Return False when Valkey did not take them."""
    if not entries:
        return True
    try:
        nudge(publish(entries), loop)
    except redis.RedisError as exc:
        logger.warning("The board could not be written: %s", exc)
        return False
    return True


def nudge(seq: int, loop: asyncio.AbstractEventLoop | None = None) -> None:
    """Tell every open socket that the board has changed. A lost nudge only means waiting for the next heartbeat."""
    message = {"type": "board.changed", "seq": seq}
    layer = get_channel_layer()
    if layer is None:
        return
    try:
        if loop is not None and loop.is_running():
            asyncio.run_coroutine_threadsafe(_send(layer, message), loop)
        else:
            async_to_sync(_send)(layer, message)
    except RuntimeError:
        # The loop is closing: nobody listens any more.
        logger.debug("No nudge: the event loop is closing")


async def _send(layer: Any, message: dict[str, Any]) -> None:
    try:
        await layer.group_send(GROUP, message)
    except (redis.RedisError, OSError) as exc:
        logger.warning("The board's nudge was lost: %s", exc)


def _client() -> redis.Redis:
    return _clients.get()


class _Clients:
    """Connections of this process: a pool for threads and a client for each event loop, opened at first use."""

    def __init__(self) -> None:
        self._pools: dict[str, redis.ConnectionPool] = {}
        self._of_loops: WeakKeyDictionary[asyncio.AbstractEventLoop, redis.asyncio.Redis] = WeakKeyDictionary()
        self.last_seq = 0

    def get(self) -> redis.Redis:
        url = settings.REDIS_URL
        if url not in self._pools:
            self._pools[url] = redis.ConnectionPool.from_url(
                url, socket_timeout=_TIMEOUT_SECONDS, socket_connect_timeout=_TIMEOUT_SECONDS
            )
        return redis.Redis(connection_pool=self._pools[url])

    def of_this_loop(self) -> redis.asyncio.Redis:
        loop = asyncio.get_running_loop()
        if loop not in self._of_loops:
            self._of_loops[loop] = redis.asyncio.Redis.from_url(
                settings.REDIS_URL, socket_timeout=_TIMEOUT_SECONDS, socket_connect_timeout=_TIMEOUT_SECONDS
            )
        return self._of_loops[loop]


_clients = _Clients()


def _entries() -> list[Entry]:
    """Return what belongs on the board, from PostgreSQL."""
    shown = ~Q(phase=Phase.ENDED) | Q(last_event_at__gt=timezone.now() - ENDED_STAYS)
    calls = list(with_related(Call.objects.filter(shown)).order_by("-last_event_at")[:MOST_CALLS])
    viewings = viewings_of([call.pk for call in calls])
    return [entry(call, viewings.get(call.pk)) for call in calls]


def _rebuild(client: redis.Redis) -> None:
    """Fill the board from PostgreSQL. Done twice at once it comes to the same."""
    entries = _entries()
    client.eval(_PUBLISH, len(_KEYS), *_KEYS, *_arguments(entries))
    client.eval(_REBUILT, len(_KEYS), *_KEYS)
    logger.info("Board filled from PostgreSQL: %s calls", len(entries))


def _view(answer: list[Any], after: int | None) -> View:
    """Read a script's answer. `after` is what the reader had; one from before the board's base has a gap."""
    seq, base, entries = int(answer[0]), answer[1], answer[2]
    calls = [_read_entry(raw) for raw in entries if raw]
    is_gap = not base or (after is not None and (after < int(base) or after > seq))
    return View(seq, sorted(calls, key=lambda pair: pair[0]), is_gap)


def _read_entry(raw: bytes) -> tuple[int, dict[str, Any]]:
    _, seq, shape = raw.split(b" ", 2)
    call = _decode(shape)
    return int(seq), call
