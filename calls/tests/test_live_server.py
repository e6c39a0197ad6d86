"""The live socket through a real server: origin, session, and the whole way from a delivery to a browser."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import uvicorn
from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.sessions.models import Session
from django.test import Client
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from calls import consumers
from calls.models import Call
from calls.tests.ledger import snapshot
from crm.tests import factories

pytestmark = pytest.mark.django_db(transaction=True)

SECRET = "only-for-this-test"


@pytest.fixture
async def server(settings) -> AsyncIterator[str]:
    """Run the whole application; the value is its host and port."""
    settings.VAPI_WEBHOOK_SECRET = SECRET
    from config.asgi import application

    running = uvicorn.Server(uvicorn.Config(application, port=0, lifespan="on", log_level="warning"))
    task = asyncio.create_task(running.serve())
    while not running.started:
        await asyncio.sleep(0.02)
        assert not task.done()
    port = running.servers[0].sockets[0].getsockname()[1]
    yield f"127.0.0.1:{port}"
    running.should_exit = True
    await asyncio.wait_for(task, 20)


@pytest.fixture
async def cookie() -> str:
    def sign_in() -> str:
        client = Client()
        client.force_login(factories.agent())
        return f"{settings.SESSION_COOKIE_NAME}={client.session.session_key}"

    return await sync_to_async(sign_in)()


def open_socket(server: str, path: str = "/ws/live", *, cookie: str = "", origin: str | None = None) -> connect:
    headers = {"Cookie": cookie} if cookie else {}
    return connect(f"ws://{server}{path}", origin=origin, additional_headers=headers)  # type: ignore[arg-type]


async def next_message(socket: ClientConnection, kind: str) -> dict[str, Any]:
    while True:
        message = json.loads(await asyncio.wait_for(socket.recv(), 8))
        if message["type"] == kind:
            return message


async def test_the_own_page_gets_in(server, cookie):
    async with open_socket(server, cookie=cookie, origin=f"http://{server}") as socket:
        assert (await next_message(socket, "snapshot"))["calls"] == []
        assert (await next_message(socket, "heartbeat"))["seq"] > 0


@pytest.mark.parametrize(
    ("with_cookie", "origin"),
    [
        (False, "http://{server}"),
        (False, None),
        (True, "https://evil.example"),
        (True, "http://127.0.0.1:1"),
        (True, "http://{server}.evil.example"),
        (True, "null"),
    ],
)
async def test_anonymous_sockets_and_foreign_origins_are_refused(server, cookie, with_cookie, origin):
    origin = origin.format(server=server) if origin else None

    with pytest.raises(InvalidStatus) as refusal:
        async with open_socket(server, cookie=cookie if with_cookie else "", origin=origin):
            pass

    assert refusal.value.response.status_code == 403


async def test_signing_out_closes_the_socket(server, cookie, monkeypatch):
    monkeypatch.setattr(consumers, "HEARTBEAT_SECONDS", 0.1)
    monkeypatch.setattr(consumers, "CHECK_SECONDS", 0.1)
    async with open_socket(server, cookie=cookie) as socket:
        await next_message(socket, "heartbeat")
        await Session.objects.all().adelete()

        with pytest.raises(ConnectionClosed):
            await next_message(socket, "never")


@pytest.mark.parametrize("path", ["/ws/nothing", "/ws/calls/unknown", "/ws/live/more"])
async def test_a_path_without_a_socket_is_refused(server, cookie, path):
    with pytest.raises(InvalidStatus):
        async with open_socket(server, path, cookie=cookie):
            pass


async def test_a_delivery_reaches_the_browser_and_the_call_s_own_socket(server, cookie):
    row = Call(vapi_id="whole-way")

    async def deliver(kind: str, **message: Any) -> None:
        body = {"message": {"type": kind, "call": snapshot(row), **message}}
        answer = await http.post(f"http://{server}/vapi/webhook", json=body, headers={"X-Vapi-Secret": SECRET})
        assert answer.status_code == 200

    async with (
        httpx.AsyncClient() as http,
        open_socket(server, cookie=cookie, origin=f"http://{server}") as live,
    ):
        await next_message(live, "snapshot")
        await deliver("status-update", status="in-progress")
        first = await next_message(live, "call")
        assert (first["call"]["vapi_id"], first["call"]["phase"]) == ("whole-way", "LISTENING")

        async with open_socket(server, "/ws/calls/whole-way", cookie=cookie) as own:
            assert (await next_message(own, "snapshot"))["calls"][0]["phase"] == "LISTENING"
            await deliver("transcript", role="user", transcriptType="final", transcript="Hello?")

            for socket in (live, own):
                changed = await next_message(socket, "call")
                assert changed["seq"] > first["seq"]
                assert changed["call"]["phase"] == "THINKING"
                assert changed["call"]["last_lines"][0]["text"] == "Hello?"
