"""Deliveries in, answers and rows out, on the real stores."""

from __future__ import annotations

import asyncio
import json
import threading
import time

import pytest
from django.db import connection

from calls.models import Call, ToolCall, WebhookEvent, call_pk
from calls.stages import Outcome, stage_metrics, stage_store
from calls.tests.webhook.client import PAYLOADS, SIGNED, envelope, in_database, new_call, tool_call
from calls.tools import Answer
from calls.webhook import app, asks, tools
from calls.webhook.door import door
from calls.webhook.inbox import StoreDown
from crm.models import Task

FIXTURES = sorted(path.name for path in PAYLOADS.glob("*--*.json"))


def ledger() -> tuple[int, int, int]:
    return Call.objects.count(), WebhookEvent.objects.count(), ToolCall.objects.count()


@pytest.mark.parametrize("name", FIXTURES)
async def test_every_documented_body_is_answered_and_its_repetition_changes_nothing(client, name):
    body = (PAYLOADS / name).read_bytes()
    first = await client.send(body)
    rows = await in_database(ledger)
    again = await client.send(body)

    assert (first.status, again.status) == (200, 200)
    assert again.body == first.body
    assert await in_database(ledger) == rows
    has_call = b'"call"' in body and b'"id"' in body
    assert rows[:2] == ((1, 1) if has_call and b'"call_id"' not in body else (0, 0))


async def test_a_message_is_stored_as_received_without_secrets(client):
    call = new_call()
    await client.message(
        "hang", call, timestamp=1731157911127, phoneNumber={"number": "+1999", "twilioAuthToken": "abc"}
    )

    event = await in_database(WebhookEvent.objects.get)
    assert (event.call_id, event.type, event.at.isoformat()) == (
        call_pk(call),
        "hang",
        "2024-11-09T13:11:51.127000+00:00",
    )
    stored = json.loads(bytes(event.body))
    assert stored["message"]["phoneNumber"] == {"number": "+1999", "twilioAuthToken": "[redacted]"}
    assert (await in_database(Call.objects.get)).customer_number == "+13125550142"


async def test_the_projection_is_told_of_each_committed_call(client, touched):
    call = new_call()
    await client.message("hang", call)
    await client.message("hang", None)

    assert touched == [call_pk(call)]


@pytest.mark.parametrize("kind", ["zzz", "x" * 500, "", None, "Ünïcödé \u2603"])
async def test_an_unknown_type_is_stored_and_answered(client, kind):
    reply = await client.message(kind, new_call())

    assert (reply.status, reply.json()) == (200, {})
    assert await in_database(ledger) == (1, 1, 0)


@pytest.mark.parametrize(
    "headers",
    [(), ((b"x-vapi-secret", b""),), ((b"x-vapi-secret", b"wrong"),), ((b"authorization", b"Bearer wrong"),)],
)
async def test_forged_is_401_and_touches_no_store(client, headers):
    reply = await client.send({"message": envelope("hang", new_call())}, headers=headers)

    assert reply.status == 401
    assert await in_database(ledger) == (0, 0, 0)


@pytest.mark.parametrize("body", [b"", b"{", b'{"message":', b"NaN", b'{"a": Infinity}', b"\xff\xfe", b"[" * 200_000])
async def test_not_json_is_400(client, body):
    assert (await client.send(body)).status == 400
    assert await in_database(ledger) == (0, 0, 0)


async def test_too_large_is_413_by_its_length_and_by_what_comes(client):
    large = b'"' + b"x" * app.MAX_BODY_BYTES + b'"'
    announced = (*SIGNED, (b"content-length", str(len(large)).encode()))

    assert (await client.send(b"", headers=announced)).status == 413
    assert (await client.send(large)).status == 413
    assert (await client.send(large, chunks=9)).status == 413
    assert (await client.send(b'"' + b"x" * (app.MAX_BODY_BYTES - 2) + b'"', chunks=9)).status == 200


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD", "OPTIONS"])
async def test_another_method_is_405(client, method):
    reply = await client.send(b"", method=method)

    assert (reply.status, reply.headers[b"allow"]) == (405, b"POST")


