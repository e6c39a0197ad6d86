from __future__ import annotations

import asyncio
from typing import Any

import pytest
import redis
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from channels.routing import URLRouter
from django.conf import settings
from django.contrib.auth.models import AnonymousUser

from calls import board, consumers
from calls.models import Call
from calls.refold import project_many
from calls.routing import websocket_urlpatterns
from calls.tests.ledger import call, conversation, deliver, report
from crm.tests import factories, sockets

pytestmark = pytest.mark.django_db(transaction=True)

application = URLRouter(websocket_urlpatterns)


class Socket(sockets.Socket):
    """A browser's end of a socket of the board."""

    def __init__(self, path: str, user: Any, application: Any = application) -> None:
        super().__init__(path, user, application)


@pytest.fixture
def user():
    return factories.agent()


@sync_to_async
def begin(name: str = "") -> Call:
    row = call(name)
    conversation(row)
    board.publish(project_many([row.pk]).entries)
    return row


async def change(row: Call, seconds: float = 9) -> int:
    """Have something new in the call, with its nudge; return the board's number."""
    await sync_to_async(deliver)(
        row, "transcript", seconds, role="user", transcriptType="final", transcript=f"At {seconds}."
    )
    return await show(row)


async def show(row: Call) -> int:
    seq = await sync_to_async(lambda: board.publish(project_many([row.pk]).entries))()
    await get_channel_layer().group_send(board.GROUP, {"type": "board.changed", "seq": seq})
    return seq


async def test_a_snapshot_comes_first_and_then_every_change(user):
    row = await begin()
    async with Socket("/ws/live", user) as socket:
        first = await socket.next()
        assert (first["type"], [shape["id"] for shape in first["calls"]]) == ("snapshot", [str(row.pk)])

        seq = await change(row)
        changed = await socket.next("call")

        assert changed["seq"] == seq > first["seq"]
        assert changed["call"]["transcript"][-1]["text"] == "At 9."
        assert changed["call"] == (await sync_to_async(board.snapshot)())["calls"][0]


async def test_the_heartbeat_carries_the_number_and_the_time(user, monkeypatch):
    monkeypatch.setattr(consumers, "HEARTBEAT_SECONDS", 0.1)
    async with Socket("/ws/live", user) as socket:
        snapshot = await socket.next("snapshot")
        beat = await socket.next("heartbeat")

    assert beat["seq"] == snapshot["seq"]
    assert set(beat) == {"type", "seq", "at"}


def test_the_heartbeat_comes_within_five_seconds():
    assert consumers.HEARTBEAT_SECONDS + consumers.COALESCE_SECONDS < 5


async def test_a_change_whose_nudge_was_lost_comes_with_the_next_heartbeat(user, monkeypatch):
    monkeypatch.setattr(consumers, "HEARTBEAT_SECONDS", 0.3)
    row = await begin()
    async with Socket("/ws/live", user) as socket:
        await socket.next("snapshot")
        await sync_to_async(deliver)(row, "status-update", 30, status="ended")
        await sync_to_async(lambda: board.publish(project_many([row.pk]).entries))()

        assert (await socket.next("call"))["call"]["phase"] == "ENDED"


async def test_changes_close_together_are_one_message(user, monkeypatch):
    # Long enough that five changes are close together on a busy machine, too.
    monkeypatch.setattr(consumers, "COALESCE_SECONDS", 2.0)
    row = await begin()
    async with Socket("/ws/live", user) as socket:
        await socket.next("snapshot")
        seqs = [await change(row, 10 + n) for n in range(5)]
        got = []
        while not got or got[-1] < seqs[-1]:
            got.append((await socket.next("call"))["seq"])

    assert len(got) < 5
    assert got == sorted(got)


async def test_resume_gets_everything_after_a_number(user):
    first, second = await begin(), await begin()
    async with Socket("/ws/live", user) as socket:
        seq = (await socket.next("snapshot"))["seq"]
        await change(first)
        assert (await socket.next("call"))["call"]["id"] == str(first.pk)

        await socket.say({"type": "resume", "seq": seq})

        again = await socket.next("call")
        assert (again["call"]["id"], again["seq"] > seq) == (str(first.pk), True)
        assert second.pk != first.pk


@pytest.mark.parametrize("seq", [0, 17, 2**53 - 1])
async def test_resume_from_a_number_that_says_nothing_gets_a_fresh_snapshot(user, seq):
    row = await begin()
    async with Socket("/ws/live", user) as socket:
        await socket.next("snapshot")
        await socket.say({"type": "resume", "seq": seq})

        assert [shape["id"] for shape in (await socket.next("snapshot"))["calls"]] == [str(row.pk)]


