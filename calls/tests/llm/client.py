"""How tests ask the proxy, and what they read of its answer."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import Any

from calls.llm.app import chat_completions
from calls.tests.webhook.client import SECRET

BEARER = ((b"content-type", b"application/json"), (b"authorization", b"Bearer " + SECRET.encode()))
PATH = "/llm/chat/completions"


@dataclass
class Reply:
    """An answer, perhaps still on its way. `first_at` is when the first words came."""

    status: int = 0
    headers: dict[bytes, bytes] = field(default_factory=dict)
    body: bytes = b""
    first_at: float | None = None
    is_over: bool = False

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def events(self) -> list[Any]:
        """The stream's events, decoded. One that is over ends with [DONE]."""
        *blocks, rest = self.body.decode().split("\n\n")
        assert rest == ""
        assert all(block.startswith("data: ") and "\n" not in block for block in blocks)
        if self.is_over:
            assert blocks.pop() == "data: [DONE]"
        return [json.loads(block[6:]) for block in blocks]

    @property
    def text(self) -> str:
        return "".join(self._deltas("content"))

    @property
    def calls(self) -> list[Any]:
        return list(self._deltas("tool_calls"))

    @property
    def finish(self) -> str:
        (finish,) = (c["finish_reason"] for e in self.events for c in e["choices"] if c["finish_reason"])
        return str(finish)

    def _deltas(self, name: str) -> list[Any]:
        return [c["delta"][name] for e in self.events for c in e["choices"] if c["delta"].get(name) is not None]


class LlmClient:
    """Speaks ASGI to the proxy."""

    async def post(
        self,
        body: Any,
        *,
        headers: Any = BEARER,
        method: str = "POST",
        gone: asyncio.Event | None = None,
        reply: Reply | None = None,
    ) -> Reply:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        reply = reply or Reply()
        parts = [{"type": "http.request", "body": raw, "more_body": False}]
        gone = gone or asyncio.Event()

        async def receive() -> dict[str, Any]:
            if parts:
                return parts.pop()
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(event: Any) -> None:
            if event["type"] == "http.response.start":
                reply.status, reply.headers = event["status"], dict(event["headers"])
                return
            if b'"content"' in event["body"] and reply.first_at is None:
                reply.first_at = time.monotonic()
            reply.body += event["body"]
            reply.is_over = not event.get("more_body", False)

        scope = {"type": "http", "method": method, "path": PATH, "headers": list(headers)}
        await chat_completions(scope, receive, send)
        return reply

    async def chat(self, call: str | None = "call-1", *said: str, stream: bool = True, **more: Any) -> Reply:
        """Stream the answer to a conversation in which the caller said this last."""
        messages = more.pop("messages", None) or [user(text) for text in said or ("Hello?",)]
        named = {"call": {"id": call, "type": "inboundPhoneCall"}} if call else {}
        extra = {name: more.pop(name) for name in ("gone", "reply", "headers") if name in more}
        return await self.post({"model": "x", "messages": messages, "stream": stream, **named, **more}, **extra)


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def assistant(text: str | None, *calls: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "content": text} | ({"tool_calls": list(calls)} if calls else {})


def call_of(name: str, key: str, arguments: str = "{}") -> dict[str, Any]:
    return {"id": key, "type": "function", "function": {"name": name, "arguments": arguments}}


def result_of(key: str, text: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": key, "content": text}
