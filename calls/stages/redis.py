"""Stage state in Valkey or Redis: one hash per call, one atomic script per request, a time to live.

Fields of the hash: `s` stage (1-3), `n` requests seen, `b` requests it was rebuilt from, `e` over, `k:NAME` one fact as
JSON, `f:HASH` what became of a request. One key per script, so a cluster can hold them.
"""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any, NamedTuple
from uuid import UUID

import hiredis
import msgspec

from calls.stages.interface import STAGES, Facts, Outcome, StageResult, StageState, StoreUnavailable
from calls.stages.valkey import Pipeline, pack

_PREFIX = b"pete:stage:"
_OUTCOMES = {b"M": Outcome.MOVED, b"R": Outcome.REFUSED, b"E": Outcome.ENDED}
_NUMBERS = {name: b"%d" % number for number, name in enumerate(STAGES, 1)}
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode

# ARGV: wanted stage (0: stay), field of this request, 1 if it counts, time to live, then fact names and values.
_ADVANCE = b"""
local k = KEYS[1]
local had = redis.call('HMGET', k, 's', 'n', 'e', ARGV[2])
local stage, n, outcome = tonumber(had[1] or 1), tonumber(had[2] or 0), had[4]
if not outcome then
  local want = tonumber(ARGV[1])
  outcome = 'M'
  if had[3] then outcome = 'E'
  elseif want > 0 and want ~= stage and want ~= stage + 1 then outcome = 'R'
  elseif want > 0 then stage = want end
  n = n + tonumber(ARGV[3])
  if outcome == 'M' and #ARGV > 4 then
    redis.call('HSET', k, 's', stage, 'n', n, ARGV[2], outcome, unpack(ARGV, 5))
  else
    redis.call('HSET', k, 's', stage, 'n', n, ARGV[2], outcome)
  end
end
redis.call('EXPIRE', k, ARGV[4])
if had[1] then return {stage, n, outcome, 0, redis.call('HGETALL', k)} end
return {stage, n, outcome, 1}
"""
# ARGV: stage, requests it was rebuilt from, 1 if over, time to live, then fact names and values.
_RESTORE = b"""
local k = KEYS[1]
local had = redis.call('HMGET', k, 's', 'b', 'e')
if had[1] and tonumber(had[2] or 0) >= tonumber(ARGV[2]) then return 0 end
redis.call('DEL', k)
redis.call('HSET', k, 's', ARGV[1], 'n', ARGV[2], 'b', ARGV[2], unpack(ARGV, 5))
if had[3] or ARGV[3] == '1' then redis.call('HSET', k, 'e', 1) end
redis.call('EXPIRE', k, ARGV[4])
return 1
"""


