"""From a stage change's event to the rows of its call and its tool call.

The door commits such a message as one row, because a caller waits for that. Whoever reads calls or tool calls for a
decision has these rows made first; the projection does so for everybody else. Safe to run twice and at once.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from uuid import UUID

import msgspec
from django.db import DataError, transaction

from calls.models import Call, ToolCall, WebhookEvent, call_pk
from calls.webhook.answered import AnsweredTool
from calls.webhook.answered import decode as decode_answered
from calls.webhook.decode import decode
from calls.webhook.kinds import QUIET

logger = logging.getLogger(__name__)


def promote(call_ids: Collection[UUID]) -> None:
    """Make the rows that the ledgers of these calls tell of and that are not there yet. Raises DatabaseError."""
    make_calls(call_ids)
    make_tool_calls(call_ids)


def make_calls(call_ids: Collection[UUID]) -> None:
    """Make the rows of calls that have nothing but their events, as the first of these tells."""
    missing = set(call_ids).difference(Call.objects.filter(pk__in=call_ids).values_list("pk", flat=True))
    if missing:
        told = WebhookEvent.objects.filter(call_id__in=missing).exclude(type__in=QUIET).defer("tool_answer")
        # In order of their ids, as the door writes them: two that make the same calls wait, and not in a circle.
        first = told.order_by("call_id", "pk").distinct("call_id")
        calls = [_call(event.call_id, event) for event in first if event.call_id]
        Call.objects.bulk_create(calls, ignore_conflicts=True)


def make_tool_calls(call_ids: Collection[UUID]) -> None:
    """Make the rows of the stage changes of these calls, whose own rows are there."""
    told = WebhookEvent.objects.filter(call_id__in=call_ids, tool_answer__isnull=False)
    kept = {
        pk: (call_id, decode_answered(raw or b""))
        for pk, call_id, raw in told.values_list("pk", "call_id", "tool_answer")
    }
    if not kept:
        return
    known = set(ToolCall.objects.filter(call_id__in=call_ids).values_list("call_id", "tool_call_id", "fingerprint"))
    missing = {
        pk: (call_id, tool)
        for pk, (call_id, tool) in kept.items()
        if call_id and (call_id, tool.tool_call_id, UUID(tool.fingerprint)) not in known
    }
    if missing:
        events = WebhookEvent.objects.filter(pk__in=missing).order_by("pk").defer("tool_answer")
        _store([_tool_call(*missing[event.pk], event) for event in events])


def _call(call_id: UUID, event: WebhookEvent) -> Call:
    message = decode(bytes(event.body))
    name = message.vapi_id or ""
    return Call(
        id=call_id,
        # A body that could not be kept does not tell the name.
        vapi_id=name if call_pk(name) == call_id else str(call_id),
        direction=message.direction,
        customer_number=message.customer_number,
        assistant_vapi_id=message.assistant_id,
        last_event_at=event.received_at,
        created_at=event.received_at,
    )


def _tool_call(call_id: UUID, tool: AnsweredTool, event: WebhookEvent) -> ToolCall:
    asked = decode(bytes(event.body)).tool_calls
    return ToolCall(
        call_id=call_id,
        tool_call_id=tool.tool_call_id,
        fingerprint=UUID(tool.fingerprint),
        name=tool.name,
        arguments=(asked[0].arguments if asked else None) or {},
        answer=tool.answer,
        prompt=tool.prompt,
        code=tool.code,
        stage=tool.stage,
        facts=msgspec.json.decode(tool.facts),
        stage_prompt_id=tool.stage_prompt_id or None,
        at=event.at,
    )


def _store(rows: list[ToolCall]) -> None:
    try:
        with transaction.atomic():
            ToolCall.objects.bulk_create(rows, ignore_conflicts=True)
    except DataError as exc:
        # The answer matters more than how exactly it was asked for.
        logger.warning("%d tool calls are kept without their arguments: %s", len(rows), type(exc).__name__)
        for row in rows:
            row.arguments = {}
        ToolCall.objects.bulk_create(rows, ignore_conflicts=True)
