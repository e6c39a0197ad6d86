"""The two ways an answer leaves: as a stream of chunks, or whole."""

from __future__ import annotations

import secrets
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol

import msgspec

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_encode = msgspec.json.Encoder().encode
_EVENT_STREAM = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]


class Sink(Protocol):
    """Where an answer goes."""

    async def start(self) -> None:
        """Begin, before anything is known."""

    async def text(self, text: str) -> None:
        """Say this."""

    async def deltas(self, deltas: list[dict[str, Any]]) -> None:
        """Pass on tool call deltas as they are."""

    async def end(self, finish: str, usage: Any) -> None:
        """End the answer. Once."""


class EventSink:
    """OpenAI's stream of server-sent events."""

    def __init__(self, send: Send, model: str, *, wants_usage: bool) -> None:
        self._send = send
        self._wants_usage = wants_usage
        self._head = (
            f'data: {{"id":"chatcmpl-{secrets.token_hex(12)}","object":"chat.completion.chunk",'
            f'"created":{int(time.time())},"model":{_encode(model).decode()},'
        ).encode()
        # The role goes with the first delta, as OpenAI's does.
        self._role = b'"role":"assistant",'

    async def start(self) -> None:
        await self._send({"type": "http.response.start", "status": 200, "headers": _EVENT_STREAM})

    async def text(self, text: str) -> None:
        await self._write(self._chunk(b'"content":' + _encode(text)))

    async def deltas(self, deltas: list[dict[str, Any]]) -> None:
        await self._write(b"".join([self._chunk(_encode(delta)[1:-1]) for delta in deltas]))

    async def end(self, finish: str, usage: Any) -> None:
        last = b"%b%b}]}\n\n" % (self._head, b'"choices":[{"index":0,"delta":{},"finish_reason":' + _encode(finish))
        if self._wants_usage:
            last += b'%b"choices":[],"usage":%b}\n\n' % (self._head, _encode(usage))
        await self._write(last + b"data: [DONE]\n\n", more=False)

    def _chunk(self, delta: bytes) -> bytes:
        role, self._role = self._role, b""
        return b'%b"choices":[{"index":0,"delta":{%b%b},"finish_reason":null}]}\n\n' % (self._head, role, delta)

    async def _write(self, body: bytes, *, more: bool = True) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": more})


class WholeSink:
    """One `chat.completion` object."""

    def __init__(self, send: Send, model: str) -> None:
        self._send = send
        self._model = model
        self._text: list[str] = []
        self._calls: list[dict[str, Any]] = []
        self._function: dict[str, str] = {}

    async def start(self) -> None:
        """Nothing leaves before all of it is there."""

    async def text(self, text: str) -> None:
        self._text.append(text)

    async def deltas(self, deltas: list[dict[str, Any]]) -> None:
        for delta in deltas:
            for call in delta.get("tool_calls") or ():
                _merge_call(self._calls, call)
            _merge_function(self._function, delta.get("function_call"))

    async def end(self, finish: str, usage: Any) -> None:
        message: dict[str, Any] = {"role": "assistant", "content": "".join(self._text) or None}
        if self._calls:
            message["tool_calls"] = [
                {key: value for key, value in call.items() if key != "index"} for call in self._calls
            ]
        if self._function:
            message["function_call"] = self._function
        if "tool_calls" not in message and "function_call" not in message:
            message["content"] = message["content"] or ""
        completion = {
            "id": f"chatcmpl-{secrets.token_hex(12)}",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": self._model,
            "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish}],
            "usage": usage or {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
        }
        await respond(self._send, 200, completion)


def _merge_call(calls: list[dict[str, Any]], delta: Any) -> None:
    """Add one delta to the call whose index it has."""
    if not isinstance(delta, dict):
        return
    call = next((call for call in calls if call["index"] == delta.get("index")), None)
    if call is None:
        call = {"index": delta.get("index"), "id": "", "type": "function", "function": {}}
        calls.append(call)
    call["id"] = delta.get("id") or call["id"]
    _merge_function(call["function"], delta.get("function"))


def _merge_function(function: dict[str, str], delta: Any) -> None:
    for name in ("name", "arguments"):
        part = delta.get(name) if isinstance(delta, dict) else None
        if isinstance(part, str):
            function[name] = function.get(name, "") + part


async def respond(send: Send, status: int, content: Any, *headers: tuple[bytes, bytes]) -> None:
    """Send one JSON document."""
    body = _encode(content)
    length = (b"content-length", b"%d" % len(body))
    head = [(b"content-type", b"application/json"), length, *headers]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": body})
