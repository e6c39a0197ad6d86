"""The time of a rehearsal, which the whole process then goes by."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from unittest.mock import patch

from django.utils import timezone


class SceneClock:
    """Starts at any moment and goes on as fast as the wall's; what a scenario lets pass is added."""

    def __init__(self, starts_at: datetime) -> None:
        self._started_at = starts_at.timestamp()
        self._passed = 0.0
        self._origin = time.monotonic()

    @property
    def now(self) -> float:
        return self._started_at + self._passed + time.monotonic() - self._origin

    def let_pass(self, seconds: float) -> None:
        self._passed += seconds

    def as_datetime(self) -> datetime:
        return datetime.fromtimestamp(self.now, UTC)


@contextmanager
def at(clock: SceneClock) -> Iterator[None]:
    """Let everything in this process that asks Django for the time be told that of `clock`.

    Only in a process that does nothing else: a web process would lie to everybody.
    """
    with patch.object(timezone, "now", clock.as_datetime):
        yield