async def test_nothing_configured_is_503(client, settings):
    settings.VAPI_WEBHOOK_SECRET = settings.VAPI_HMAC_SECRET = ""

    assert (await client.send({}, headers=((b"x-vapi-secret", b""),))).status == 503


@pytest.mark.parametrize(
    "text",
    [
        "null",
        "[]",
        '"x"',
        "{}",
        "5",
        "true",
        '{"message":null}',
        '{"message":[]}',
        '{"message":{}}',
        '{"message":{"type":5}}',
        '{"message":{"type":"tool-calls"}}',
        '{"message":{"type":"status-update","call":{}}}',
        '{"a":' * 50000 + "1" + "}" * 50000,
        '{"message":{"type":"hang","call":{"id":null}}}',
        "[" * 100_000 + "]" * 100_000,
        '{"message":{"x":1e400}}',
    ],
    ids=lambda text: text[:40],
)
async def test_whatever_json_arrives_is_200_and_without_a_call_creates_nothing(client, text):
    assert (await client.send(text.encode())).status == 200
    assert await in_database(ledger) == (0, 0, 0)


@pytest.mark.parametrize(
    "fields",
    [
        '"type":"x\\u0000\\ud800"',
        '"type":"transcript","transcript":"' + "x" * 5_000_000 + '"',
        '"type":"a","type":"b"',
        '"type":"status-update","status":{"a":1}',
        '"type":"status-update","timestamp":1e400',
        '"deep":' + "[" * 100_000 + "]" * 100_000,
        '"type":"status-update","timestamp":99999999999999999999999999',
        '"type":"speech-update","turn":"2"',
        '"type":"transcript","transcript":"\\u0000\\udfff \\ud83d\\ude00"',
        '"type":"end-of-call-report","cost":"0.12","artifact":"none"',
        '"type":"tool-calls","toolCallList":{"id":"a","name":"nope\\u0000"}',
        '"type":"hang","timestamp":"1731157911127"',
    ],
    ids=lambda text: text[:40],
)
async def test_bad_input_with_a_call_is_stored(client, fields):
    body = ('{"message":{' + fields + ',"call":{"id":"c\\u0000-1"}}}').encode()
    first, again = await client.send(body), await client.send(body)

    assert (first.status, again.status, first.body == again.body) == (200, 200, True)
    assert (await in_database(ledger))[:2] == (1, 1)
    event = await in_database(WebhookEvent.objects.get)
    assert json.loads(bytes(event.body))
    assert (await in_database(Call.objects.get)).vapi_id == "c-1"


async def test_a_clock_that_is_wrong_moves_nothing_out_of_range(client):
    call = new_call()
    for at in (0, 1, 4_102_444_800_000_000, "yesterday", -1):
        assert (await client.message("hang", call, timestamp=at)).status == 200

    years = {event.at.year for event in await in_database(lambda: list(WebhookEvent.objects.all()))}
    assert years == {time.gmtime().tm_year}


@pytest.mark.parametrize("kind", ["hang", "tool-calls", "assistant-request"])
async def test_not_stored_is_503_and_never_a_lie(client, monkeypatch, kind):
    def refuse(event, tools=(), **kept):
        refused = asyncio.get_running_loop().create_future()
        refused.set_exception(StoreDown("PostgreSQL is out of reach"))
        return refused

    monkeypatch.setattr(door().inbox, "commit", refuse)
    calls = [tool_call("update_system_prompt", {"new_state": "BOOKING"})]
    reply = await client.message(kind, new_call(), toolCallList=calls)

    assert (reply.status, reply.headers[b"retry-after"]) == (503, b"1")


# --- the stage tool


