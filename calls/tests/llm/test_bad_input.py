"""Requests as nobody should send them: each has a defined answer, and none reaches the model in a shape it refuses."""

from __future__ import annotations

import json
import time

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from calls.llm.request import BadRequest, read_request
from calls.models import Call, call_pk
from calls.tests.llm.client import BEARER, user
from calls.tests.llm.model_server import Act
from calls.tests.webhook.client import SECRET, in_database
from calls.webhook.lenient import NotJson

CALL = {"call": {"id": "call-1"}}


def error(reply) -> tuple[int, str, str | None]:
    found = reply.json()["error"]
    assert set(found) == {"message", "type", "param", "code"}
    return reply.status, found["code"], found["param"]


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (b"", (400, "not_json", None)),
        (b"{oops", (400, "not_json", None)),
        (b"\xff\xfe", (400, "not_json", None)),
        (b'{"messages": [NaN]}', (400, "not_json", None)),
        (None, (400, "invalid_value", None)),
        ([], (400, "invalid_value", None)),
        ("text", (400, "invalid_value", None)),
        ({}, (400, "missing_required_parameter", "messages")),
        ({"messages": None, **CALL}, (400, "invalid_type", "messages")),
        ({"messages": "Hello", **CALL}, (400, "invalid_type", "messages")),
        ({"messages": {"role": "user"}, **CALL}, (400, "invalid_type", "messages")),
        ({"messages": []}, (400, "invalid_value", "messages")),
        ({"messages": [user("a")], "stream": "yes", **CALL}, (400, "invalid_type", "stream")),
    ],
)
async def test_what_cannot_be_answered_is_refused_as_openai_does(llm, model, body, wanted):
    assert error(await llm.post(body)) == wanted
    assert model.seen == []
    assert await in_database(Call.objects.count) == 0


@pytest.mark.parametrize("path", ["/llm/", "/llm/v1/models", "/llm/chat/completions/x"])
async def test_a_wrong_address_is_told_as_openai_does(path):
    from config.asgi import application

    async with httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://localhost") as client:
        answer = await client.post(path, json={})

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
    assert "/llm/chat/completions" in answer.json()["error"]["message"]


async def test_the_door_is_shut_without_the_secret(llm, model, settings):
    body = {"messages": [user("a")]}
    assert error(await llm.post(body, headers=())) == (401, "unauthenticated", None)
    assert error(await llm.post(body, headers=((b"authorization", b"Bearer no"),))) == (401, "unauthenticated", None)
    assert error(await llm.post(body, headers=((b"x-vapi-secret", b""),))) == (401, "unauthenticated", None)
    assert (await llm.post(body, headers=((b"x-vapi-secret", SECRET.encode()),))).status == 200
    assert error(await llm.post(b"", method="GET")) == (405, "method_not_allowed", None)
    settings.VAPI_WEBHOOK_SECRET = ""
    assert error(await llm.post(body)) == (503, "not_configured", None)


async def test_a_call_without_any_message_is_greeted(llm, model):
    """An assistant without a prompt of its own that speaks first."""
    reply = await llm.post({"messages": [], **CALL})

    assert reply.status == 200
    assert [message["role"] for message in model.seen[0].body["messages"]] == ["system"]


async def test_ten_thousand_messages(llm, model, settings):
    settings.LLM_WINDOW_MESSAGES = 20
    talk = [{"role": ["user", "assistant"][n % 2], "content": f"message {n}"} for n in range(10_000)]

    started = time.monotonic()
    reply = await llm.chat("call-1", messages=[{"role": "system", "content": "copy"}, *talk])

    assert reply.text == "Hello there."
    assert time.monotonic() - started < 2
    assert model.seen[0].conversation == talk[-20:]
    assert "9980 earlier messages" in model.seen[0].system


async def test_five_megabytes(llm, model):
    fits = json.dumps({"messages": [user("x" * 5_242_000)], **CALL}).encode()
    exact = fits + b" " * (5_242_880 - len(fits))

    assert (await llm.post(exact)).status == 200
    assert error(await llm.post(exact + b" ")) == (413, "too_large", None)
    assert error(await llm.post(b"{}", headers=(*BEARER, (b"content-length", b"5242881")))) == (413, "too_large", None)
    assert len(str(model.seen[0].body)) < 20_000


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "wizard", "content": "Hello"}],
        [{"content": "Hello"}],
        [user("Hello"), {"role": "user", "content": None}],
        [{"role": "user", "content": [{"type": "text", "text": "Hel"}, {"type": "input_text", "text": "lo"}]}],
        [{"role": "tool", "tool_call_id": "never-called", "content": "x"}, user("Hello")],
        [None, 1, "x", user("Hello"), {"role": "assistant", "content": None, "tool_calls": "no"}],
    ],
)
async def test_wrong_roles_null_content_and_parts_reach_the_model_put_right(llm, model, messages):
    reply = await llm.chat("call-1", messages=messages)

    assert reply.text == "Hello there."
    assert model.seen[0].conversation == [user("Hello")]


