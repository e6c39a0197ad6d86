"""What a store of stage state promises, whichever backend keeps it."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, NamedTuple, Protocol
from uuid import UUID

STAGES = ("QUALIFICATION", "BOOKING", "CONFIRMATION")
FIRST_STAGE = STAGES[0]

Facts = dict[str, Any]


class Outcome(StrEnum):
    """What became of a request to move on."""

    MOVED = "moved"
    # Backwards, or past a stage.
    REFUSED = "refused"
    # The call is over: nothing changes any more.
    ENDED = "ended"


class StageResult(NamedTuple):
    """The state after one request. `count` is how many requests this state has seen, itself included.

    `fresh` says that no state was there: the call is new, or its state was lost.
    """

    stage: str
    context: Facts
    outcome: Outcome
    count: int  # type: ignore[assignment]
    fresh: bool


class StageState(NamedTuple):
    """The state of one call."""

    stage: str
    context: Facts
    count: int  # type: ignore[assignment]
    ended: bool


class StoreUnavailable(Exception):
    """The store cannot be reached; PostgreSQL holds all it knows."""


class StageStore(Protocol):
    """Keeps the stage and the context of each call until it has been silent for its time to live.

    Every method may raise StoreUnavailable. Each is atomic for its call.
    """

    async def advance(
        self, call_id: UUID, stage: str | None, patch: Facts, *, fingerprint: bytes, counts: bool = True
    ) -> StageResult:
        """Move to `stage` (None: stay) and merge `patch`, all or nothing, once per `fingerprint`."""

    async def get(self, call_id: UUID) -> StageState | None:
        """Return the state, None when there is none or it has expired."""

    async def restore(self, call_id: UUID, state: StageState) -> None:
        """Put back a state rebuilt from PostgreSQL, unless one rebuilt from as many requests is there."""

    async def end(self, call_id: UUID) -> None:
        """Mark the call as over."""

    async def forget(self, call_id: UUID) -> None:
        """Remove everything about the call."""

    async def active_calls(self) -> int:
        """Return how many calls have a state and are not over."""

    async def close(self) -> None:
        """Let go of connections."""


def is_allowed(current: str, wanted: str) -> bool:
    """Return whether a call may go from one stage to the other: stay, or the next one."""
    return STAGES.index(wanted) - STAGES.index(current) in (0, 1)
