"""The simulator by itself: what it sends, how it reads answers, what it makes of bad ones."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import httpx
import pytest
from django.core.management import CommandError, call_command

from calls.demo.assistants import PERSONAS
from calls.management.commands.simulate_calls import webhook_url
from calls.simulator import endless, report
from calls.simulator.clock import Clock
from calls.simulator.meeting import Meeting
from calls.simulator.people import PEOPLE, person
from calls.simulator.reading import complaints, homes, read
from calls.simulator.runner import Result, Runner, casts, limited
from calls.simulator.scenarios import STORIES
from calls.simulator.shapes import SHAPES_OF_ONE
from calls.simulator.wire import SecretRefusedError, ServerAwayError, Wire
from calls.webhook.shapes import tool_requests
from crm.phones import to_e164

OFFERS = (
    "I can offer Tuesday 24 November at 3 PM (slot 7K2MP-9QX3W), "
    "Wednesday 25 November at 10:30 AM (slot 7K2MP-9QX4X) or Thursday 26 November at 2 PM (slot 7K2MP-9QX5Z)."
)
ANSWERS = {
    "get_availability": OFFERS,
    "search_rentals": "I have 1452 N Milwaukee Ave, 2A for $1,795 a month; 1823 S Racine Ave, 3 for $1,890 a month.",
    "send_confirmation_email": "[bad_email] That address is not complete.",
}


class FakeWebhook:
    """Answers like a server whose every tool does as asked, and remembers what came."""

    def __init__(self, answers: dict[str, str] | None = None) -> None:
        self.answers = ANSWERS | (answers or {})
        self.bodies: list[dict[str, Any]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        message = json.loads(request.content)["message"]
        self.bodies.append(message)
        if message.get("type") == "assistant-request":
            return httpx.Response(200, json={"assistantId": "x"})
        requests = tool_requests(message)
        if not requests:
            return httpx.Response(200)
        results = [{"toolCallId": r.id, "name": r.name, "result": self.answers.get(r.name, "Done.")} for r in requests]
        return httpx.Response(200, json={"results": results})

    def tool_calls(self) -> list[tuple[str, str, Any]]:
        return [(r.id, r.name, r.arguments) for message in self.bodies for r in tool_requests(message)]


async def play(
    handler: Callable[[httpx.Request], httpx.Response], *, calls: int = 30, concurrency: int = 4, **runner: Any
) -> tuple[list[Result], Runner]:
    results: list[Result] = []
    async with httpx.AsyncClient(transport=httpx.MockTransport(handler)) as client:
        wire = Wire(client, "http://pete/vapi/webhook", "secret", retry_seconds=0)
        played = Runner(wire, **({"seed": "1", "run": "a", "speed": 0.0} | runner), on_result=results.append)
        await played.play_all(calls, concurrency)
    return sorted(results, key=lambda result: result.index), played


def test_reading_finds_offers_with_their_words_and_ids():
    answer = read(OFFERS)

    assert answer.ok
    assert [(offer.text, offer.slot_id) for offer in answer.offers] == [
        ("Tuesday 24 November at 3 PM", "7K2MP-9QX3W"),
        ("Wednesday 25 November at 10:30 AM", "7K2MP-9QX4X"),
        ("Thursday 26 November at 2 PM", "7K2MP-9QX5Z"),
    ]
    assert "slot" not in answer.said


def test_reading_a_refusal_finds_its_code_and_what_it_offers_instead():
    answer = read("[slot_taken] That time has just gone. I can offer Friday 27 November at 9 AM (slot AAAAA-BBBBB).")

    assert not answer.ok
    assert answer.code == "slot_taken"
    assert [offer.text for offer in answer.offers] == ["Friday 27 November at 9 AM"]
    assert answer.said == "That time has just gone. I can offer Friday 27 November at 9 AM."


def test_reading_finds_homes_with_their_units():
    assert homes(ANSWERS["search_rentals"]) == ["1452 N Milwaukee Ave, 2A", "1823 S Racine Ave, 3"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "empty"),
        ("two\nlines", "line break"),
        ("x" * 901, "901 characters long"),
        ("Hello {{name}}", "leaked braces"),
    ],
)
def test_complaints_name_what_vapi_would_stumble_over(text, complaint):
    assert complaints(text) == [complaint]
    assert complaints("Booked for Tuesday.") == []


@pytest.mark.parametrize("shape", SHAPES_OF_ONE, ids=lambda shape: shape.__name__)
def test_every_shape_carries_the_same_tool_call(shape):
    arguments = {"new_state": "BOOKING", "context": {"budget": "$1,800 a month", "nested": [1, {"a": None}]}}

    message = json.loads(json.dumps(shape([("call_1", "update_system_prompt", arguments)])))

    assert [(r.id, r.name, r.arguments) for r in tool_requests(message)] == [
        ("call_1", "update_system_prompt", arguments)
    ]


def test_people_have_numbers_of_their_own_and_keep_them():
    people = [person("1", index) for index in range(PEOPLE)]

    assert len({one.number for one in people}) == PEOPLE
    assert all(to_e164(one.number) == one.number and one.number[5:10] == "55501" for one in people)
    others = {one.number: one for one in (person("2", index) for index in range(PEOPLE))}
    assert all(others[one.number].name == one.name and others[one.number].email == one.email for one in people)


def test_a_deck_has_every_story_and_a_limit_is_kept_exactly():
    deck = [cast.story for cast, _ in zip(casts("1"), range(sum(story.share for story in STORIES)), strict=False)]
    assert {story.name for story in deck} == {story.name for story in STORIES}
    for calls in range(1, 40):
        assert sum(cast.story.calls for cast in limited("1", calls)) == calls
    indexes = [cast.first_call + number for cast in limited("1", 100) for number in range(cast.story.calls)]
    assert sorted(indexes) == list(range(100))


async def test_every_scenario_comes_to_its_end_and_is_reported_once():
    webhook = FakeWebhook()

    results, runner = await play(webhook)

    assert not runner.wire.tally.errors
    assert {result.scenario for result in results} == {story.name for story in STORIES}
    reports = Counter(
        (m["call"]["id"], m["timestamp"]) for m in webhook.bodies if m.get("type") == "end-of-call-report"
    )
    assert {call_id for call_id, _ in reports} == {result.call_id for result in results}
    assert len(reports) == len(results) == 30
    assert runner.live == set()


async def test_the_same_seed_and_run_make_the_same_tool_calls():
    first, second, other_run, other_seed = (FakeWebhook() for _ in range(4))

    await play(first, calls=14)
    await play(second, calls=14)
    await play(other_run, calls=14, run="b")
    await play(other_seed, calls=14, seed="2")

    assert sorted(map(repr, first.tool_calls())) == sorted(map(repr, second.tool_calls()))
    ids = {tool_call_id for tool_call_id, _, _ in first.tool_calls()}
    assert not ids & {tool_call_id for tool_call_id, _, _ in other_run.tool_calls()}
    assert sorted(repr(call[1:]) for call in first.tool_calls()) == sorted(
        repr(call[1:]) for call in other_run.tool_calls()
    )
    assert [call[1:] for call in first.tool_calls()] != [call[1:] for call in other_seed.tool_calls()]


async def test_calls_look_as_vapi_sends_them():
    webhook = FakeWebhook()
    await play(webhook)

    kinds = Counter(message.get("type") for message in webhook.bodies)
    for kind in ("speech-update", "transcript", "conversation-update", "model-output", "status-update", "hang"):
        assert kinds[kind]
    assert kinds["user-interrupted"]
    assert kinds['transcript[transcriptType="final"]']
    assert all(message["call"]["status"] == "queued" for message in webhook.bodies)
    known = [message for message in webhook.bodies if message.get("type") != "assistant-request"]
    assert all(message["call"]["assistantOverrides"]["metadata"]["simulated"] for message in known)
    partials = [m["transcript"] for m in webhook.bodies if m.get("transcriptType") == "partial"]
    assert any(later.startswith(earlier) and later != earlier for earlier, later in pairwise(partials))
    bodies = Counter(json.dumps(message, sort_keys=True) for message in webhook.bodies)
    assert max(bodies.values()) > 1, "some deliveries come twice"


async def test_a_refused_caller_asks_again_and_is_called_back_in_the_end():
    webhook = FakeWebhook({"set_appointment": "[slot_taken] That time has just gone."})

    results, _ = await play(webhook, calls=12)

    outcomes = Counter(result.outcome.kind for result in results)
    assert outcomes["booked"] == 0
    assert outcomes["callback"] >= 5


async def test_two_answers_to_one_tool_call_are_an_error():
    answers = iter(range(10_000))

    def forgetful(request: httpx.Request) -> httpx.Response:
        requests = tool_requests(json.loads(request.content)["message"])
        results = [{"toolCallId": r.id, "name": r.name, "result": f"Answer {next(answers)}"} for r in requests]
        return httpx.Response(200, json={"results": results})

    _, runner = await play(forgetful)

    assert any("the same tool call got two answers" in error for error in runner.wire.tally.errors)


@pytest.mark.parametrize(
    "reply",
    [
        {},
        {"results": []},
        {"results": [{"toolCallId": "other", "result": "x"}]},
        {"results": {"toolCallId": "x"}},
        {"results": [{"toolCallId": "x", "result": {"an": "object"}}]},
    ],
)
async def test_an_answer_that_vapi_could_not_use_is_an_error(reply):
    _, runner = await play(lambda request: httpx.Response(200, json=reply), calls=4)

    assert any("no result returned" in error for error in runner.wire.tally.errors)


async def test_a_server_error_is_sent_again_and_counted():
    webhook, failures = FakeWebhook(), iter([503, 500])

    def shaky(request: httpx.Request) -> httpx.Response:
        status = next(failures, None)
        return httpx.Response(status) if status else webhook(request)

    results, runner = await play(shaky, calls=1, concurrency=1)

    assert len(results) == 1
    assert runner.wire.tally.statuses[503] == runner.wire.tally.statuses[500] == 1
    assert runner.wire.tally.errors.total() == 2


async def test_a_refused_secret_ends_the_run():
    with pytest.RaisesGroup(SecretRefusedError, flatten_subgroups=True, allow_unwrapped=True):
        await play(lambda request: httpx.Response(401), concurrency=1)


async def test_a_server_that_is_away_ends_the_run():
    def away(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with pytest.RaisesGroup(ServerAwayError, flatten_subgroups=True, allow_unwrapped=True):
        await play(away, concurrency=1)


async def test_endless_calls_end_what_was_left_and_hang_up_when_stopped(monkeypatch):
    webhook = FakeWebhook()
    monkeypatch.setattr(endless, "_open_calls", lambda: [("left-over", PERSONAS[0].vapi_id)])
    monkeypatch.setattr(endless, "STAGGER_SECONDS", 0.1)
    async with httpx.AsyncClient(transport=httpx.MockTransport(webhook)) as client:
        runner = Runner(Wire(client, "http://pete/vapi/webhook", "secret"), "1", "a", speed=20.0)
        playing = asyncio.create_task(endless.play(runner, 3))
        await asyncio.sleep(0.6)
        live = {call.envelope.call_id for call in runner.live}
        playing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(playing, 1.5)

    ended = {m["call"]["id"]: m["endedReason"] for m in webhook.bodies if m.get("type") == "end-of-call-report"}
    assert len(live) == 3
    assert ended == dict.fromkeys({"left-over", *live}, endless.CUT_REASON)


async def test_endless_calls_wait_for_a_server_that_is_away(monkeypatch):
    webhook = FakeWebhook()
    answers = iter([False] * 4)
    monkeypatch.setattr(endless, "_open_calls", lambda: [("left-over", PERSONAS[0].vapi_id)])
    monkeypatch.setattr(endless, "AWAY_SECONDS", 0.01)

    def starting(request: httpx.Request) -> httpx.Response:
        if next(answers, True):
            return webhook(request)
        raise httpx.ConnectError("refused")

    async with httpx.AsyncClient(transport=httpx.MockTransport(starting)) as client:
        runner = Runner(Wire(client, "http://pete/vapi/webhook", "secret"), "1", "a", speed=100.0)
        playing = asyncio.create_task(endless.play(runner, 2))
        await asyncio.sleep(0.5)
        playing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await playing

    assert {m["call"]["id"] for m in webhook.bodies} > {"left-over"}


async def test_calls_that_broke_off_are_ended_once_the_server_is_back(monkeypatch):
    webhook = FakeWebhook()
    is_away = asyncio.Event()
    for name, value in (("_open_calls", list), ("AWAY_SECONDS", 0.01), ("STAGGER_SECONDS", 0.0)):
        monkeypatch.setattr(endless, name, value)

    def restarting(request: httpx.Request) -> httpx.Response:
        if is_away.is_set():
            raise httpx.ConnectError("refused")
        return webhook(request)

    async with httpx.AsyncClient(transport=httpx.MockTransport(restarting)) as client:
        runner = Runner(Wire(client, "http://pete/vapi/webhook", "secret"), "1", "a", speed=20.0)
        playing = asyncio.create_task(endless.play(runner, 3))
        await asyncio.sleep(0.5)
        begun = {message["call"]["id"] for message in webhook.bodies}
        is_away.set()
        await asyncio.sleep(0.5)
        is_away.clear()
        await asyncio.sleep(0.2)
        ended = {m["call"]["id"] for m in webhook.bodies if m.get("type") == "end-of-call-report"}
        playing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await playing

    assert len(begun) >= 3
    assert ended >= begun


async def test_two_callers_agree_on_the_first_time_both_may_have():
    meeting = Meeting()

    agreed = await asyncio.gather(meeting.agree(["a", "b", "c"]), meeting.agree(["c", "b"]))

    assert agreed == ["b", "b"]


async def test_a_clock_stamps_upwards_and_ends_about_now():
    clock = Clock(0)
    stamps = []
    for _ in range(5):
        stamps.append(clock.stamp())
        await clock.wait(0)
    assert stamps == sorted(set(stamps))

    started = clock.now
    await clock.wait(30)
    assert clock.now == pytest.approx(started + 30)
    assert asyncio.get_running_loop().time()


async def test_the_report_lists_calls_in_order_and_counts_outcomes():
    results, runner = await play(FakeWebhook(), calls=6)

    lines = list(report.lines(random.sample(results, 6), runner.wire.tally, 2.0))

    assert [line[:8] for line in lines[1:7]] == [result.call_id[:8] for result in results]
    assert any(line.startswith("6 calls: ") for line in lines)
    assert any("messages in 2.0 s" in line for line in lines)


def test_only_this_machine_is_called_unless_told_otherwise(settings):
    settings.HOST, settings.PORT, settings.PUBLIC_URL = "::", 8123, "https://pete.example.com"

    assert webhook_url("") == "http://127.0.0.1:8123/vapi/webhook"
    assert webhook_url("http://localhost:9/") == "http://localhost:9/vapi/webhook"
    assert webhook_url("http://localhost:9/vapi/state-webhook") == "http://localhost:9/vapi/state-webhook"
    with pytest.raises(CommandError, match="--url must look like"):
        webhook_url("pete")


def test_the_command_says_that_nothing_answers():
    with pytest.raises(CommandError, match="Is Pete running"):
        call_command("simulate_calls", calls=1, url="http://127.0.0.1:9")


@pytest.mark.parametrize("option", ["--calls=0", "--calls=x", "--concurrency=0", "--speed=-1", "--speed=fast"])
def test_the_command_refuses_nonsense(option):
    with pytest.raises(CommandError):
        call_command("simulate_calls", option)


def test_sixteen_personas_have_ids_and_numbers_of_their_own():
    assert len(PERSONAS) == len({p.vapi_id for p in PERSONAS}) == len({p.phone_number for p in PERSONAS}) == 16
