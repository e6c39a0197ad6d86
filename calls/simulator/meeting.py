"""How two simulated callers come to want the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

PATIENCE_SECONDS = 30.0


class Meeting:
    """Two calls meet: each says what it was offered, both go on together with the first time both may have."""

    def __init__(self) -> None:
        self._offered: list[Sequence[str]] = []
        self._complete = asyncio.Event()

    async def agree(self, offered: Sequence[str]) -> str | None:
        """Return the slot both want; None when they have none in common or the other never comes."""
        self._offered.append(offered)
        if len(self._offered) == 2:
            self._complete.set()
        try:
            await asyncio.wait_for(self._complete.wait(), PATIENCE_SECONDS)
        except TimeoutError:
            return None
        first, second = self._offered
        return next((slot_id for slot_id in first if slot_id in second), None)
