"""What the proxy did, as events in the ledger of its call: every turn as it was given out, and every fallback."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec

from calls.llm.errors import Failure
from calls.llm.request import ChatRequest
from calls.phases import LLM_FALLBACK
from calls.stages import uses
from calls.webhook.inbox import Inbox, StoreDown
from calls.webhook.kinds import LLM_TURN
from calls.webhook.ledger import EventRow
from calls.webhook.redact import redact

logger = logging.getLogger(__name__)

_LONGEST_TEXT = 20_000
_DIRECTIONS = {"outboundPhoneCall": "outbound", "webCall": "web"}


@dataclass(slots=True)
class Said:
    """One turn as it ended. `interrupted` says why it was not given out to its end: superseded, gone, or ""."""

    text: str = ""
    tool_calls: int = 0
    interrupted: str = ""
    finish: str = ""
    stage: str = ""
    prompt_version: int = 0
    first_ms: float | None = None
    failure: Failure | None = None


class Ledger:
    """Writes through the door's inbox, in the background: nobody on the phone waits for it."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    def write(self, call_id: UUID | None, request: ChatRequest, said: Said) -> None:
        if call_id is None:
            return
        if said.failure is not None:
            fallback = {"reason": said.failure.reason.value}
            self._event(call_id, request, LLM_FALLBACK, fallback).add_done_callback(_told)
        turn: dict[str, Any] = {
            "role": "assistant",
            "text": said.text[:_LONGEST_TEXT],
            "toolCalls": said.tool_calls,
            "interrupted": bool(said.interrupted),
            "interruptedBy": said.interrupted,
            "finishReason": said.finish,
            "stage": said.stage,
            "promptVersion": said.prompt_version,
            "firstTokenMs": said.first_ms,
        }
        committed = self._event(call_id, request, LLM_TURN, turn)

        def note(done: asyncio.Future[Any]) -> None:
            # Not before: only now is there certainly a row of the call.
            if _told(done):
                uses.record_soon(call_id, said.prompt_version)

        committed.add_done_callback(note)

    def _event(self, call_id: UUID, request: ChatRequest, kind: str, details: dict[str, Any]) -> asyncio.Future[Any]:
        key, number, assistant = request.call_key, request.customer_number, request.assistant_id
        # A call is known by what its events say of it, and nothing is better than a guess.
        call = {"id": key, "type": request.call_type, "assistantId": assistant}
        message: dict[str, Any] = {"type": kind, "call": {name: value for name, value in call.items() if value}}
        if number:
            message["customer"] = {"number": number}
        body = redact(msgspec.json.encode({"message": message | details}))
        now = time.time_ns() // 1000
        # Each turn is one, whatever it says, so its fingerprint is its own.
        mark = secrets.token_bytes(16)
        direction = _DIRECTIONS.get(request.call_type, "inbound")
        row = EventRow(call_id, key, direction, number, assistant, mark, kind, now, body)
        return self._inbox.commit(row)


def _told(done: asyncio.Future[Any]) -> bool:
    """Say whether an event was committed, and complain if the store was down."""
    if not done.cancelled() and isinstance(done.exception(), StoreDown):
        logger.warning("A turn of the model is not in the ledger: %s", done.exception())
    return not done.cancelled() and done.exception() is None
