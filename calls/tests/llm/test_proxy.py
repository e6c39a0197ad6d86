"""Answers: streamed and whole, with the call's prompt in front, cleaned, and with tool calls as the model made them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import time_machine

from calls.llm.proxy import close_proxy, proxy
from calls.models import Call, ToolCall, call_pk
from calls.stages import stage_store
from calls.tests.llm.client import assistant, call_of, result_of, user
from calls.tests.llm.model_server import Act
from calls.tests.webhook.client import in_database
from calls.webhook.door import door

TOOL = {
    "type": "function",
    "function": {"name": "get_availability", "parameters": {"type": "object", "properties": {}}},
}


async def test_a_streamed_answer_has_openai_s_shape(llm, model):
    reply = await llm.chat("call-1", "Hello?")

    first, *_, last = reply.events
    assert (reply.status, reply.text, reply.finish) == (200, "Hello there.", "stop")
    assert reply.headers[b"content-type"].startswith(b"text/event-stream")
    assert first["object"] == "chat.completion.chunk"
    assert first["choices"][0]["delta"]["role"] == "assistant"
    assert last["choices"] == [{"index": 0, "delta": {}, "finish_reason": "stop"}]
    assert len({(event["id"], event["created"], event["model"]) for event in reply.events}) == 1


async def test_a_whole_answer_is_one_completion(llm, model):
    usage = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
    model.script.append(Act(words=("Assistant: ", "Hello", " there."), usage=usage))

    reply = await llm.chat("call-1", "Hello?", stream=False)

    assert reply.status == 200
    completion = reply.json()
    assert completion["object"] == "chat.completion"
    assert completion["usage"] == usage
    (choice,) = completion["choices"]
    assert choice["message"] == {"role": "assistant", "content": "Hello there."}
    assert choice["finish_reason"] == "stop"
    assert model.seen[0].body["stream"] is True


async def test_without_stream_the_answer_is_whole(llm, model):
    reply = await llm.post({"messages": [user("Hello?")], "call": {"id": "call-1"}})

    assert reply.json()["choices"][0]["message"]["content"] == "Hello there."


async def test_usage_is_sent_to_those_who_ask(llm, model):
    usage = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
    model.script.extend([Act(usage=usage), Act(usage=usage)])

    asked = await llm.chat("call-1", stream_options={"include_usage": True})
    not_asked = await llm.chat("call-1")

    assert [event["usage"] for event in asked.events if "usage" in event] == [usage]
    assert all("usage" not in event for event in not_asked.events)


async def test_the_configured_model_answers_whatever_is_asked_for_with_its_key_and_known_options(llm, model, settings):
    settings.LLM_MODEL, settings.LLM_API_KEY = "our-model", "our-key"

    await llm.chat(
        "call-1",
        "Hi",
        temperature=0.5,
        max_tokens=250,
        credentials=[{"apiKey": "k"}],
        metadata={"a": 1},
        tools=[TOOL],
        top_p="much",
        phoneNumber={"number": "+1"},
        n=3,
    )

    (seen,) = model.seen
    assert seen.path == "/v1/chat/completions"
    assert seen.headers["authorization"] == "Bearer our-key"
    body = dict(seen.body)
    assert body.pop("messages")[1:] == [user("Hi")]
    assert body == {"model": "our-model", "stream": True, "temperature": 0.5, "max_tokens": 250, "tools": [TOOL]}


async def test_tool_call_deltas_pass_through_intact(llm, model):
    deltas = [
        [{"index": 0, "id": "call_9", "type": "function", "function": {"name": "get_availability", "arguments": ""}}],
        [{"index": 0, "function": {"arguments": '{"day": "User: '}}],
        [{"index": 0, "function": {"arguments": 'Tuesday"}'}}],
        [{"index": 1, "id": "call_10", "type": "function", "function": {"name": "endCall", "arguments": "{}"}}],
    ]
    model.script.extend([Act(words=["One moment."], calls=deltas, finish="tool_calls")] * 2)

    streamed = await llm.chat("call-1", "When?", tools=[TOOL])
    whole = await llm.chat("call-1", "When?", tools=[TOOL], stream=False)

    assert streamed.calls == deltas
    assert (streamed.text, streamed.finish) == ("One moment.", "tool_calls")
    assert whole.json()["choices"][0]["message"]["tool_calls"] == [
        call_of("get_availability", "call_9", '{"day": "User: Tuesday"}'),
        call_of("endCall", "call_10"),
    ]


async def test_a_tool_call_without_words_is_an_answer(llm, model):
    model.script.append(Act(words=(), calls=[[{"index": 0, **call_of("endCall", "c")}]], finish="tool_calls"))

    reply = await llm.chat("call-1", "Bye")

    assert (reply.text, reply.finish, len(reply.calls)) == ("", "tool_calls", 1)


@time_machine.travel(datetime(2026, 6, 2, 3, 30, tzinfo=UTC), tick=True)
async def test_the_stage_s_prompt_and_the_day_replace_vapi_s_copy(llm, model):
    copy = {"role": "system", "content": "Vapi's stale copy"}
    whisper = {"role": "system", "content": "Offer the garden flat."}

    await llm.chat("call-1", messages=[copy, copy, assistant("Hello!"), user("Hi"), whisper, user("And?")])

    (seen,) = model.seen
    assert "find out what the caller is looking for" in seen.system
    # It is still Monday in Chicago.
    assert "Today is Monday 1 June 2026" in seen.system
    assert seen.conversation == [assistant("Hello!"), user("Hi"), whisper, user("And?")]
    assert "stale copy" not in str(seen.body)


async def test_the_prompt_follows_the_stage_in_mid_call(llm, model):
    store, call_id = stage_store(), call_pk("call-1")
    await llm.chat("call-1")
    await store.advance(call_id, "BOOKING", {"budget": 1850, "timeline": "in May"}, fingerprint=b"1")
    await llm.chat("call-1")
    await store.advance(call_id, "CONFIRMATION", {"selected_time": "Tuesday at 3"}, fingerprint=b"2")
    await llm.chat("call-1")

    one, two, three = (seen.system for seen in model.seen)
    assert "find out what the caller is looking for" in one
    assert "The caller's budget is $1,850 a month, the timeline: in May" in two
    assert "Read back the day and time (Tuesday at 3)" in three


async def test_a_lost_state_is_read_from_postgresql(llm, model):
    await llm.chat("call-1")
    await in_database(Call.objects.get_or_create, pk=call_pk("call-1"), vapi_id="call-1")
    await in_database(
        ToolCall.objects.create,
        call_id=call_pk("call-1"),
        tool_call_id="t",
        fingerprint="0" * 32,
        name="update_system_prompt",
        stage="BOOKING",
        facts={"budget": 1700, "timeline": "soon"},
    )
    # As after a restart: nothing is remembered in the process.
    await close_proxy()

    await llm.chat("call-1")

    assert "$1,700" in model.seen[-1].system


async def test_the_times_offered_last_go_with_the_prompt(llm, model):
    store, call_id = stage_store(), call_pk("call-1")
    await in_database(Call.objects.get_or_create, pk=call_id, vapi_id="call-1")
    await llm.chat("call-1")
    for number, said in enumerate(["Monday (slot AAAAA-1)", "Tuesday at 3 PM (slot BBBBB-2)"]):
        await store.advance(call_id, None, {}, fingerprint=b"%d" % number)
        await in_database(
            ToolCall.objects.create,
            call_id=call_id,
            tool_call_id=f"t{number}",
            fingerprint=f"{number}" * 32,
            name="get_availability",
            answer=said,
        )
        await llm.chat("call-1")

    assert "(slot" not in model.seen[0].system
    assert "AAAAA-1" in model.seen[1].system
    assert "BBBBB-2" in model.seen[2].system
    assert "AAAAA-1" not in model.seen[2].system


async def test_a_store_that_is_away_does_not_silence_the_call(llm, model, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    reply = await llm.chat("call-1")

    assert reply.text == "Hello there."
    assert "find out what the caller is looking for" in model.seen[0].system


async def test_leaks_are_removed_while_streaming_however_the_bytes_are_cut(llm, model):
    leaky = ["System: You are", " secret.\nAssi", "stant: Hel", "lo.\n", "Hello.\n", "Bye."]
    for slice_bytes in (0, 1, 3, 50):
        model.script.append(Act(words=leaky, slice_bytes=slice_bytes))

    assert [(await llm.chat("call-1")).text for _ in range(4)] == ["Hello.\nBye."] * 4


async def test_the_prompt_itself_is_not_read_out(llm, model):
    model.answer = lambda body: Act(words=[*body["messages"][0]["content"][:300], "\nHow can I help?"])

    reply = await llm.chat("call-1")

    assert "leasing office" not in reply.text
    assert reply.text.endswith("How can I help?")


async def test_a_server_that_does_not_stream_is_understood(llm, model):
    model.script.append(Act(words=["In one piece."], whole=True))

    assert (await llm.chat("call-1")).text == "In one piece."


async def test_a_body_without_a_length_ends_with_its_connection(llm, model):
    model.script.append(Act(length=False))

    assert (await llm.chat("call-1")).text == "Hello there."


async def test_connections_are_used_again(llm, model):
    for _ in range(5):
        await llm.chat("call-1")

    assert {seen.connection for seen in model.seen} == {1}


async def test_a_connection_the_server_closed_meanwhile_is_replaced(llm, model, settings):
    await llm.chat("call-1")
    port = model.port
    await model.stop()
    await model.start(port)

    assert (await llm.chat("call-1")).text == "Hello there."


async def test_ollama_s_own_dialect(llm, ollama):
    asked = [{"function": {"name": "get_availability", "arguments": {"day": "Tuesday"}}}]
    ollama.script.extend([Act(words=["One ", "moment."], calls=[asked]), Act()])
    history = [user("When?"), assistant(None, call_of("get_availability", "c1", '{"a": 1}')), result_of("c1", "At 3.")]

    called = {"name": "get_availability"}
    tools = await llm.chat("call-1", messages=history, tools=[TOOL], max_tokens=9, temperature=0.1)
    whole = await llm.chat("call-1", stream=False)

    seen = ollama.seen[0]
    assert seen.path == "/api/chat"
    assert seen.body["options"] == {"num_predict": 9, "temperature": 0.1}
    assert seen.conversation == [
        user("When?"),
        {"role": "assistant", "content": "", "tool_calls": [{"function": {**called, "arguments": {"a": 1}}}]},
        {"role": "tool", "content": "At 3.", "tool_name": "get_availability"},
    ]
    (((call,),), text, finish) = tools.calls, tools.text, tools.finish
    assert (text, finish) == ("One moment.", "tool_calls")
    assert call["function"] == {"name": "get_availability", "arguments": '{"day":"Tuesday"}'}
    assert (call["index"], call["type"], bool(call["id"])) == (0, "function", True)
    assert whole.json()["usage"] == {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/api", "http://127.0.0.1:9/api/"])
async def test_the_dialect_follows_the_address(llm, settings, url):
    settings.LLM_URL = url
    assert proxy().dialect.path == "/chat"
    assert door() is not None
