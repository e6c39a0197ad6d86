"""The time inside one simulated call."""

from __future__ import annotations

import asyncio
import time

# About how long a call lasts. Played faster than life, it begins so much earlier that it ends about now.
USUAL_SECONDS = 150.0


class Clock:
    """Tells a call's own time. `speed` 1 is life, 10 is ten times faster, 0 does not wait at all."""

    def __init__(self, speed: float, *, earlier_seconds: float = 0.0) -> None:
        self.speed = speed
        head_start = USUAL_SECONDS * (1 - 1 / max(1.0, speed)) if speed else USUAL_SECONDS
        self.started_at = time.time() - head_start - earlier_seconds
        self._elapsed = 0.0
        self._last_stamp = 0
        self._origin = time.monotonic()

    @property
    def now(self) -> float:
        """Seconds since 1970."""
        return self.started_at + self._elapsed

    def stamp(self) -> int:
        """Return now in milliseconds, later than every stamp before it."""
        self._last_stamp = max(round(self.now * 1000), self._last_stamp + 1)
        return self._last_stamp

    async def wait(self, seconds: float) -> None:
        """Let `seconds` of the call pass."""
        self._elapsed += seconds
        if self.speed:
            await asyncio.sleep(max(0.0, self._elapsed / self.speed - (time.monotonic() - self._origin)))
        else:
            await asyncio.sleep(0)

    def catch_up(self, real_seconds: float) -> None:
        """Let the time pass that an answer took in reality."""
        self._elapsed += real_seconds * (self.speed or 1)
