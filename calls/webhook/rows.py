"""A message as the rows that are written of it."""

from __future__ import annotations

from uuid import UUID

from calls.models import call_pk
from calls.webhook import lenient
from calls.webhook.decode import Message, ToolRequest
from calls.webhook.ledger import EventRow, Stored, ToolRow

_MOST_IDS = 50_000
_ids: dict[str, UUID] = {}


def call_id_of(message: Message) -> UUID:
    """Return Pete's id of the message's call, which has one."""
    vapi_id = message.vapi_id or ""
    call_id = _ids.get(vapi_id)
    if call_id is None:
        if len(_ids) >= _MOST_IDS:
            _ids.clear()
        call_id = _ids[vapi_id] = call_pk(vapi_id)
    return call_id


def event_row(message: Message) -> EventRow:
    return EventRow(
        call_id_of(message),
        message.vapi_id or "",
        message.direction,
        message.customer_number,
        message.assistant_id,
        message.fingerprint,
        message.type,
        message.at,
        message.body,
    )


def tool_row(
    message: Message,
    request: ToolRequest,
    stored: Stored,
    *,
    facts: bytes = b"{}",
    count: int,
    duration_ms: float = 0.0,
    stage_prompt_id: int = 0,
) -> ToolRow:
    return ToolRow(
        call_id_of(message),
        request.key,
        request.fingerprint,
        request.name,
        lenient.encode(request.arguments or {}),
        stored.answer,
        stored.prompt,
        stored.code,
        stored.stage,
        facts,
        duration_ms,
        message.at,
        count,
        stage_prompt_id,
    )
