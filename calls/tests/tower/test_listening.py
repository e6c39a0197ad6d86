"""Hearing a live call through Pete: who may, once and not for long, and the address that nobody sees."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import uuid
from contextlib import asynccontextmanager, suppress

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from django.core import signing
from django.test import Client
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from calls.models import Assistant, Call, ControlAction, Phase
from calls.tests import certificates
from calls.tests.test_live_server import server  # noqa: F401
from calls.tests.tower.conftest import live_call, post
from calls.tests.tower.line import CANARY, CONTROL, HOST, LISTEN
from calls.tests.tower.listen_server import ListenServer, keep_silent, play, tone
from calls.tower import keyring, listening, sound, wire
from calls.webhook.decode import Monitor
from crm.models import Agent, Role
from crm.tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def papers(tmp_path_factory):
    return certificates.issue(tmp_path_factory.mktemp("vapi"), HOST)


@pytest.fixture
def vapi(papers, monkeypatch):
    """Vapi's host, with a certificate of its name; the way there is the only thing that is not real."""
    with ListenServer(papers.server_context()) as standing_in:
        way = {"ssl": papers.client_context(), "host": "127.0.0.1", "port": standing_in.port}
        monkeypatch.setattr(wire, "reroute", lambda: way)
        yield standing_in


class Listener:
    """A manager with a live call, and the browser they listen with."""

    def __init__(self, desk: str, person: Agent, call: Call) -> None:
        self.desk, self.person, self.call = desk, person, call
        self.browser = Client()
        self.browser.force_login(person)

    async def ask(self, **fields):
        return await sync_to_async(post)(self.browser, self.call, "listen", as_json=True, **fields)

    async def permit(self):
        return (await self.ask()).json()["listen"]["permit"]

    @asynccontextmanager
    async def socket(self, permit=None, *, cookie=None, origin=None):
        key = self.browser.cookies[settings.SESSION_COOKIE_NAME].value if cookie is None else cookie
        headers = {"Cookie": f"{settings.SESSION_COOKIE_NAME}={key}"} if key else {}
        async with connect(f"ws://{self.desk}/ws/listen", origin=origin, additional_headers=headers) as socket:
            if permit is not None:
                await socket.send(permit)
            yield socket

    async def hear(self, permit=None):
        """Return the messages and the sound up to the end."""
        messages, heard = [], b""
        async with self.socket(permit or await self.permit()) as socket:
            with suppress(ConnectionClosed):
                while True:
                    frame = await asyncio.wait_for(socket.recv(), 8)
                    if isinstance(frame, bytes):
                        heard += frame
                    else:
                        messages.append(json.loads(frame))
        return messages, heard

    async def kept(self):
        rows = [row async for row in ControlAction.objects.filter(call=self.call).order_by("pk")]
        return [(row.kind, row.agent_id, row.reason, row.outcome, row.code) for row in rows]


@pytest.fixture
async def listener(server):  # noqa: F811
    def make() -> Listener:
        team = factories.team()
        call = live_call(assistant=Assistant.objects.create(vapi_id="asst-1", name="Riley", team=team))
        return Listener(server, factories.agent(role=Role.MANAGER), call)

    return await sync_to_async(make)()


MONO = {"type": "format", "rate": 16000, "channels": 1}


async def test_the_sound_arrives_as_vapi_sends_it_and_is_kept_with_who_and_why(listener, vapi):
    vapi.play = play(*tone(5))

    messages, heard = await listener.hear()

    assert messages == [MONO, {"type": "end", "code": "call_over"}]
    assert heard == b"".join(tone(5))
    assert vapi.asked == [(HOST, f"/{CANARY}/listen", None)]
    assert await listener.kept() == [("listen", listener.person.pk, "The assistant is stuck", "done", "")]
    row = await ControlAction.objects.aget()
    assert row.ended_at >= row.at


