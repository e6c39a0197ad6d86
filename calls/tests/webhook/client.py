"""How tests knock at the door."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asgiref.sync import sync_to_async

from calls import promotion
from calls.models import WebhookEvent
from calls.webhook.app import vapi_webhook

SECRET = "a-test-secret"
PAYLOADS = Path(__file__).resolve().parent.parent / "payloads"
SIGNED = ((b"content-type", b"application/json"), (b"x-vapi-secret", SECRET.encode()))


@dataclass
class Reply:
    status: int
    body: bytes
    headers: dict[bytes, bytes]

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def result(self) -> str:
        """The one result's text."""
        (found,) = self.json()["results"]
        return found["result"]


class DoorClient:
    """Speaks ASGI to the webhook application."""

    async def send(
        self, body: Any, *, headers: Any = SIGNED, method: str = "POST", chunks: int = 1, path: str = "/vapi/webhook"
    ) -> Reply:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        size = max(1, -(-len(raw) // chunks))
        parts = [raw[at : at + size] for at in range(0, len(raw), size)] or [b""]
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            part = parts.pop(0)
            return {"type": "http.request", "body": part, "more_body": bool(parts)}

        async def collect(event: dict[str, Any]) -> None:
            sent.append(event)

        scope = {"type": "http", "method": method, "path": path, "headers": list(headers)}
        await vapi_webhook(scope, receive, collect)
        return Reply(sent[0]["status"], sent[1]["body"], dict(sent[0]["headers"]))

    async def message(self, kind: str | None, call: str | None = None, **fields: Any) -> Reply:
        return await self.send({"message": envelope(kind, call, **fields)})

    async def stage(self, call: str, new_state: Any, context: Any = None, *, key: str | None = None) -> Reply:
        arguments = {"new_state": new_state} | ({} if context is None else {"context": context})
        return await self.tool(call, "update_system_prompt", arguments, key=key)

    async def tool(self, call: str, name: str, arguments: Any, *, key: str | None = None) -> Reply:
        return await self.message("tool-calls", call, toolCallList=[tool_call(name, arguments, key=key)])


def envelope(kind: str | None, call: str | None = None, **fields: Any) -> dict[str, Any]:
    message: dict[str, Any] = {"type": kind} if kind is not None else {}
    if call is not None:
        message["call"] = {"id": call, "type": "inboundPhoneCall", "customer": {"number": "+13125550142"}}
    return message | fields


def tool_call(name: str, arguments: Any, *, key: str | None = None) -> dict[str, Any]:
    given = key or f"call_{uuid.uuid4().hex[:12]}"
    return {"id": given, "type": "function", "function": {"name": name, "arguments": arguments}}


def new_call() -> str:
    return str(uuid.uuid4())


async def in_database(function: Any, *args: Any, **kwargs: Any) -> Any:
    """Run ORM code from an async test, after the rows of what is committed are made, as the projection does."""
    return await sync_to_async(_look)(function, *args, **kwargs)


def _look(function: Any, *args: Any, **kwargs: Any) -> Any:
    told = WebhookEvent.objects.filter(tool_answer__isnull=False)
    promotion.promote(set(told.values_list("call_id", flat=True)))
    return function(*args, **kwargs)
