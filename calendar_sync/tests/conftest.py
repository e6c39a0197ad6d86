"""The stand-ins for Microsoft 365, each test with its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import msal
import pytest

from calendar_sync import tokens
from calendar_sync.models import Connection
from calendar_sync.sandbox import Sandbox, Server
from calendar_sync.tests import factories
from calendar_sync.tests.contract import Recorder
from calendar_sync.tests.entra import AUTHORITY, CLIENT_ID, CLIENT_SECRET, EntraDouble
from crm.models import Agent
from crm.tests import factories as crm

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


@pytest.fixture
def connected_agent(db: None, graph: Server, entra: EntraDouble, sandbox: Sandbox) -> Agent:
    """Ada, who works from nine to five every day and has connected her calendar: read and written, not yet synced.

    Her connection is `agent.calendar_connection`, the one calendar `agent.calendar_connection.calendars.get()`.
    """
    agent = crm.agent(hours=(9, 17), email=ADA, full_name="Ada Lovelace")
    connect(agent, entra, ADA)
    return agent


def connect(agent: Agent, entra: EntraDouble, address: str) -> Connection:
    """Connect an agent to a mailbox of the sandbox, with tokens that MSAL got and its default calendar."""
    person = entra.sandbox.mailboxes[address]
    cache = msal.SerializableTokenCache()
    result = entra.sign_in(address, cache)
    row = factories.connection(agent, tenant_id=person.tenant_id, object_id=person.object_id, email=address)
    tokens.keep(row, cache, result["expires_in"])
    default = next(record for record in person.calendars.values() if record.is_default)
    factories.calendar(row, external_id=default.id, name=default.name, is_read=True, is_written=True)
    return row