async def test_what_vapi_says_of_the_sound_is_believed(listener, vapi):
    start = {"type": "start", "encoding": "linear16", "container": "raw", "sampleRate": 8000, "channels": 2}
    vapi.play = play({"type": "hello"}, "not json", start, tone(1)[0], start, tone(1)[0])

    messages, heard = await listener.hear()

    assert messages == [{"type": "format", "rate": 8000, "channels": 2}, {"type": "end", "code": "call_over"}]
    assert heard == tone(1)[0] * 2


@pytest.mark.parametrize("odd", [{"encoding": "mulaw"}, {"channels": 6}, {"sampleRate": 1}, {"sampleRate": 10**9}])
async def test_sound_that_no_page_could_play_is_refused(listener, vapi, odd):
    vapi.play = play({"type": "start"} | odd, tone(1)[0])

    assert await listener.hear() == ([{"type": "end", "code": "unplayable"}], b"")


async def test_what_else_vapi_writes_reaches_no_browser(listener, vapi):
    vapi.play = play({"type": "transcript", "text": CANARY}, f"wss://{HOST}/{CANARY}/listen", tone(1)[0])

    messages, _ = await listener.hear()

    assert CANARY not in str(messages)


async def test_a_listener_who_goes_away_hangs_up_at_vapi(listener, vapi):
    async with listener.socket(await listener.permit()) as socket:
        await asyncio.wait_for(socket.recv(), 8)
        assert vapi.listeners == 1

    await until(lambda: vapi.listeners == 0)


async def test_the_public_key_goes_along_where_there_is_one(listener, vapi, settings):
    settings.VAPI_PUBLIC_KEY = "public-key"
    vapi.play = play(tone(1)[0])

    await listener.hear()

    assert vapi.asked[0][2] == "Bearer public-key"


# Who may.


@pytest.mark.parametrize(
    ("role", "of_team", "status"), [("manager", False, 200), ("agent", True, 200), ("agent", False, 403)]
)
async def test_whoever_may_steer_may_listen(listener, vapi, role, of_team, status):
    def other() -> Agent:
        return factories.agent(role=role, team=listener.call.assistant.team if of_team else factories.team())

    answer = await Listener(listener.desk, await sync_to_async(other)(), listener.call).ask()

    assert (answer.status_code, "listen" in answer.json()) == (status, status == 200)
    assert len(await listener.kept()) == (status == 200)


@pytest.mark.parametrize("fields", [{"reason": ""}, {"reason": " "}, {"reason": "x" * 201}, {"key": "no"}, {"key": ""}])
async def test_listening_needs_a_reason(listener, vapi, fields):
    answer = await listener.ask(**fields)

    assert (answer.status_code, answer.json()["code"]) == (422, "bad_arguments")
    assert await listener.kept() == []


async def test_a_permission_is_good_once(listener, vapi):
    vapi.play = play(tone(1)[0])
    permit = await listener.permit()
    await listener.hear(permit)

    assert await listener.hear(permit) == ([{"type": "end", "code": "expired"}], b"")
    assert len(vapi.asked) == 1


async def test_two_clicks_are_one_permission(listener, vapi):
    vapi.play = play(tone(1)[0])
    key = str(uuid.uuid4())
    first, second = [(await listener.ask(key=key)).json()["listen"]["permit"] for _ in range(2)]

    await listener.hear(first)

    assert (await listener.hear(second))[0] == [{"type": "end", "code": "expired"}]
    assert len(await listener.kept()) == 1


async def test_a_permission_is_good_for_who_asked_and_not_for_long(listener, vapi, monkeypatch):
    other = await sync_to_async(factories.agent)(role=Role.MANAGER)
    stranger = await sync_to_async(Listener)(listener.desk, other, listener.call)
    expired = [{"type": "end", "code": "expired"}], b""

    assert await stranger.hear(await listener.permit()) == expired
    monkeypatch.setattr(listening, "PERMIT_SECONDS", 0)
    assert await listener.hear() == expired
    assert vapi.asked == []


