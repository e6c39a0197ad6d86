"""The proxy in-process on the real stores, in front of a model server over real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from calls import projection
from calls.llm.proxy import close_proxy
from calls.stages import close_store
from calls.tests.llm.client import LlmClient
from calls.tests.llm.model_server import ModelServer
from calls.tests.webhook.client import SECRET
from calls.webhook.door import close_door


@pytest.fixture(autouse=True)
def _secret(settings: Any) -> None:
    settings.VAPI_WEBHOOK_SECRET = SECRET


@pytest.fixture(autouse=True)
def touched(monkeypatch: pytest.MonkeyPatch) -> list[UUID]:
    """Collect the calls the projection is told of; folding them is tested on its own."""
    calls: list[UUID] = []
    monkeypatch.setattr(projection, "touch", lambda *ids: calls.extend(ids))
    return calls


@pytest.fixture
async def model(settings: Any) -> AsyncIterator[ModelServer]:
    server = ModelServer()
    await server.start()
    settings.LLM_URL = server.url
    yield server
    await server.stop()


@pytest.fixture
async def ollama(settings: Any) -> AsyncIterator[ModelServer]:
    server = ModelServer(ollama=True)
    await server.start()
    settings.LLM_URL = server.url
    yield server
    await server.stop()


@pytest.fixture
async def llm(transactional_db: None) -> AsyncIterator[LlmClient]:
    yield LlmClient()
    await close_proxy()
    await close_door()
    await close_store()
