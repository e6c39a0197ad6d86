"""The ASGI application behind Vapi's "custom LLM": authenticate, read, answer as a stream or whole."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from calls.llm.answers import EventSink, Send, WholeSink, respond
from calls.llm.proxy import proxy
from calls.llm.request import BadRequest, ChatRequest, read_request
from calls.llm.turn import Turn
from calls.models import call_pk
from calls.webhook.auth import NotConfigured, Unauthenticated, authenticator
from calls.webhook.body import MAX_BODY_BYTES, Gone, TooLarge, read_body
from calls.webhook.lenient import NotJson

logger = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

_INVALID = "invalid_request_error"


async def chat_completions(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one chat request. Only what cannot be understood is refused: a model that fails is covered up for."""
    if scope["method"] != "POST":
        await _refuse(send, 405, _INVALID, "method_not_allowed", "Send chat requests with POST.", (b"allow", b"POST"))
        return
    headers = scope["headers"]
    try:
        body = await read_body(headers, receive)
        authenticator().check(headers, body, path=scope["path"])
        request = read_request(body, headers)
    except Gone:
        return
    except TooLarge:
        detail = f"At most {MAX_BODY_BYTES} bytes."
        await _refuse(send, 413, _INVALID, "too_large", detail, (b"connection", b"close"))
    except NotConfigured:
        logger.error("A chat request was refused: neither VAPI_WEBHOOK_SECRET nor VAPI_HMAC_SECRET is set")
        await _refuse(send, 503, "server_error", "not_configured", "No webhook secret is configured.")
    except Unauthenticated:
        detail = "No configured authentication method fits."
        await _refuse(send, 401, "authentication_error", "unauthenticated", detail)
    except NotJson:
        await _refuse(send, 400, _INVALID, "not_json", "The body is not JSON.")
    except BadRequest as exc:
        await _refuse(send, 400, _INVALID, exc.code, str(exc), param=exc.param)
    else:
        await _answer(request, receive, send)


async def no_such_path(scope: Scope, receive: Receive, send: Send) -> None:
    """Tell a client that was pointed at a wrong address, in the words it understands, which one is right."""
    detail = "There is nothing here. Chat requests go to /llm/chat/completions."
    await _refuse(send, 404, _INVALID, "not_found", detail)


async def _answer(request: ChatRequest, receive: Receive, send: Send) -> None:
    held = proxy()
    if request.stream:
        sink: Any = EventSink(send, held.model, wants_usage=request.wants_usage)
    else:
        sink = WholeSink(send, held.model)
    turn = Turn(held, request, call_pk(request.call_key) if request.call_key else None, sink)
    watch = asyncio.ensure_future(_disconnected(receive))
    watch.add_done_callback(lambda done: None if done.cancelled() else turn.leave())
    try:
        await turn.run()
    finally:
        watch.cancel()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _refuse(
    send: Send, status: int, kind: str, code: str, detail: str, *headers: tuple[bytes, bytes], param: str | None = None
) -> None:
    """Answer as OpenAI's API does, which is what the clients understand."""
    error = {"message": detail, "type": kind, "param": param, "code": code}
    await respond(send, status, {"error": error}, *headers)
