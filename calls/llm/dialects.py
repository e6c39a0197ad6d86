"""How a model server is asked and how it answers: OpenAI's protocol, and Ollama's own.

Both are read leniently and into the same pieces. An answer that does not come as a stream is one large piece.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit

import msgspec

OPENAI, OLLAMA = "openai", "ollama"
# One line of an answer is a few hundred bytes; a server that sends this much without an end of line is broken.
_LONGEST_LINE = 4 * 1024 * 1024


class Malformed(Exception):
    """The server does not speak its protocol, or reports an error inside an answer."""


@dataclass(slots=True)
class Piece:
    """What one event of an answer brings. `calls` are tool call deltas in OpenAI's shape."""

    content: str = ""
    calls: list[Any] = field(default_factory=list)
    function_call: Any = None
    finish: str = ""
    usage: Any = None
    is_done: bool = False


class Reader(Protocol):
    """Reads one answer."""

    def feed(self, data: bytes) -> Iterator[Piece]:
        """Yield the pieces that are complete. Raises Malformed."""

    def finish(self) -> Iterator[Piece]:
        """Yield what is left when the body has ended."""


class Dialect(Protocol):
    """One protocol. `path` is where chats are posted, `models_path` where the doctor looks."""

    path: str
    models_path: str

    def body(self, model: str, messages: list[dict[str, Any]], options: dict[str, Any], *, usage: bool) -> bytes:
        """Return the request."""

    def reader(self) -> Reader:
        """Return what reads one answer."""


def dialect_for(url: str, wanted: str = "auto") -> Dialect:
    """Return the dialect spoken at `url`: Ollama's own where the address ends in /api, OpenAI's elsewhere."""
    is_ollama = wanted == OLLAMA or (wanted == "auto" and urlsplit(url).path.rstrip("/").endswith("/api"))
    return OllamaDialect() if is_ollama else OpenAIDialect()


class _Lines:
    """Splits a body into lines."""

    def __init__(self) -> None:
        self._rest = b""

    def split(self, data: bytes) -> list[bytes]:
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > _LONGEST_LINE:
            raise Malformed("a line without an end")
        return lines

    def rest(self) -> bytes:
        rest, self._rest = self._rest, b""
        return rest


class _Delta(msgspec.Struct, gc=False):
    content: str | None = None
    tool_calls: list[Any] | None = None
    function_call: Any = None


class _Choice(msgspec.Struct, gc=False):
    delta: _Delta | None = None
    message: _Delta | None = None
    finish_reason: str | None = None
    index: int | None = 0


class _Chunk(msgspec.Struct, gc=False):
    choices: list[_Choice] | None = None
    usage: Any = None
    error: Any = None


_read_chunk = msgspec.json.Decoder(_Chunk).decode
_encode = msgspec.json.Encoder().encode


class OpenAIDialect:
    """`/chat/completions`: server-sent events, each a chunk, and [DONE]."""

    path = "/chat/completions"
    models_path = "/models"

    def body(self, model: str, messages: list[dict[str, Any]], options: dict[str, Any], *, usage: bool) -> bytes:
        wish = {"stream_options": {"include_usage": True}} if usage else {}
        return _encode({"model": model, "messages": messages, **options, "stream": True, **wish})

    def reader(self) -> Reader:
        return _EventReader()


class _EventReader:
    def __init__(self) -> None:
        self._lines = _Lines()
        self._plain = b""

    def feed(self, data: bytes) -> Iterator[Piece]:
        for line in self._lines.split(data):
            yield from self._line(line)

    def finish(self) -> Iterator[Piece]:
        yield from self._line(self._lines.rest())
        if self._plain.strip():
            # Some servers answer in one piece although a stream was asked for.
            piece = _piece(self._plain)
            piece.is_done = True
            yield piece

    def _line(self, line: bytes) -> Iterator[Piece]:
        if line.startswith(b"data:"):
            data = line[5:].strip()
            if data == b"[DONE]":
                yield Piece(is_done=True)
            elif data:
                yield _piece(data)
        elif self._plain or line[:1] == b"{":
            self._plain += line + b"\n"
        elif line.strip() and not line.startswith((b":", b"event:", b"id:", b"retry:")):
            raise Malformed("not an event stream")


