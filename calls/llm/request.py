"""A chat request as Vapi or any OpenAI client sends it, reduced to what a model needs and whose call it is.

The conversation is not decoded here: ten thousand messages cost no more than the few that the window takes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from calls.webhook import lenient
from calls.webhook.shapes import identifier

_NOTHING = msgspec.Raw()
_LARGEST = 1e6
# Not a promise of Vapi's for models, so the body comes first.
_ID_HEADERS = (b"x-call-id", b"x-chat-id", b"x-session-id")


class BadRequest(Exception):
    """The request cannot be answered (400). `param` names the field."""

    def __init__(self, message: str, param: str | None = None, code: str = "invalid_value") -> None:
        super().__init__(message)
        self.param = param
        self.code = code


class _Body(msgspec.Struct):
    """Anything may stand anywhere, so nothing is typed but the list of messages."""

    messages: msgspec.Raw = _NOTHING
    stream: Any = None
    stream_options: Any = None
    call: Any = None
    customer: Any = None
    metadata: Any = None
    chat_id: Any = msgspec.field(default=None, name="chatId")
    call_id: Any = msgspec.field(default=None, name="callId")
    session_id: Any = msgspec.field(default=None, name="sessionId")
    tools: Any = None
    tool_choice: Any = None
    parallel_tool_calls: Any = None
    functions: Any = None
    function_call: Any = None
    response_format: Any = None
    stop: Any = None
    temperature: Any = None
    top_p: Any = None
    max_tokens: Any = None
    max_completion_tokens: Any = None
    presence_penalty: Any = None
    frequency_penalty: Any = None
    seed: Any = None


@dataclass(slots=True)
class ChatRequest:
    """`options` are the fields that go on to the model, checked; `call_key` is Vapi's id of the call, or ""."""

    messages: list[msgspec.Raw]
    options: dict[str, Any] = field(default_factory=dict)
    stream: bool = False
    wants_usage: bool = False
    call_key: str = ""
    # As Vapi names it, such as outboundPhoneCall; "" when the request does not say.
    call_type: str = ""
    customer_number: str = ""
    assistant_id: str = ""


_read_body = msgspec.json.Decoder(_Body).decode
_read_list = msgspec.json.Decoder(list[msgspec.Raw]).decode


def read_request(body: bytes, headers: Iterable[tuple[bytes, bytes]] = ()) -> ChatRequest:
    """Return the request. Raises BadRequest, and lenient.NotJson."""
    given = _body(body)
    messages = _messages(given)
    call = _object(given.call) or _object(_object(given.metadata).get("call"))
    key = _call_key(given, call, headers)
    if not messages and not key:
        raise BadRequest("messages is empty and no call is named, so there is nothing to answer.", "messages")
    stream = given.stream if given.stream is not None else False
    if not isinstance(stream, bool):
        raise BadRequest("stream must be true or false.", "stream", "invalid_type")
    return ChatRequest(
        messages=messages,
        options={name: getattr(given, name) for name, fits in _OPTIONS.items() if fits(getattr(given, name))},
        stream=stream,
        wants_usage=_object(given.stream_options).get("include_usage") is True,
        call_key=key,
        call_type=_text(call.get("type")),
        customer_number=_number_of(given.customer) or _number_of(call.get("customer")),
        assistant_id=_text(call.get("assistantId")),
    )


def _body(body: bytes) -> _Body:
    try:
        given = _read_body(body)
        # Raw parts are not looked at yet, and what is in them must be text.
        str(bytes(given.messages), "utf-8")
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        tree = lenient.parse(body)
        if not isinstance(tree, dict):
            raise BadRequest("The body must be a JSON object.") from None
        given = _read_body(lenient.encode(tree))
    return given


def _messages(given: _Body) -> list[msgspec.Raw]:
    raw = bytes(given.messages)
    if not raw:
        raise BadRequest("messages is missing.", "messages", "missing_required_parameter")
    try:
        return _read_list(raw)
    except (msgspec.MsgspecError, RecursionError):
        raise BadRequest("messages must be a list.", "messages", "invalid_type") from None


def _call_key(given: _Body, call: dict[str, Any], headers: Iterable[tuple[bytes, bytes]]) -> str:
    """Return the id of the call: where Vapi puts it, else where its settings or a client may have put it."""
    metadata = _object(given.metadata)
    names = ("callId", "call_id", "chatId", "sessionId")
    found = (call.get("id"), given.call_id, given.chat_id, given.session_id, *map(metadata.get, names))
    key = next(filter(None, map(identifier, found)), "")
    if key:
        return key
    sent = dict(headers)
    by_header = (sent[name].decode("latin-1") for name in _ID_HEADERS if name in sent)
    return next(filter(None, map(identifier, by_header)), "")


def _number_of(customer: Any) -> str:
    return _text(_object(customer).get("number"))


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return identifier(value) if isinstance(value, str) else ""


def _number(low: float, high: float) -> Callable[[Any], bool]:
    def fits(value: Any) -> bool:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return is_number and math.isfinite(value) and low <= value <= high

    return fits


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _LARGEST


def _filled(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def _stop(value: Any) -> bool:
    words = value if isinstance(value, list) else [value]
    return bool(words) and all(isinstance(word, str) and word for word in words)


# What goes on to the model, if it is what it should be; a wrong one is left out, because somebody is on the phone.
_OPTIONS: dict[str, Callable[[Any], bool]] = {
    "tools": _filled,
    "tool_choice": lambda value: isinstance(value, str | dict) and bool(value),
    "parallel_tool_calls": lambda value: isinstance(value, bool),
    "functions": _filled,
    "function_call": lambda value: isinstance(value, str | dict) and bool(value),
    "response_format": lambda value: isinstance(value, dict),
    "stop": _stop,
    "temperature": _number(0, 2),
    "top_p": _number(0, 1),
    "max_tokens": _whole,
    "max_completion_tokens": _whole,
    "presence_penalty": _number(-2, 2),
    "frequency_penalty": _number(-2, 2),
    "seed": lambda value: isinstance(value, int) and not isinstance(value, bool),
}
