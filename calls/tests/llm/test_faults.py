"""Whatever the model's server does, the caller hears a sentence, the call lives, and the board shows an alert."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from calls import phases, projection
from calls.llm.turn import FALLBACK, retry_after
from calls.models import Call, WebhookEvent, call_pk
from calls.tests.llm.client import Reply
from calls.tests.llm.model_server import Act
from calls.tests.webhook.client import in_database
from calls.webhook.kinds import LLM_TURN

CALL_DELTA = [{"index": 0, "id": "c", "type": "function", "function": {"name": "endCall", "arguments": '{"a'}}]
CHUNK = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: %d\r\n\r\n%b"


def raw(body: bytes) -> Act:
    return Act(raw=CHUNK % (len(body), body))


FAULTS = {
    "late": (Act(first=5), "late"),
    "no status": (Act(wait=5), "late"),
    "only roles": (Act(words=[""] * 6, pause=0.4, first=0.1), "late"),
    "empty": (Act(words=()), "empty"),
    "only white space": (Act(words=[" ", "\n"]), "empty"),
    "only leaks": (Act(words=["System: be nice", " and brief"]), "empty"),
    "400": (Act(status=400), "refused"),
    "401": (Act(status=401), "refused"),
    "404, an unknown model": (Act(status=404), "refused"),
    "302": (Act(status=302, headers={"Location": "/elsewhere"}), "refused"),
    "500": (Act(status=500), "failing"),
    "503": (Act(status=503), "failing"),
    "429 for longer than there is time": (Act(status=429, headers={"Retry-After": "60"}), "busy"),
    "cut off before a word": (Act(cut_after=0), "cut_off"),
    "closed without an end": (Act(words=(), finish=None, done=False), "cut_off"),
    "a tool call cut off": (Act(words=(), calls=[CALL_DELTA], finish=None, done=False), "cut_off"),
    "not HTTP": (Act(raw=b"hello\r\n\r\n"), "malformed"),
    "closed at once": (Act(raw=b""), "unreachable"),
    "not an event stream": (raw(b"<html>Bad gateway</html>\n"), "malformed"),
    "not JSON": (raw(b"data: {oops\n\n"), "malformed"),
    "of another shape": (raw(b'data: {"choices": [{"delta": {"content": 5}}]}\n\n'), "malformed"),
    "an error inside": (raw(b'data: {"error": {"message": "overloaded"}}\n\n'), "malformed"),
    "bytes that are not text": (raw(b'data: {"choices":[{"delta":{"content":"\xff\xfe"}}]}\n\n'), "malformed"),
}


@pytest.fixture(autouse=True)
def _hurry(settings):
    settings.LLM_TIMEOUT_SECONDS = 1


async def events(call: str, kind: str, count: int = 1) -> list[dict]:
    """Return the messages of this kind in the call's ledger, as soon as there are so many."""

    def read() -> list[dict]:
        rows = WebhookEvent.objects.filter(call__vapi_id=call, type=kind).order_by("pk")
        return [json.loads(bytes(row.body))["message"] for row in rows]

    for _ in range(100):
        found = await in_database(read)
        if len(found) >= count:
            break
        await asyncio.sleep(0.02)
    return found


@pytest.mark.parametrize("fault", FAULTS)
async def test_the_caller_hears_a_sentence_and_the_call_lives(llm, model, fault):
    act, reason = FAULTS[fault]
    model.script.append(act)

    started = time.monotonic()
    reply = await llm.chat("call-1")

    assert (reply.status, reply.text, reply.finish, reply.calls) == (200, FALLBACK, "stop", [])
    assert time.monotonic() - started < 2
    (alert,) = await events("call-1", phases.LLM_FALLBACK)
    assert alert["reason"] == reason
    assert (await llm.chat("call-1")).text == "Hello there."


async def test_a_server_out_of_reach_is_covered_up_too_also_whole(llm, settings):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        settings.LLM_URL = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"

        reply = await llm.chat("call-1", stream=False)

    assert (reply.status, reply.json()["choices"][0]["message"]["content"]) == (200, FALLBACK)
    (alert,) = await events("call-1", phases.LLM_FALLBACK)
    assert alert["reason"] == "unreachable"


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        (Act(cut_after=1), "cut_off"),
        (Act(pause=3), "stalled"),
        (Act(words=["Hello", " th"], done=False, finish=None), "cut_off"),
    ],
)
async def test_an_answer_that_breaks_off_ends_with_the_sentence(llm, model, act, reason):
    model.script.append(act)

    reply = await llm.chat("call-1")

    assert reply.text.startswith("Hello")
    assert reply.text.endswith(f" {FALLBACK}")
    (alert,) = await events("call-1", phases.LLM_FALLBACK)
    assert alert["reason"] == reason


async def test_a_busy_server_is_asked_again_when_it_says(llm, model, settings):
    settings.LLM_TIMEOUT_SECONDS = 5
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=1), usegmt=True)
    model.script.extend([Act(status=429, headers={"Retry-After": "1"}), Act(status=429, headers={"Retry-After": soon})])

    started = time.monotonic()
    reply = await llm.chat("call-1")

    assert reply.text == "Hello there."
    assert 1.0 <= time.monotonic() - started < 3
    assert len(model.seen) == 3


async def test_a_busy_server_that_does_not_say_is_asked_again_soon(llm, model):
    model.script.append(Act(status=429))

    assert (await llm.chat("call-1")).text == "Hello there."


@pytest.mark.parametrize(
    ("value", "attempt", "seconds"),
    [("3", 0, 3), (" 0 ", 0, 0), ("", 0, 0.5), ("", 9, 4), ("soon", 1, 1), ("-1", 0, 0.5), ("9" * 50, 0, 999_999_999)],
)
def test_retry_after(value, attempt, seconds):
    assert retry_after(value, attempt) == seconds


async def test_a_turn_as_such_does_not_have_the_call_folded_a_fallback_does(llm, model, touched):
    await llm.chat("call-1")
    await events("call-1", LLM_TURN)
    assert touched == []

    model.script.append(Act(status=500))
    await llm.chat("call-1")
    await events("call-1", LLM_TURN, 2)
    assert set(touched) == {call_pk("call-1")}


async def test_turns_are_kept_and_a_fallback_is_an_alert_on_the_board(llm, model):
    model.script.extend([Act(words=["We have ", "three."]), Act(status=500)])
    await llm.chat("call-1", customer={"number": "+13125550142"})
    await llm.chat("call-1")
    answered, failed = await events("call-1", LLM_TURN, 2)

    await in_database(projection.project, call_pk("call-1"))
    call = await in_database(Call.objects.get, vapi_id="call-1")

    assert (answered["text"], answered["interrupted"], answered["finishReason"]) == ("We have three.", False, "stop")
    assert (failed["text"], answered["stage"]) == (FALLBACK, "QUALIFICATION")
    assert [alert["code"] for alert in call.alerts] == ["llm_fallback"]
    assert (call.customer_number, call.phase) == ("+13125550142", "INITIALIZING")


async def test_without_a_call_nothing_is_written(llm, model):
    model.script.append(Act(status=500))

    reply = await llm.chat(None)

    assert reply.text == FALLBACK
    assert await in_database(Call.objects.count) == 0


async def test_what_broke_is_not_told_to_the_caller_or_written_down(llm, model, caplog):
    model.script.append(Act(status=500))

    reply: Reply = await llm.chat("call-1", "My secret wish")

    assert b"HTTP" not in reply.body
    assert "secret wish" not in caplog.text