def _piece(data: bytes) -> Piece:
    try:
        chunk = _read_chunk(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
        raise Malformed(f"a chunk that cannot be read: {exc}") from exc
    if chunk.error is not None:
        raise Malformed("the server reports an error inside its answer")
    piece = Piece(usage=chunk.usage)
    for choice in chunk.choices or ():
        delta = choice.delta or choice.message
        if choice.index or delta is None:
            piece.finish = piece.finish or (choice.finish_reason or "" if not choice.index else "")
            continue
        piece.content += delta.content or ""
        piece.calls += delta.tool_calls or () if choice.delta else _numbered(delta.tool_calls or [])
        piece.function_call = delta.function_call or piece.function_call
        piece.finish = choice.finish_reason or piece.finish
    return piece


def _numbered(calls: list[Any]) -> list[Any]:
    """Return the tool calls of a whole message as deltas, which say their place."""
    return [{"index": place, **call} if isinstance(call, dict) else call for place, call in enumerate(calls)]


class _OllamaMessage(msgspec.Struct, gc=False):
    content: str | None = None
    tool_calls: list[Any] | None = None


class _OllamaLine(msgspec.Struct, gc=False):
    message: _OllamaMessage | None = None
    done: bool = False
    done_reason: str | None = None
    prompt_eval_count: int | None = None
    eval_count: int | None = None
    error: Any = None


_read_line = msgspec.json.Decoder(_OllamaLine).decode
# OpenAI's names of what Ollama takes as options.
_OLLAMA_OPTIONS = {
    "temperature": "temperature",
    "top_p": "top_p",
    "seed": "seed",
    "stop": "stop",
    "max_tokens": "num_predict",
    "max_completion_tokens": "num_predict",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
}


class OllamaDialect:
    """`/api/chat`: one JSON object per line; a tool's arguments are an object and its calls have no ids."""

    path = "/chat"
    models_path = "/tags"

    def body(self, model: str, messages: list[dict[str, Any]], options: dict[str, Any], *, usage: bool) -> bytes:
        named = {theirs: options[ours] for ours, theirs in _OLLAMA_OPTIONS.items() if ours in options}
        asked: dict[str, Any] = {"model": model, "messages": _ollama_messages(messages), "stream": True}
        if named:
            asked["options"] = named
        if "tools" in options:
            asked["tools"] = options["tools"]
        if options.get("response_format", {}).get("type") == "json_object":
            asked["format"] = "json"
        return _encode(asked)

    def reader(self) -> Reader:
        return _LineReader()


def _ollama_messages(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    names: dict[str, str] = {}
    written = []
    for message in messages:
        told = {"role": message["role"], "content": message["content"]}
        if "tool_calls" in message:
            names |= {call["id"]: call["function"]["name"] for call in message["tool_calls"]}
            told["tool_calls"] = [{"function": _with_object(call["function"])} for call in message["tool_calls"]]
        elif message["role"] == "tool":
            told["tool_name"] = names.get(message["tool_call_id"], "")
        written.append(told)
    return written


def _with_object(function: dict[str, Any]) -> dict[str, Any]:
    try:
        arguments = json.loads(function["arguments"])
    except (ValueError, RecursionError):
        arguments = {}
    return {"name": function["name"], "arguments": arguments if isinstance(arguments, dict) else {}}


class _LineReader:
    def __init__(self) -> None:
        self._lines = _Lines()
        self._calls = 0

    def feed(self, data: bytes) -> Iterator[Piece]:
        for line in self._lines.split(data):
            if line.strip():
                yield self._piece(line)

    def finish(self) -> Iterator[Piece]:
        rest = self._lines.rest()
        if rest.strip():
            yield self._piece(rest)

    def _piece(self, line: bytes) -> Piece:
        try:
            given = _read_line(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
            raise Malformed(f"a line that cannot be read: {exc}") from exc
        if given.error is not None:
            raise Malformed("the server reports an error inside its answer")
        message = given.message or _OllamaMessage()
        piece = Piece(content=message.content or "", calls=self._deltas(message.tool_calls or []))
        if given.done:
            piece.is_done = True
            piece.finish = "tool_calls" if self._calls else given.done_reason or "stop"
            piece.usage = _usage(given)
        return piece

    def _deltas(self, calls: list[Any]) -> list[Any]:
        deltas = []
        for call in calls:
            function = call.get("function") if isinstance(call, dict) else None
            if not isinstance(function, dict) or not isinstance(function.get("name"), str):
                raise Malformed("a tool call without a function")
            given = call.get("id")
            name = given if isinstance(given, str) and given else f"call_{self._calls}_{secrets.token_hex(6)}"
            arguments = _encode(function.get("arguments") or {}).decode()
            told = {"name": function["name"], "arguments": arguments}
            deltas.append({"index": self._calls, "id": name, "type": "function", "function": told})
            self._calls += 1
        return deltas


def _usage(given: _OllamaLine) -> dict[str, int]:
    asked, answered = given.prompt_eval_count or 0, given.eval_count or 0
    return {"prompt_tokens": asked, "completion_tokens": answered, "total_tokens": asked + answered}