async def test_unknown_fields_and_wrong_options_are_left_out(llm, model):
    wrong = {
        "temperature": "hot",
        "max_tokens": -1,
        "tools": "all",
        "stop": 3,
        "seed": 1.5,
        "response_format": [],
        "top_p": 9,
        "stream_options": 1,
        "frobnicate": {"deep": [1]},
        "logit_bias": {"1": 5},
        "tool_choice": None,
    }

    reply = await llm.chat("call-1", **wrong)

    assert reply.text == "Hello there."
    assert set(model.seen[0].body) == {"model", "messages", "stream"}


@pytest.mark.parametrize("name", ["gpt-9", "", None, 7, "x" * 100_000, ["a"]])
async def test_a_model_that_does_not_exist_is_answered_by_the_configured_one(llm, model, name):
    reply = await llm.chat("call-1", model=name)

    assert (reply.text, model.seen[0].body["model"]) == ("Hello there.", "llama3.1")


@pytest.mark.parametrize(
    "key", ["x" * 100_000, "a\x00b", "\ud800", "pete:llm:*\r\nDEL x", "../../etc", "' OR 1=1 --", 17, 1e300]
)
async def test_forged_call_ids_are_calls_of_their_own(llm, model, key):
    """Whoever has the secret may name any call; what it names is bounded, stored as text and nobody else's."""
    await llm.chat("call-1")

    reply = await llm.post({"messages": [user("Hi")], "stream": True, "call": {"id": key}})

    assert (reply.status, reply.text) == (200, "Hello there.")
    assert read_request(json.dumps({"messages": [1], "call": {"id": key}}).encode()).call_key not in ("", "call-1")


@pytest.mark.parametrize("key", [None, "", "   ", True, [], {}, {"id": "x"}])
async def test_a_call_id_that_is_none_names_no_call(llm, model, key):
    reply = await llm.post({"messages": [user("Hi")], "stream": True, "call": {"id": key}})

    assert (reply.status, reply.text) == (200, "Hello there.")
    assert await in_database(Call.objects.count) == 0


@pytest.mark.parametrize(
    ("where", "headers"),
    [
        ({"call": {"id": "k"}, "metadata": {"callId": "other"}}, ()),
        ({"metadata": {"call": {"id": "k"}}}, ()),
        ({"metadata": {"callId": "k"}}, ()),
        ({"metadata": {"call_id": "k"}}, ()),
        ({"callId": "k"}, ()),
        ({"chatId": "k"}, ()),
        ({"call": "odd", "metadata": {"sessionId": "k"}}, ((b"x-call-id", b"other"),)),
        ({"metadata": []}, ((b"x-call-id", b"k"), (b"x-session-id", b"other"))),
        ({}, ((b"x-chat-id", b"k"),)),
    ],
)
def test_where_the_call_is_named(where, headers):
    assert read_request(json.dumps({"messages": [user("a")], **where}).encode(), headers).call_key == "k"


async def test_a_call_s_id_is_the_webhook_s(llm, model):
    await llm.chat("call-1")

    reply = await llm.chat("call-1", messages=[user("x")], metadata={"callId": "another"})

    assert reply.status == 200
    assert call_pk("call-1") != call_pk("another")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
FIELDS = (
    "messages",
    "stream",
    "call",
    "metadata",
    "tools",
    "stop",
    "temperature",
    "customer",
    "stream_options",
    "callId",
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(tree=st.one_of(JSON, st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=6)))
def test_any_json_is_a_request_or_refused(tree):
    try:
        request = read_request(json.dumps(tree).encode())
    except BadRequest:
        return
    assert isinstance(request.stream, bool)
    assert len(request.call_key) <= 200


@given(body=st.binary(max_size=200))
def test_any_bytes_are_a_request_or_refused(body):
    try:
        read_request(body)
    except (BadRequest, NotJson):
        return


async def test_a_deeply_nested_request_is_answered(llm, model):
    model.answer = lambda _: Act()
    deep = b'{"messages":[{"role":"user","content":"Hi"}],"stream":true,"x":' + b"[" * 50_000 + b"]" * 50_000 + b"}"

    assert (await llm.post(deep)).text == "Hello there."