async def test_stages_move_and_the_answer_tells_how_to_go_on(client):
    call = new_call()
    reply = await client.stage(call, "booking ", {"budget": "$1,800 a month", "timeline": "3 months"}, key="t1")

    (result,) = reply.json()["results"]
    assert result["result"].startswith(
        "The stage is now BOOKING. Known so far: budget $1,800 a month, timeline 3 months."
    )
    assert (result["toolCallId"], result["name"], "\n" in result["result"]) == ("t1", "update_system_prompt", False)
    (prompt,) = result["assistantOverride"]["model"]["messages"]
    assert prompt["role"] == "system"
    assert "$1,800 a month" in prompt["content"]
    row = await in_database(ToolCall.objects.get)
    assert (row.stage, row.facts, row.code) == ("BOOKING", {"budget": 1800, "timeline": "3 months"}, "")
    assert row.arguments == {"new_state": "booking ", "context": {"budget": "$1,800 a month", "timeline": "3 months"}}


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"new_state": "CONFIRMATION"}, "stage_order"),
        ({"new_state": "NOPE"}, "unknown_stage"),
        ({"new_state": 5}, "unknown_stage"),
        ({}, "bad_arguments"),
        ("{bad", "bad_arguments"),
        ([1], "bad_arguments"),
    ],
)
async def test_refusals_are_sentences_and_change_nothing(client, arguments, code):
    call, before = new_call(), stage_metrics.failures
    reply = await client.tool(call, "update_system_prompt", arguments)

    assert (reply.status, reply.result.startswith(f"[{code}] ")) == (200, True)
    assert "assistantOverride" not in reply.json()["results"][0]
    row = await in_database(ToolCall.objects.get)
    assert (row.code, row.stage, row.facts) == (code, "QUALIFICATION", {})
    assert stage_metrics.failures == before + 1


async def test_never_backwards(client):
    call = new_call()
    for stage in ("BOOKING", "CONFIRMATION"):
        await client.stage(call, stage)

    assert (await client.stage(call, "BOOKING")).result.startswith("[stage_order] The stage stays CONFIRMATION")


@pytest.mark.parametrize("context", ['{"budget": "1.8k"}', {"budget": 1800}, {"max_budget": "1800"}])
async def test_context_in_every_form(client, context):
    call = new_call()
    await client.stage(call, "BOOKING", context)

    assert (await in_database(ToolCall.objects.get)).facts == {"budget": 1800}


async def test_facts_beside_the_context_are_meant_too(client):
    await client.tool(new_call(), "update_system_prompt", {"new_state": "BOOKING", "budget": "1800", "stray": "x"})

    assert (await in_database(ToolCall.objects.get)).facts == {"budget": 1800}


async def test_a_long_context_stays_within_one_line_of_900_characters(client):
    context = {f"fact_{n}": "ä" * 200 for n in range(40)}
    reply = await client.stage(new_call(), "BOOKING", context)

    assert len(reply.result) <= 900
    assert "get_availability" in reply.result


async def test_the_same_id_with_other_arguments_is_another_call(client):
    call = new_call()
    await client.stage(call, "BOOKING", {"budget": 1}, key="t1")
    reply = await client.stage(call, "CONFIRMATION", key="t1")

    assert reply.result.startswith("The stage is now CONFIRMATION")
    assert await in_database(ToolCall.objects.count) == 2


async def test_a_repetition_gets_the_first_answer_byte_for_byte_whatever_happened_since(client):
    call = new_call()
    first = await client.stage(call, "BOOKING", {"budget": 1800}, key="t1")
    await client.stage(call, "CONFIRMATION", {"budget": 2500}, key="t2")
    again = await client.stage(call, "BOOKING", {"budget": 1800}, key="t1")

    assert again.body == first.body
    state = await stage_store().get(call_pk(call))
    assert (state.stage, state.context["budget"], state.count) == ("CONFIRMATION", 2500, 2)


async def test_the_same_tool_call_at_once_is_one(client):
    call, before = new_call(), stage_metrics.transitions
    replies = await asyncio.gather(*(client.stage(call, "BOOKING", {"budget": 1800}, key="t1") for _ in range(20)))

    assert len({reply.body for reply in replies}) == 1
    assert await in_database(ledger) == (1, 1, 1)
    assert stage_metrics.transitions > before