@pytest.mark.parametrize(
    "forge",
    [
        lambda: "",
        lambda: "nonsense",
        lambda: "a:b:c",
        lambda: "x" * 5000,
        lambda: "{}",
        lambda: signing.dumps([1, 1]),
        lambda: signing.dumps("x"),
    ],
    ids=["nothing", "nonsense", "colons", "long", "json", "other salt, pair", "other salt, word"],
)
async def test_a_forged_permission_opens_nothing(listener, vapi, forge):
    async with listener.socket(forge()) as socket:
        assert json.loads(await asyncio.wait_for(socket.recv(), 8)) == {"type": "end", "code": "expired"}

    assert vapi.asked == []


async def test_a_socket_without_a_permission_is_closed(listener, vapi, monkeypatch):
    monkeypatch.setattr(sound, "PERMIT_SECONDS", 0.1)

    async with listener.socket() as socket:
        assert json.loads(await asyncio.wait_for(socket.recv(), 8)) == {"type": "end", "code": "expired"}


async def test_strangers_and_foreign_pages_get_no_socket(listener, vapi):
    for cookie, origin in [("", None), ("forged", None), (None, "https://evil.example")]:
        with pytest.raises(InvalidStatus):
            async with listener.socket("x", cookie=cookie, origin=origin):
                pass


async def test_whoever_loses_the_right_or_signs_out_hears_no_more(listener, vapi, monkeypatch):
    monkeypatch.setattr(sound, "CHECK_SECONDS", 0.1)

    async def loses(change) -> str:
        async with listener.socket(await listener.permit()) as socket:
            await asyncio.wait_for(socket.recv(), 8)
            await change()
            while isinstance(frame := await asyncio.wait_for(socket.recv(), 8), bytes):
                pass
        return json.loads(frame)["code"]

    async def demoted() -> None:
        await Agent.objects.filter(pk=listener.person.pk).aupdate(role=Role.AGENT, team=None)

    async def ended() -> None:
        await Call.objects.aupdate(phase=Phase.ENDED)

    async def signed_out() -> None:
        await sync_to_async(listener.browser.session.flush)()

    assert await loses(demoted) == "not_allowed"
    await Agent.objects.filter(pk=listener.person.pk).aupdate(role=Role.MANAGER)
    assert await loses(signed_out) == "expired"
    await sync_to_async(listener.browser.force_login)(listener.person)
    assert await loses(ended) == "call_over"
    await until(lambda: vapi.listeners == 0)


# Where it goes, and what can go wrong there.


@pytest.mark.parametrize(
    ("status", "code"),
    [(404, "call_over"), (410, "call_over"), (401, "vapi_refused"), (403, "vapi_refused"), (503, "vapi_unavailable")],
)
async def test_what_vapi_refuses_is_said_and_kept(listener, vapi, status, code):
    vapi.refuses_with = status

    assert await listener.hear() == ([{"type": "end", "code": code}], b"")
    assert [row[3:] for row in await listener.kept()] == [("refused", code)]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_not_followed(listener, vapi, status):
    vapi.refuses_with, vapi.location = status, "wss://elsewhere.vapi.ai/x/listen"

    assert await listener.hear() == ([{"type": "end", "code": "vapi_refused"}], b"")
    assert len(vapi.asked) == 1


@pytest.mark.parametrize("flaw", ["another name", "another authority", "expired"])
async def test_a_server_that_is_not_vapi_is_not_listened_to(listener, vapi, papers, monkeypatch, tmp_path, flaw):
    false = certificates.issue(
        tmp_path, "evil.example" if flaw == "another name" else HOST, days=-1 if flaw == "expired" else 1
    )
    trusted = papers if flaw == "another authority" else false
    with ListenServer(false.server_context()) as impostor:
        way = {"ssl": trusted.client_context(), "host": "127.0.0.1", "port": impostor.port}
        monkeypatch.setattr(wire, "reroute", lambda: way)

        assert await listener.hear() == ([{"type": "end", "code": "vapi_unavailable"}], b"")

    assert impostor.asked == []


async def test_a_vapi_that_cannot_be_reached(listener, vapi, monkeypatch):
    monkeypatch.setattr(wire, "reroute", lambda: {"host": "127.0.0.1", "port": 1})

    assert await listener.hear() == ([{"type": "end", "code": "vapi_unavailable"}], b"")


