"""Rehearsals in the test's own process and database: what the scratch office is for the product."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from textwrap import dedent

import httpx
import pytest
from asgiref.sync import sync_to_async

from calls import lifespan
from calls.rehearsal.reading import read_scenario
from calls.rehearsal.scenario import Scenario
from calls.rehearsal.theatre import Result, Theatre
from calls.simulator.wire import Wire
from calls.webhook.app import vapi_webhook
from crm.models import OfficeSettings

SECRET = "the-secret-of-this-test"
Play = Callable[[Scenario], Awaitable[Result]]


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str], Scenario]:
    """Read a scenario from text."""

    def read(text: str) -> Scenario:
        path = tmp_path / "story.yaml"
        path.write_text(dedent(text), encoding="utf-8")
        return read_scenario(path)

    return read


@pytest.fixture
def play(settings, transactional_db) -> Play:
    settings.VAPI_WEBHOOK_SECRET = SECRET

    async def perform(scenario: Scenario, *, owns_time: bool = True) -> Result:
        await sync_to_async(OfficeSettings.load)()
        await lifespan.startup()
        try:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app=vapi_webhook)) as client:
                wire = Wire(client, "http://rehearsal/vapi/webhook", SECRET)
                return await Theatre(wire, owns_time=owns_time).play(scenario)
        finally:
            await lifespan.shutdown()

    return perform