async def test_concurrent_contradictory_tool_calls_are_each_answered_and_leave_one_state(client):
    call = new_call()
    wanted = ["BOOKING", "QUALIFICATION", "CONFIRMATION", "NOPE"] * 8
    replies = await asyncio.gather(*(client.stage(call, stage, {"floor": n}) for n, stage in enumerate(wanted)))

    assert {reply.status for reply in replies} == {200}
    rows = await in_database(lambda: list(ToolCall.objects.order_by("pk").values_list("stage", "facts", "code")))
    state = await stage_store().get(call_pk(call))
    assert (len(rows), state.count) == (32, 32)
    assert state.stage == max((row[0] for row in rows), key=["QUALIFICATION", "BOOKING", "CONFIRMATION"].index)
    assert all((code == "") == bool(facts) for _, facts, code in rows)


async def test_after_the_end_a_stage_change_is_answered_and_changes_nothing(client):
    call = new_call()
    await client.stage(call, "BOOKING", {"budget": 1})
    await client.message("status-update", call, status="ended", endedReason="customer-ended-call")
    reply = await client.stage(call, "CONFIRMATION", {"budget": 2})

    assert reply.result == "This call is over, so nothing was changed. Its stage was BOOKING."
    row = await in_database(lambda: ToolCall.objects.latest("pk"))
    assert (row.stage, row.facts) == ("BOOKING", {})


# --- lost stage state


async def test_a_lost_state_is_rebuilt_before_the_next_answer(client, caplog):
    call = new_call()
    await client.stage(call, "BOOKING", {"budget": 1800})
    await stage_store().forget(call_pk(call))
    reply = await client.stage(call, "CONFIRMATION", {"selected_time": "Tuesday 3 PM"})

    assert reply.result.startswith("The stage is now CONFIRMATION. Known so far: budget $1,800 a month, chosen time")
    assert "was rebuilt from 1 tool calls" in caplog.text
    assert await in_database(ToolCall.objects.count) == 2


async def test_a_lost_state_refuses_going_back(client):
    call = new_call()
    await client.stage(call, "BOOKING")
    await client.stage(call, "CONFIRMATION")
    await stage_store().forget(call_pk(call))

    assert (await client.stage(call, "BOOKING")).result.startswith("[stage_order] The stage stays CONFIRMATION")


async def test_a_repetition_after_the_loss_restores_the_state_too(client):
    call = new_call()
    first = await client.stage(call, "BOOKING", {"budget": 1800}, key="t1")
    await stage_store().forget(call_pk(call))
    again = await client.stage(call, "BOOKING", {"budget": 1800}, key="t1")
    after = await client.stage(call, "CONFIRMATION")

    assert again.body == first.body
    assert after.result.startswith("The stage is now CONFIRMATION. Known so far: budget $1,800")


async def test_a_burst_on_a_lost_state_ends_where_postgresql_says(client):
    call = new_call()
    await client.stage(call, "BOOKING", {"budget": 1800})
    await client.stage(call, "BOOKING", {"timeline": "now"})
    await stage_store().forget(call_pk(call))
    replies = await asyncio.gather(*(client.stage(call, "BOOKING", {"floor": n}) for n in range(10)))

    assert all(reply.result.startswith("The stage is now BOOKING. Known so far: budget $1,800") for reply in replies)
    state = await stage_store().get(call_pk(call))
    assert (state.stage, state.context["budget"], state.context["timeline"]) == ("BOOKING", 1800, "now")


async def test_a_reported_call_is_over_even_when_its_state_was_lost(client):
    call = new_call()
    await client.stage(call, "BOOKING")
    await client.message("end-of-call-report", call, endedReason="customer-ended-call")
    await stage_store().forget(call_pk(call))

    assert (await client.stage(call, "CONFIRMATION")).result.startswith("This call is over")


# --- other tools


@pytest.fixture
def tool(monkeypatch):
    """Make every tool the given function of (name, arguments, caller)."""

    def install(function):
        monkeypatch.setattr(tools, "run_tool", function)

    return install