class RedisStageStore:
    """One pipelined connection per event loop, shared by all requests of this process."""

    def __init__(self, url: str, ttl_seconds: int) -> None:
        self._pipeline = Pipeline(url)
        self._ttl = b"%d" % ttl_seconds

    async def advance(
        self, call_id: UUID, stage: str | None, patch: Facts, *, fingerprint: bytes, counts: bool = True
    ) -> StageResult:
        wanted = _NUMBERS[stage] if stage else b"0"
        counted = b"1" if counts else b"0"
        words = [state_key(call_id), wanted, b"f:" + fingerprint, counted, self._ttl, *_facts(patch)]
        reply = await self._script(_ADVANCE_SCRIPT, words)
        number, count, outcome, fresh = reply[0], reply[1], _OUTCOMES[reply[2]], reply[3] == 1
        # A new state holds just what was given, so the script need not say it back.
        given = patch if outcome is Outcome.MOVED else {}
        context = dict(given) if fresh else _context(reply[4])
        return StageResult(STAGES[number - 1], context, outcome, count, fresh)

    async def get(self, call_id: UUID) -> StageState | None:
        (fields,) = await self._all(pack("HGETALL", state_key(call_id)))
        known = dict(zip(fields[::2], fields[1::2], strict=True))
        if b"s" not in known:
            return None
        stage = STAGES[int(known[b"s"]) - 1]
        return StageState(stage, _context(fields), int(known[b"n"]), b"e" in known)

    async def restore(self, call_id: UUID, state: StageState) -> None:
        ended = b"1" if state.ended else b"0"
        words = [state_key(call_id), _NUMBERS[state.stage], b"%d" % state.count, ended, self._ttl]
        await self._script(_RESTORE_SCRIPT, words + _facts(state.context))

    async def end(self, call_id: UUID) -> None:
        key = state_key(call_id)
        await self._all(pack("HSET", key, "e", 1), pack("EXPIRE", key, self._ttl))

    async def forget(self, call_id: UUID) -> None:
        await self._all(pack("DEL", state_key(call_id)))

    async def active_calls(self) -> int:
        """Look at every state. For a look now and then: the gauge counts in PostgreSQL."""
        cursor, active = b"0", 0
        while True:
            ((cursor, keys),) = await self._all(pack("SCAN", cursor, "MATCH", _PREFIX + b"*", "COUNT", 1000))
            for stage, ended in await self._all(*(pack("HMGET", key, "s", "e") for key in keys)):
                active += stage is not None and ended is None
            if cursor == b"0":
                return active

    async def close(self) -> None:
        await self._pipeline.close()

    async def _all(self, *commands: bytes) -> list[Any]:
        """Send commands in one write and return their replies."""
        try:
            await self._pipeline.connected()
            return [await reply for reply in [self._send(command) for command in commands]]
        except hiredis.HiredisError as exc:
            raise StoreUnavailable(str(exc)) from exc

    def _send(self, command: bytes) -> asyncio.Future[Any]:
        reply = self._pipeline.send(command)
        if reply is None:
            raise StoreUnavailable("not connected")
        return reply

    async def _script(self, script: _Script, words: list[bytes]) -> Any:
        """Run a script by its digest."""
        command = b"*%d\r\n%b%b" % (
            3 + len(words), script.head, b"".join([b"$%d\r\n%b\r\n" % (len(word), word) for word in words]),
        )  # fmt: skip
        sent = self._pipeline.send(command)
        reply = None if sent is None else await sent
        if reply is None or isinstance(reply, hiredis.ReplyError):
            return await self._patiently(script, command)
        return reply

    async def _patiently(self, script: _Script, command: bytes) -> Any:
        """Connect first, and teach the script to a store that has just been restarted."""
        pipeline = self._pipeline
        try:
            return await pipeline.request(command)
        except hiredis.ReplyError as exc:
            if not str(exc).startswith("NOSCRIPT"):
                # Loading its data, read-only, out of memory: as good as gone for this request.
                raise StoreUnavailable(str(exc)) from exc
        try:
            await pipeline.request(pack("SCRIPT", "LOAD", script.source))
            return await pipeline.request(command)
        except hiredis.HiredisError as exc:
            raise StoreUnavailable(str(exc)) from exc


class _Script(NamedTuple):
    source: bytes
    head: bytes

    @classmethod
    def of(cls, source: bytes) -> _Script:
        digest = hashlib.sha1(source, usedforsecurity=False).hexdigest().encode()
        return cls(source, b"$7\r\nEVALSHA\r\n$40\r\n%b\r\n$1\r\n1\r\n" % digest)


_ADVANCE_SCRIPT = _Script.of(_ADVANCE)
_RESTORE_SCRIPT = _Script.of(_RESTORE)


def state_key(call_id: UUID) -> bytes:
    return _PREFIX + call_id.hex.encode()


def _facts(patch: Facts) -> list[bytes]:
    words = []
    for name, value in patch.items():
        words.append(b"k:" + name.encode())
        words.append(_encode(value))
    return words


def _context(fields: list[bytes]) -> Facts:
    names = iter(fields)
    return {name[2:].decode(): _decode(value) for name, value in zip(names, names, strict=True) if name[:2] == b"k:"}
