"""A message as the rows that are written of it."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import msgspec

from calls.models import call_pk
from calls.webhook import answered
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
        request.arguments or {},
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


def one_row(message: Message, event: EventRow, tools: Sequence[ToolRow]) -> bytes:
    """Return the tool call as its event keeps it; b"" when its rows could not be made of the event alone."""
    if len(message.tool_calls) != 1 or event.vapi_id.encode() not in event.body:
        return b""
    (tool,) = tools
    kept = answered.AnsweredTool(
        tool.tool_call_id, tool.fingerprint.hex(), tool.name, tool.answer, tool.prompt, tool.code, tool.stage,
        msgspec.Raw(tool.facts), tool.stage_prompt_id,
    )  # fmt: skip
    return answered.encode(kept)