@pytest.mark.parametrize(
    "message",
    [
        "", "{", "null", "[]", '"resume"', "7", "{}", '{"type": "resume"}', '{"type": "resume", "seq": "5"}',
        '{"type": "resume", "seq": -1}', '{"type": "resume", "seq": true}', '{"type": "resume", "seq": 1.5}',
        '{"type": "resume", "seq": 1e400}', '{"type": "shutdown"}', "[" * 5000, "x" * 100_000, "\x00", "\ud800",
    ],
)  # fmt: skip
async def test_a_message_that_makes_no_sense_is_answered_with_an_error(user, message):
    row = await begin()
    async with Socket("/ws/live", user) as socket:
        await socket.next("snapshot")
        await socket.say(message)

        answer = await socket.next("error")
        assert (answer["code"], bool(answer["detail"])) == ("bad_message", True)
        # And the socket goes on.
        await change(row)
        await socket.next("call")


async def test_binary_nonsense_is_answered_too_and_too_much_nonsense_ends_the_socket(user):
    async with Socket("/ws/live", user) as socket:
        await socket.next("snapshot")
        for _ in range(consumers.MOST_ERRORS):
            await socket.communicator.send_input({"type": "websocket.receive", "bytes": b"\xff\x00"})
        await socket.next("error")

        while (output := await socket.communicator.receive_output(2))["type"] != "websocket.close":
            pass
        assert output["code"] == consumers.BAD_MESSAGES


@pytest.mark.parametrize("path", ["/ws/live", "/ws/calls/known"])
async def test_nobody_gets_in_without_a_session(path):
    await begin("known")
    for nobody in (AnonymousUser(), None):
        assert not await Socket(path, nobody).connect()


async def test_a_member_of_staff_who_was_shut_out_does_not_get_in(user):
    user.is_active = False

    assert not await Socket("/ws/live", user).connect()


async def test_a_socket_closes_when_its_person_is_shut_out(user, monkeypatch):
    monkeypatch.setattr(consumers, "HEARTBEAT_SECONDS", 0.1)
    monkeypatch.setattr(consumers, "CHECK_SECONDS", 0.1)
    async with Socket("/ws/live", user) as socket:
        await socket.next("heartbeat")
        await socket.next("heartbeat")
        await type(user).objects.aupdate(is_active=False)

        while (output := await socket.communicator.receive_output(2))["type"] != "websocket.close":
            pass
        assert output["code"] == consumers.UNAUTHENTICATED


async def test_one_call_s_socket_shows_that_call_alone_by_either_id(user):
    mine, other = await begin("mine"), await begin("other")
    for name in ("mine", str(mine.pk)):
        async with Socket(f"/ws/calls/{name}", user) as socket:
            snapshot = await socket.next("snapshot")
            assert [shape["id"] for shape in snapshot["calls"]] == [str(mine.pk)]
            assert len(snapshot["calls"][0]["transcript"]) >= 2

            await change(other)
            await change(mine)
            assert (await socket.next("call"))["call"]["id"] == str(mine.pk)


async def test_a_call_that_has_left_the_board_still_has_its_socket(user):
    row = await begin()
    await sync_to_async(report)(row)
    await sync_to_async(project_many)([row.pk])
    with redis.from_url(settings.REDIS_URL) as client:
        client.flushdb()
    await Call.objects.aupdate(last_event_at="2020-01-01T00:00Z")

    async with Socket(f"/ws/calls/{row.pk}", user) as socket:
        assert (await socket.next("snapshot"))["calls"][0]["phase"] == "ENDED"


@pytest.mark.parametrize("name", ["unknown", "00000000-0000-0000-0000-000000000000", "%00", "x" * 3000])
async def test_an_unknown_call_has_no_socket(user, name):
    assert not await Socket(f"/ws/calls/{name}", user).connect()


async def test_a_wiped_valkey_means_a_fresh_snapshot_with_a_larger_number(user, monkeypatch):
    monkeypatch.setattr(consumers, "HEARTBEAT_SECONDS", 0.2)
    row = await begin()
    async with Socket("/ws/live", user) as socket:
        seq = (await socket.next("snapshot"))["seq"]
        with redis.from_url(settings.REDIS_URL) as client:
            client.flushdb()

        again = await socket.next("snapshot")
        assert (again["seq"] > seq, [shape["id"] for shape in again["calls"]]) == (True, [str(row.pk)])


async def test_a_browser_that_does_not_read_holds_up_nobody_else(user):
    row, blocked = await begin(), asyncio.Event()

    async def stuck(scope: Any, receive: Any, send: Any) -> None:
        async def stuck_send(message: dict[str, Any]) -> None:
            if message["type"] == "websocket.send":
                blocked.set()
                await asyncio.Event().wait()
            await send(message)

        await application(scope, receive, stuck_send)

    async with Socket("/ws/live", user, stuck), Socket("/ws/live", user) as quick:
        await quick.next("snapshot")
        await asyncio.wait_for(blocked.wait(), 5)

        await change(row, 12)
        texts = []
        while "At 12." not in texts:
            texts += [line["text"] for line in (await quick.next("call"))["call"]["transcript"]]
