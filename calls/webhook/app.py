"""The ASGI application Vapi talks to. 200 means that the delivery is committed."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from calls.webhook import handlers
from calls.webhook.auth import NotConfigured, Unauthenticated, authenticator
from calls.webhook.body import MAX_BODY_BYTES, Gone, TooLarge, read_body
from calls.webhook.decode import decode
from calls.webhook.door import door
from calls.webhook.inbox import StoreDown
from calls.webhook.lenient import NotJson

logger = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]

_JSON = (b"content-type", b"application/json")


async def vapi_webhook(scope: Scope, receive: Receive, send: Send) -> None:
    """Authenticate, decode, handle, commit, answer."""
    if scope["method"] != "POST":
        await _refuse(send, 405, "method_not_allowed", "Send server messages with POST.", (b"allow", b"POST"))
        return
    headers = scope["headers"]
    try:
        body = await read_body(headers, receive)
        authenticator().check(headers, body, path=scope["path"])
        answer = await handlers.answer(decode(body), door())
    except Gone:
        return
    except TooLarge:
        # What is still on its way is not read, so the connection cannot be used again.
        await _refuse(send, 413, "too_large", f"At most {MAX_BODY_BYTES} bytes.", (b"connection", b"close"))
    except NotConfigured:
        logger.error("A webhook was refused: neither VAPI_WEBHOOK_SECRET nor VAPI_HMAC_SECRET is set")
        await _refuse(send, 503, "not_configured", "No webhook secret is configured.")
    except Unauthenticated:
        await _refuse(send, 401, "unauthenticated", "No configured authentication method fits.")
    except NotJson:
        await _refuse(send, 400, "not_json", "The body is not JSON.")
    except StoreDown as exc:
        # The inbox has told of the outage, once; this is one of its many victims.
        logger.info("A webhook was not stored: %s", exc)
        await _refuse(send, 503, "store_down", "Not stored. Try again.", (b"retry-after", b"1"))
    else:
        await _respond(send, 200, answer)


async def _refuse(send: Send, status: int, code: str, detail: str, *headers: tuple[bytes, bytes]) -> None:
    await _respond(send, status, b'{"error":"%b","detail":"%b"}' % (code.encode(), detail.encode()), *headers)


async def _respond(send: Send, status: int, body: bytes, *headers: tuple[bytes, bytes]) -> None:
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": status, "headers": [_JSON, length, *headers]})
    await send({"type": "http.response.body", "body": body})
