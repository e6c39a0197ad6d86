"""A stand-in for Vapi over HTTP whose every exchange is held against the published description."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from calls.client import VapiClient
from calls.tests.contract import Recorder
from calls.tools import tool_definitions
from calls.vapi_sandbox import Server, Vapi

PUBLIC = "https://pete.example.com"
SECRET = "a-test-secret"
OLD = "https://old.example.com/vapi/webhook"


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    watching = Recorder()
    yield watching
    assert watching.violations == []


@pytest.fixture
def vapi(recorder: Recorder) -> Vapi:
    standing_in = Vapi()
    standing_in.watchers.append(recorder)
    return standing_in


@pytest.fixture
def url(vapi: Vapi, settings: Any) -> Iterator[str]:
    with Server(vapi) as server:
        settings.VAPI_API_URL = server.url
        settings.VAPI_API_KEY = vapi.key
        settings.PUBLIC_URL = PUBLIC
        settings.VAPI_WEBHOOK_SECRET = SECRET
        settings.VAPI_CREDENTIAL_ID = ""
        yield server.url


@pytest.fixture
def client(url: str) -> Iterator[VapiClient]:
    with VapiClient(timeout=1) as made:
        yield made


def drifted(name: str = "Oak", **fields: Any) -> dict[str, Any]:
    """Return an assistant as the old set-up left it: another server, two tools by hand, its own list of messages."""
    return {
        "name": name,
        "firstMessage": "Hello",
        "server": {"url": OLD, "timeoutSeconds": 12, "headers": {"X-Team": "north"}},
        "serverMessages": ["end-of-call-report", "status-update"],
        "model": {
            "provider": "openai",
            "model": "gpt-4o",
            "temperature": 0.3,
            "messages": [{"role": "system", "content": "Speak kindly."}],
            "tools": [
                {"type": "endCall"},
                {
                    "type": "function",
                    "function": {
                        "name": "get_availability",
                        "description": "Check available times",
                        "strict": False,
                        "parameters": {"type": "object", "properties": {"user_id": {"type": "string"}}},
                    },
                    "server": {"url": OLD},
                    "messages": [{"type": "request-start", "content": "One moment."}],
                },
                {"type": "function", "function": {"name": "their_own", "description": "Not Pete's"}},
            ],
        },
        **fields,
    }


def in_order(name: str = "Elm", **fields: Any) -> dict[str, Any]:
    """Return an assistant that needs nothing."""
    from calls.sync.wanted import Wanted

    wanted = Wanted.load()
    return {
        "name": name,
        "server": {"url": wanted.url, "headers": {"x-vapi-secret": SECRET}},
        "serverMessages": list(wanted.messages),
        "model": {"provider": "openai", "model": "gpt-4o", "tools": tool_definitions()},
        **fields,
    }