async def test_a_line_that_breaks_is_not_taken_for_the_end(listener, vapi):
    def breaks(connection) -> None:
        connection.send(tone(1)[0])
        connection.socket.shutdown(socket.SHUT_RDWR)

    vapi.play = breaks

    assert (await listener.hear())[0] == [MONO, {"type": "end", "code": "cut_off"}]


async def test_a_frame_without_end_is_not_read(listener, vapi):
    vapi.play = play(b"\x00" * 2**20)

    assert await listener.hear() == ([{"type": "end", "code": "cut_off"}], b"")


async def test_a_call_that_cannot_be_heard_says_so(listener, vapi):
    await sync_to_async(keyring.keep)(listener.call.pk, Monitor(CONTROL, f"ws://{HOST}/x/listen"))

    answer = await listener.ask()

    assert (answer.status_code, answer.json()["code"]) == (409, "not_controllable")
    assert await listener.kept() == []


async def test_a_call_may_be_heard_that_cannot_be_steered(listener, vapi):
    await sync_to_async(keyring.forget)(listener.call.pk)
    await sync_to_async(keyring.keep)(listener.call.pk, Monitor(None, LISTEN))
    vapi.play = play(tone(1)[0])

    assert (await listener.hear())[1] == tone(1)[0]
    steer = await sync_to_async(post)(listener.browser, listener.call, "mute", as_json=True)
    assert steer.json()["code"] == "not_controllable"


@pytest.mark.parametrize(
    "address",
    [
        f"ws://{HOST}/x/listen",
        f"https://{HOST}/x/listen",
        f"wss://{HOST}:8443/x/listen",
        f"wss://user@{HOST}/x/listen",
        f"wss://{HOST}@evil.com/x",
        "wss://evilvapi.ai/x/listen",
        "wss://vapi.ai.evil.com/x/listen",
        "wss://127.0.0.1/x/listen",
        "wss://[::1]/x/listen",
        "wss://169.254.169.254/latest",
        "wss://localhost/x",
        f"wss://{HOST}/x?y=1",
        f"wss://{HOST}/../x",
        f"wss://{HOST}/x\r\nHost: evil.com",
        "",
    ],
)
async def test_no_other_address_is_asked(listener, vapi, address):
    """Not even one that stands in the store, sealed with our own key."""
    sealed = keyring.vault.seal(
        keyring.PURPOSE, listener.call.pk, keyring.msgspec.json.encode(keyring.Addresses(CONTROL, address))
    )
    await sync_to_async(keyring.cache.set)(keyring._key(listener.call.pk), sealed)

    assert (await listener.ask()).json()["code"] == "not_controllable"
    assert vapi.asked == []


async def test_the_address_is_shown_and_logged_nowhere(listener, vapi, caplog):
    caplog.set_level(logging.DEBUG)
    answers = []
    for status in (0, 302, 403, 404, 503):
        vapi.refuses_with, vapi.play = status, play(tone(1)[0])
        answer = await listener.ask()
        answers.append(answer.content + str(answer.headers).encode())
        messages, _ = await listener.hear(answer.json()["listen"]["permit"])
        answers.append(str(messages).encode())
    page = await sync_to_async(listener.browser.get)(f"/calls/{listener.call.pk}/tower")

    shown = b"".join([*answers, page.content])
    assert CANARY.encode() not in shown
    rows = [str(row) async for row in ControlAction.objects.values()]
    assert [row for row in rows if CANARY in row] == []
    # The stand-in's own side of the line is not Pete's.
    said = [record for record in caplog.records if not record.name.startswith("websockets.server")]
    assert [record for record in said if CANARY in record.getMessage()] == []


async def test_the_silence_of_a_call_is_waited_out(listener, vapi, monkeypatch):
    monkeypatch.setattr(sound, "CHECK_SECONDS", 0.05)
    vapi.play = keep_silent

    async with listener.socket(await listener.permit()) as socket:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(socket.recv(), 0.5)
        assert vapi.listeners == 1


async def until(is_so) -> None:
    for _ in range(200):
        if is_so():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not come to that")
