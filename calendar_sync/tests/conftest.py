"""The stand-ins for Microsoft 365, each test with its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from calendar_sync.sandbox import Sandbox, Server
from calendar_sync.tests.contract import Recorder
from calendar_sync.tests.entra import AUTHORITY, CLIENT_ID, CLIENT_SECRET, EntraDouble

ADA = "ada@northside.example"
HEADERS = {"Prefer": 'IdType="ImmutableId", outlook.timezone="UTC"', "client-request-id": "test"}


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    """Watch the sandbox; after the test nothing that was sent or answered may have broken the contract.

    `recorder.forgive()` is for tests that send what must be refused.
    """
    watching = Recorder()
    yield watching
    assert watching.violations == []


@pytest.fixture
def sandbox(recorder: Recorder) -> Sandbox:
    """A Microsoft 365 without sockets, where Ada (Chicago) has an empty mailbox. See `sandbox.transport()`."""
    sandbox = Sandbox()
    sandbox.add_person(ADA, "Ada Lovelace", timezone="America/Chicago")
    sandbox.graph.observers.append(recorder)
    return sandbox


@pytest.fixture
def graph(sandbox: Sandbox, settings: Any) -> Iterator[Server]:
    """The same on a port; the settings lead there. Notifications are POSTed as things change."""
    with Server(sandbox) as server:
        settings.GRAPH_URL = server.graph_url
        settings.MS_AUTHORITY = AUTHORITY
        settings.MS_CLIENT_ID, settings.MS_CLIENT_SECRET = CLIENT_ID, CLIENT_SECRET
        settings.MS_SANDBOX_URL = server.url
        yield server


@pytest.fixture
def entra(sandbox: Sandbox) -> EntraDouble:
    """Sign-in, with the `http_client` to give to MSAL."""
    return EntraDouble(sandbox)


@pytest.fixture
def ada(sandbox: Sandbox) -> Iterator[httpx.Client]:
    """An HTTP client that is Ada's, without sockets: relative addresses are below /v1.0."""
    headers = {**HEADERS, "Authorization": f"Bearer {sandbox.entra.token_for(ADA)}"}
    transport = sandbox.transport()
    with httpx.Client(base_url="https://graph.microsoft.com/v1.0", headers=headers, transport=transport) as client:
        yield client
