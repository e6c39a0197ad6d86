"""A bare ASGI application that authenticates and decodes, and nothing else: what the server itself costs."""

from __future__ import annotations

import hmac
import os
from typing import Any

import msgspec

SECRET = os.environ.get("VAPI_WEBHOOK_SECRET", "").encode()
decode = msgspec.json.decode
encode = msgspec.json.encode


async def read(receive: Any) -> bytes:
    body = b""
    while True:
        part = await receive()
        body += part.get("body", b"")
        if not part.get("more_body"):
            return body


def authentic(headers: list[tuple[bytes, bytes]]) -> bool:
    return any(name == b"x-vapi-secret" and hmac.compare_digest(value, SECRET) for name, value in headers)


def answer(message: dict[str, Any]) -> bytes:
    calls = message.get("toolCallList") or []
    results = [{"toolCallId": call["id"], "name": call["function"]["name"], "result": "ok"} for call in calls]
    return encode({"results": results} if calls else {})


async def respond(send: Any, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        return
    body = await read(receive)
    if not authentic(scope["headers"]):
        await respond(send, 401, b"{}")
        return
    await respond(send, 200, answer(decode(body)["message"]))
