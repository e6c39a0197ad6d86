"""A door per test, on the real stores, spoken to in-process as an ASGI server would."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from calls import projection
from calls.stages import close_store
from calls.tests.webhook.client import SECRET, DoorClient
from calls.webhook.door import close_door


@pytest.fixture(autouse=True)
def _secret(settings: Any) -> None:
    settings.VAPI_WEBHOOK_SECRET = SECRET


@pytest.fixture(autouse=True)
def touched(monkeypatch: pytest.MonkeyPatch) -> list[UUID]:
    """Collect the calls the projection is told of; folding them is tested on its own."""
    calls: list[UUID] = []
    monkeypatch.setattr(projection, "touch", calls.append)
    return calls


@pytest.fixture
async def client(transactional_db: None) -> AsyncIterator[DoorClient]:
    yield DoorClient()
    await close_door()
    await close_store()
