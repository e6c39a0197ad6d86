"""Stage state in a dict: for one process, for development and as the plainest telling of the rules."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from uuid import UUID

from calls.stages.interface import FIRST_STAGE, Facts, Outcome, StageResult, StageState, is_allowed

_SWEEP_SECONDS = 60.0


@dataclass
class _Entry:
    stage: str = FIRST_STAGE
    context: Facts = field(default_factory=dict)
    count: int = 0
    base: int = 0
    ended: bool = False
    is_new: bool = True
    applied: dict[bytes, Outcome] = field(default_factory=dict)
    expires_at: float = 0.0


class MemoryStageStore:
    """No await between reading and writing, so each method is atomic in its event loop."""

    def __init__(self, ttl_seconds: int) -> None:
        self._ttl = ttl_seconds
        self._entries: dict[UUID, _Entry] = {}
        self._swept_at = time.monotonic()

    async def advance(
        self, call_id: UUID, stage: str | None, patch: Facts, *, fingerprint: bytes, counts: bool = True
    ) -> StageResult:
        entry = self._entry(call_id)
        fresh, entry.is_new = entry.is_new, False
        outcome = entry.applied.get(fingerprint)
        if outcome is None:
            outcome = entry.applied[fingerprint] = _apply(entry, stage, patch)
            entry.count += counts
        return StageResult(entry.stage, dict(entry.context), outcome, entry.count, fresh)

    async def get(self, call_id: UUID) -> StageState | None:
        entry = self._entries.get(call_id)
        if entry is None or entry.is_new or entry.expires_at <= time.monotonic():
            return None
        return StageState(entry.stage, dict(entry.context), entry.count, entry.ended)

    async def restore(self, call_id: UUID, state: StageState) -> None:
        entry = self._entry(call_id)
        if entry.is_new or entry.base < state.count:
            entry.stage, entry.context = state.stage, dict(state.context)
            entry.count = entry.base = state.count
            entry.ended = entry.ended or state.ended
            entry.is_new = False
            entry.applied.clear()

    async def end(self, call_id: UUID) -> None:
        self._entry(call_id).ended = True

    async def forget(self, call_id: UUID) -> None:
        self._entries.pop(call_id, None)

    async def active_calls(self) -> int:
        self._sweep(time.monotonic())
        return sum(not entry.ended and not entry.is_new for entry in self._entries.values())

    async def close(self) -> None:
        self._entries.clear()

    def _entry(self, call_id: UUID) -> _Entry:
        now = time.monotonic()
        if now - self._swept_at > _SWEEP_SECONDS:
            self._sweep(now)
        entry = self._entries.get(call_id)
        if entry is None or entry.expires_at <= now:
            entry = self._entries[call_id] = _Entry()
        entry.expires_at = now + self._ttl
        return entry

    def _sweep(self, now: float) -> None:
        self._swept_at = now
        for call_id in [key for key, entry in self._entries.items() if entry.expires_at <= now]:
            del self._entries[call_id]


def _apply(entry: _Entry, stage: str | None, patch: Facts) -> Outcome:
    if entry.ended:
        return Outcome.ENDED
    if stage is not None and not is_allowed(entry.stage, stage):
        return Outcome.REFUSED
    entry.stage = stage or entry.stage
    entry.context.update(patch)
    return Outcome.MOVED