async def test_a_tool_knows_the_caller_and_what_the_call_has_learnt(client, tool):
    seen = []
    tool(lambda name, arguments, caller: seen.append((name, arguments, caller)) or Answer("Done.", {"pets": True}))
    call = new_call()
    await client.stage(call, "BOOKING", {"budget": 1800, "email": "jane@example.com"})
    reply = await client.tool(call, "save_lead", {"pets": True, "phone": "+15550000000"})

    ((name, arguments, caller),) = seen
    assert (name, arguments["phone"], caller.number) == ("save_lead", "+15550000000", "+13125550142")
    assert (caller.call_id, caller.vapi_id, caller.email) == (call_pk(call), call, "jane@example.com")
    assert caller.context == {"budget": 1800, "email": "jane@example.com"}
    assert reply.result == "Done."
    row = await in_database(lambda: ToolCall.objects.latest("pk"))
    assert (row.answer, row.facts, row.stage, row.duration_ms > 0) == ("Done.", {"pets": "yes"}, "BOOKING", True)
    assert (await stage_store().get(call_pk(call))).context["pets"] == "yes"


async def test_a_repeated_tool_call_runs_once(client, tool):
    runs = []
    tool(lambda name, arguments, caller: runs.append(1) or Answer(f"Answer {len(runs)}"))
    call = new_call()
    replies = [await client.tool(call, "save_lead", {"a": 1}, key="t1") for _ in range(3)]

    assert [reply.result for reply in replies] == ["Answer 1"] * 3
    assert len(runs) == 1


async def test_a_twin_at_the_same_time_waits_for_the_first_answer(client, tool):
    runs = []

    def slow(name, arguments, caller):
        runs.append(1)
        time.sleep(0.3)
        return Answer(f"Answer {len(runs)}")

    tool(slow)
    call = new_call()
    replies = await asyncio.gather(*(client.tool(call, "save_lead", {"a": 1}, key="t1") for _ in range(4)))

    assert [reply.result for reply in replies] == ["Answer 1"] * 4
    assert len(runs) == 1


async def test_two_tool_calls_in_one_message_are_both_answered_in_order(client, tool):
    tool(lambda name, arguments, caller: Answer(f"{name} of {caller.context}"))
    calls = [
        tool_call("update_system_prompt", {"new_state": "BOOKING", "context": {"budget": 1800}}, key="a"),
        tool_call("get_availability", {}, key="b"),
        tool_call("save_lead", "{bad", key="c"),
    ]
    reply = await client.message("tool-calls", new_call(), toolCallList=calls, toolCalls=calls[:1])

    results = reply.json()["results"]
    assert [(r["toolCallId"], r["name"]) for r in results] == [
        ("a", "update_system_prompt"),
        ("b", "get_availability"),
        ("c", "save_lead"),
    ]
    assert results[1]["result"] == "get_availability of {'budget': 1800}"
    assert results[2]["result"].startswith("[bad_arguments]")
    assert await in_database(ledger) == (1, 1, 3)


async def test_the_legacy_function_call_finds_its_result_where_it_looks(client, tool):
    tool(lambda name, arguments, caller: Answer(f"Hello {arguments['who']}"))
    function = {"name": "greet", "parameters": {"who": "Jane"}}
    reply = await client.message("function-call", new_call(), functionCall=function)

    assert reply.json()["result"] == "Hello Jane"
    assert len(reply.json()["results"]) == 1


async def test_a_tool_that_fails_apologises_and_undoes_what_it_did(client, tool):
    def failing(name, arguments, caller):
        Call.objects.filter(pk=caller.call_id).update(summary="half done")
        raise RuntimeError("a bug")

    tool(failing)
    call = new_call()
    first = await client.tool(call, "save_lead", {}, key="t1")
    again = await client.tool(call, "save_lead", {}, key="t1")

    assert first.result == again.result == tools.FAILED.answer
    assert (await in_database(ToolCall.objects.get)).code == "failed"
    assert (await in_database(Call.objects.get)).summary == ""
    assert await in_database(lambda: list(Task.objects.values_list("kind", flat=True))) == ["callback"]


