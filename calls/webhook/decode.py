"""Bytes to a typed message, however loosely they follow Vapi's description.

Real deliveries are rarely valid under Vapi's own schema. The fast way reads only the fields that matter and skips the
rest unbuilt; whatever does not fit its types takes the slow way over a plain tree and comes out the same.
Reference: https://docs.vapi.ai/server-url/events
"""

from __future__ import annotations

import hashlib
import math
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from calls.webhook import lenient, shapes
from calls.webhook.kinds import FUNCTION_CALL, TOOL_CALLS
from calls.webhook.lenient import NotJson
from calls.webhook.redact import redact, redact_tree
from calls.webhook.shapes import ToolRequest

__all__ = ["Message", "Monitor", "NotJson", "ToolRequest", "decode"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DIRECTIONS = {
    "inboundPhoneCall": "inbound",
    "outboundPhoneCall": "outbound",
    "webCall": "web",
    "vapi.websocketCall": "web",
}
# An instant outside these years is nobody's clock; the time of arrival is used instead.
_EARLIEST = datetime(2010, 1, 1, tzinfo=UTC).timestamp()
_LATEST = datetime(2100, 1, 1, tzinfo=UTC).timestamp()
_EARLIEST_MS, _LATEST_MS = int(_EARLIEST * 1000), int(_LATEST * 1000)
_MILLISECONDS = 100_000_000_000
_LONGEST_TYPE = 64
# Snapshots and links that differ between two deliveries of the same message.
_VOLATILE = frozenset(
    {"call", "assistant", "assistantVersion", "phoneNumber", "customer", "chat", "timestamp", "monitor"}
)


class _Numbered(msgspec.Struct, gc=False):
    number: str | None = None


class _Named(msgspec.Struct, gc=False):
    id: str | None = None


class Monitor(msgspec.Struct, gc=False, rename="camel"):
    """Where a live call can be steered and heard. Whoever knows the addresses may do so: they are in no repr."""

    control_url: str | None = None
    listen_url: str | None = None

    def __repr__(self) -> str:
        return "Monitor(…)"


class _Call(msgspec.Struct, gc=False, rename="camel"):
    id: str | None = None
    type: str | None = None
    customer: _Numbered | None = None
    phone_number: _Numbered | None = None
    assistant_id: str | None = None
    assistant: _Named | None = None
    monitor: Monitor | None = None


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: dict[str, Any] | str | None = None
    parameters: dict[str, Any] | str | None = None


class _ToolCall(msgspec.Struct):
    id: str | None = None
    name: str | None = None
    function: _Function | None = None
    arguments: dict[str, Any] | str | None = None
    parameters: dict[str, Any] | str | None = None


class _WithTool(msgspec.Struct, gc=False, rename="camel"):
    tool_call: _Named


class _Message(msgspec.Struct, rename="camel"):
    type: str
    call: _Call
    timestamp: int | float | str | None = None
    customer: _Numbered | None = None
    phone_number: _Numbered | None = None
    assistant: _Named | None = None
    tool_call_list: list[_ToolCall] | None = None
    tool_calls: list[_Named] | None = None
    tool_with_tool_call_list: list[_WithTool] | None = None
    status: str | None = None
    role: str | None = None
    turn: int | float | None = None
    transcript_type: str | None = None
    transcript: str | None = None
    ended_reason: str | None = None
    turn_id: str | None = None
    text: str | None = None
    output: str | None = None
    messages: msgspec.Raw = msgspec.Raw()
    messages_open_a_i_formatted: msgspec.Raw = msgspec.field(name="messagesOpenAIFormatted", default=msgspec.Raw())
    conversation: msgspec.Raw = msgspec.Raw()


class _Envelope(msgspec.Struct, gc=False):
    message: _Message


_decode_envelope = msgspec.json.Decoder(_Envelope).decode
_decode_anything = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
# Types whose identity is in the few fields `_Message` reads.
_PLAIN_TYPES = frozenset(
    {"transcript", "speech-update", "status-update", "user-interrupted", "hang", "model-output", "conversation-update"}
)


# Without a time and a turn these say the same thing again and again, and mean it anew each time.
_WORDLESS_TYPES = frozenset({"speech-update", "user-interrupted"})


class Message(msgspec.Struct):
    """One delivery. `body` is what may be stored: without secrets, NUL or lone surrogates; `monitor` never is.

    `vapi_id` is the call's id or None; `at` is in microseconds since 1970; `direction` is inbound, outbound or web.
    """

    type: str
    vapi_id: str | None
    at: int
    fingerprint: bytes
    body: bytes
    customer_number: str = ""
    dialled_number: str = ""
    direction: str = "inbound"
    assistant_id: str = ""
    is_tool_message: bool = False
    is_legacy: bool = False
    tool_calls: list[ToolRequest] = []
    status: str = ""
    monitor: Monitor | None = None

    @property
    def raw(self) -> dict[str, Any]:
        """The message as a plain dict, decoded anew."""
        return _inner(_tree(self.body))

    @property
    def at_datetime(self) -> datetime:
        return _EPOCH + timedelta(microseconds=self.at)

    @property
    def is_end(self) -> bool:
        """Whether nothing more is said in this call."""
        return self.type == "end-of-call-report" or (self.type == "status-update" and self.status == "ended")


def decode(body: bytes) -> Message:
    """Read one delivery. Raises NotJson; whatever else arrives gives a message."""
    # The fast decoder does not look at what it skips.
    text = lenient.text_of(body)
    if "\\" not in text or "\\u0000" not in text:
        try:
            message = _decode_envelope(text).message
        except (msgspec.DecodeError, RecursionError):
            pass
        else:
            fast = _fast(message, body)
            if fast is not None:
                return fast
    return _slow(body)


def _fast(message: _Message, body: bytes) -> Message | None:
    kind, call, at = message.type, message.call, instant(message.timestamp)
    is_tool_message = kind == TOOL_CALLS
    if not call.id or len(call.id) > shapes.LONGEST_ID or call.id[0].isspace() or call.id[-1].isspace():
        return None
    if is_tool_message:
        requests = _fast_requests(message)
        if requests is None:
            return None
        identity = tools_identity(requests)
    elif kind in _PLAIN_TYPES:
        requests = []
        identity = _plain_identity(message, at)
    else:
        return None
    assistant = message.assistant if message.assistant and message.assistant.id else call.assistant
    return Message(
        kind,
        call.id,
        at,
        hashlib.blake2b(identity, digest_size=16).digest(),
        redact(body),
        _first_number(message.customer, call.customer),
        _first_number(message.phone_number, call.phone_number),
        _DIRECTIONS.get(call.type or "", "inbound"),
        (call.assistant_id or (assistant.id if assistant else None) or "")[:100],
        is_tool_message,
        False,
        requests,
        message.status or "",
        call.monitor,
    )


def _first_number(beside: _Numbered | None, inside: _Numbered | None) -> str:
    # A withheld number arrives as an empty customer on the message; the call's snapshot may still know it.
    if beside is not None and beside.number:
        return beside.number[:32]
    return (inside.number or "")[:32] if inside is not None else ""


def _fast_requests(message: _Message) -> list[ToolRequest] | None:
    """Return the tool calls of the shape that really arrives; None when they need the patient reading."""
    listed = message.tool_call_list
    if not listed:
        return None
    requests = []
    for item in listed:
        function = item.function
        if function is None or not item.id or not function.name or len(item.id) > shapes.LONGEST_ID:
            return None
        if not isinstance(function.arguments, dict) or item.arguments or item.parameters:
            return None
        requests.append(ToolRequest(item.id, function.name, function.arguments))
    ids = {request.id for request in requests}
    # The other lists of the message may know of more.
    others = {other.id for other in message.tool_calls or ()}
    others.update([other.tool_call.id for other in message.tool_with_tool_call_list or ()])
    return requests if len(ids) == len(requests) and others <= ids else None


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _moment(kind: str, timestamp: Any, turn: Any, at: int) -> Any:
    """Return when an identity happened: by Vapi's time, else by the arrival of what every turn says alike."""
    return at if timestamp is None and turn is None and kind in _WORDLESS_TYPES else timestamp


def _plain_identity(m: _Message, at: int) -> bytes:
    # A conversation is identified by its words, and copies of it beside another message are not.
    words = (m.messages, m.messages_open_a_i_formatted, m.conversation) if m.type == "conversation-update" else ()
    moment = _moment(m.type, m.timestamp, _first(m.turn, m.turn_id), at)
    fields = (
        m.type, moment, m.status, m.role, m.turn, m.transcript_type, m.transcript, m.ended_reason, m.turn_id,
        m.text, m.output, *words,
    )  # fmt: skip
    return _encode(fields)


def tools_identity(requests: list[ToolRequest]) -> bytes:
    """Return what makes two tool messages the same: ids, names and arguments, in order. Not the time."""
    return b"tool-calls" + b"".join([r.id.encode() + b"\0" + r.fingerprint for r in requests])


def _tree(body: bytes) -> Any:
    try:
        return _decode_anything(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return lenient.parse(body)


def _slow(body: bytes) -> Message:
    try:
        tree = _decode_anything(body)
        kept = redact(body)
        if b"\\u0000" in body:
            tree = lenient.clean(tree)
            kept = redact(lenient.encode(tree))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        tree = lenient.parse(body)
        kept = lenient.encode(redact_tree(lenient.clean(tree)))
    return _from_tree(tree, kept)


def _inner(tree: Any) -> dict[str, Any]:
    """Return the message itself: inside the envelope, or the body where there is none."""
    if not isinstance(tree, dict):
        return {}
    message = tree.get("message")
    if isinstance(message, dict):
        # Some senders put the call beside the message.
        return message if message.get("call") or not tree.get("call") else {**message, "call": tree["call"]}
    looks_like_one = "type" in tree or isinstance(tree.get("call"), dict)
    return tree if message is None and looks_like_one else {}


def _from_tree(tree: Any, kept: bytes) -> Message:
    message = _inner(tree)
    call = _dict(message.get("call"))
    requests = shapes.tool_requests(message)
    kind = shapes.kind_of(message, has_requests=bool(requests))
    is_legacy = kind == FUNCTION_CALL
    is_tool_message = is_legacy or kind == TOOL_CALLS
    if not is_tool_message:
        requests = []
    at = instant(message.get("timestamp"))
    identity = tools_identity(requests) if is_tool_message else _tree_identity(kind, message, at)
    status = message.get("status")
    return Message(
        kind[:_LONGEST_TYPE],
        shapes.identifier(call.get("id")) or None,
        at,
        hashlib.blake2b(identity, digest_size=16).digest(),
        kept,
        _number(message, call, "customer"),
        _number(message, call, "phoneNumber"),
        _DIRECTIONS.get(_text(call.get("type")), "inbound"),
        (_text(call.get("assistantId")) or _text(_dict(message.get("assistant") or call.get("assistant")).get("id")))[
            :100
        ],
        is_tool_message,
        is_legacy,
        requests,
        status if isinstance(status, str) else "",
        _monitor(call),
    )


def _monitor(call: dict[str, Any]) -> Monitor | None:
    found = _dict(call.get("monitor"))
    return Monitor(_text(found.get("controlUrl")) or None, _text(found.get("listenUrl")) or None) if found else None


def _tree_identity(kind: str, message: dict[str, Any], at: int) -> bytes:
    """Return the message without what differs between two deliveries of it.

    A report has no time of its own: a second one with more in it is another event, a re-sent one is not, although its
    links are signed anew and the snapshot of the call has aged.
    """
    kept = {key: value for key, value in message.items() if key not in _VOLATILE}
    moment = None
    if kind != "end-of-call-report":
        kept.pop("artifact", None)
        moment = _moment(kind, message.get("timestamp"), _first(message.get("turn"), message.get("turnId")), at)
    # Beside the rest, because a time inside it counts for nothing.
    return lenient.encode(
        [moment if isinstance(moment, int | float | str) else None, _without_links(kept)], ordered=True
    )


def _without_links(value: Any, depth: int = 0) -> Any:
    if isinstance(value, dict) and depth < lenient.MAX_DEPTH:
        return {
            key: _without_links(inner, depth + 1)
            for key, inner in value.items()
            if not key.startswith("presigned") and key not in _VOLATILE
        }
    if isinstance(value, list) and depth < lenient.MAX_DEPTH:
        return [_without_links(inner, depth + 1) for inner in value]
    if isinstance(value, str) and value.startswith(("http://", "https://")):
        return value.partition("?")[0]
    return None if isinstance(value, dict | list) else value


def _number(message: dict[str, Any], call: dict[str, Any], key: str) -> str:
    number = _dict(message.get(key)).get("number") or _dict(call.get(key)).get("number")
    return _text(number)[:32]


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def instant(value: Any) -> int:
    """Return microseconds since 1970: from milliseconds, a numeric string or ISO 8601, else of now."""
    if type(value) is int and _EARLIEST_MS <= value < _LATEST_MS:
        return value * 1000
    seconds = _seconds(value)
    if seconds is None or not _EARLIEST <= seconds < _LATEST:
        seconds = time.time()
    return int(seconds * 1_000_000)


def _seconds(value: Any) -> float | None:
    if isinstance(value, str):
        value = _number_or_iso(value.strip())
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return value / 1000 if value > _MILLISECONDS else float(value)


def _number_or_iso(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        pass
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