async def test_a_tool_that_takes_too_long_apologises_in_time_and_commits_nothing_late(client, tool, monkeypatch):
    monkeypatch.setattr(tools, "BUDGET_SECONDS", 0.3)
    finished = threading.Event()

    def stuck(name, arguments, caller):
        Call.objects.filter(pk=caller.call_id).update(summary="too late")
        time.sleep(1.0)
        finished.set()
        return Answer("Booked!")

    tool(stuck)
    call = new_call()
    started = time.monotonic()
    reply = await client.tool(call, "set_appointment", {}, key="t1")
    waited = time.monotonic() - started

    assert reply.result == tools.FAILED.answer
    assert waited < 0.9
    assert await asyncio.to_thread(finished.wait, 5)
    for _ in range(50):
        row = await in_database(ToolCall.objects.first)
        if row is not None:
            break
        await asyncio.sleep(0.1)
    assert (row.answer, row.code) == (tools.FAILED.answer, "failed")
    assert (await in_database(Call.objects.get)).summary == ""
    assert (await client.tool(call, "set_appointment", {}, key="t1")).result == tools.FAILED.answer


async def test_a_query_that_waits_for_a_lock_is_given_up_in_time(client, tool, monkeypatch):
    monkeypatch.setattr(tools, "BUDGET_SECONDS", 0.3)

    def sleepy(name, arguments, caller):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(5)")
        return Answer("Never")

    tool(sleepy)
    started = time.monotonic()
    reply = await client.tool(new_call(), "save_lead", {})

    assert reply.result == tools.FAILED.answer
    assert time.monotonic() - started < 2


async def test_a_lost_state_is_rebuilt_by_another_tool_too(client, tool):
    tool(lambda name, arguments, caller: Answer(f"{caller.context}"))
    call = new_call()
    await client.stage(call, "BOOKING", {"budget": 1800})
    await stage_store().forget(call_pk(call))
    reply = await client.tool(call, "get_availability", {})
    after = await client.stage(call, "CONFIRMATION")

    assert reply.result == "{'budget': 1800}"
    assert after.result.startswith("The stage is now CONFIRMATION. Known so far: budget")


async def test_a_tool_call_without_a_call_is_answered_and_creates_nothing(client):
    replies = [
        await client.message("tool-calls", None, toolCallList=[tool_call(name, {})])
        for name in ("update_system_prompt", "nope", "save_lead", "search_rentals")
    ]
    codes = [reply.result.partition("]")[0] for reply in replies]

    assert codes[:3] == ["[failed", "[unknown_tool", "[failed"]
    assert await in_database(ledger) == (0, 0, 0)


# --- other questions


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        ("knowledge-base-request", {"documents": []}),
        ("call.endpointing.request", {"timeoutSeconds": 0.5}),
        ("campaign.predial", {"eligible": True}),
    ],
)
async def test_questions_with_one_answer(client, kind, answer):
    assert (await client.message(kind, new_call())).json() == answer


@pytest.mark.parametrize("kind", ["transfer-destination-request", "handoff-destination-request"])
async def test_nobody_to_transfer_to_is_said(client, kind):
    assert isinstance((await client.message(kind, new_call())).json()["error"], str)


async def test_an_inbound_call_gets_an_assistant(client):
    answer = (await client.message("assistant-request", new_call())).json()

    assert "assistant" in answer or "assistantId" in answer


async def test_an_assistant_comes_even_when_looking_it_up_fails_or_takes_too_long(client, monkeypatch):
    def stuck(message):
        time.sleep(0.5)

    monkeypatch.setattr(asks, "_ASSISTANT_SECONDS", 0.1)
    monkeypatch.setattr(asks.assistants, "answer_assistant_request", stuck)

    assert "assistant" in (await client.message("assistant-request", new_call())).json()


async def test_metrics_count_transitions(client):
    before = stage_metrics.transitions
    await client.stage(new_call(), "BOOKING")

    assert stage_metrics.transitions == before + 1
    names = {metric.name for metric in await in_database(lambda: list(stage_metrics.collect()))}
    assert {"transitions", "transition_failures", "active_calls"} <= names


async def test_the_outcome_of_each_request_is_known_to_the_store(client):
    result = await stage_store().advance(call_pk(new_call()), "BOOKING", {}, fingerprint=b"x")

    assert result.outcome is Outcome.MOVED
