"""Ledgers for tests: deliveries as the door stores them."""

from __future__ import annotations

import itertools
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from calls.models import Call, ToolCall, WebhookEvent, call_pk

START = datetime(2027, 3, 1, 15, tzinfo=UTC)
NUMBER = "+13125550123"
_numbers = itertools.count(1)


def call(vapi_id: str = "", **fields: Any) -> Call:
    """Create a call's row as the door does with its first message."""
    name = vapi_id or f"call-{next(_numbers)}"
    return Call.objects.create(**{"id": call_pk(name), "vapi_id": name} | fields)


def snapshot(row: Call, number: str | None = NUMBER, **fields: Any) -> dict[str, Any]:
    """Return the copy of the call that every message carries."""
    customer = {"customer": {"number": number}} if number else {}
    return {"id": row.vapi_id, "type": "inboundPhoneCall", **customer, **fields}


def deliver(
    row: Call,
    kind: str,
    seconds: float,
    *,
    number: str | None = NUMBER,
    call: dict[str, Any] | None = None,
    **message: Any,
) -> WebhookEvent:
    """Store one message that happened `seconds` after START."""
    at = START + timedelta(seconds=seconds)
    inner = {
        "type": kind,
        "timestamp": int(at.timestamp() * 1000),
        "call": snapshot(row, number, **(call or {})),
        **message,
    }
    body = msgspec.json.encode({"message": inner})
    return WebhookEvent.objects.create(call=row, fingerprint=uuid.uuid4(), type=kind, at=at, body=body)


def tool_call(row: Call, name: str = "update_system_prompt", **fields: Any) -> ToolCall:
    """Store one answered tool call and the message that asked for it."""
    key = f"call_{next(_numbers)}"
    tool = ToolCall.objects.create(
        **{"call": row, "tool_call_id": key, "fingerprint": uuid.uuid4(), "name": name, "answer": "Done."} | fields
    )
    deliver(row, "tool-calls", 10, toolCallList=[{"id": key, "function": {"name": name, "arguments": {}}}])
    return tool


def conversation(row: Call, **ids: Any) -> None:
    """Store a short call up to the assistant's first answer."""
    deliver(row, "status-update", 0, status="in-progress", **ids)
    deliver(row, "speech-update", 1, role="assistant", status="started", **ids)
    deliver(row, "transcript", 2, role="assistant", transcriptType="final", transcript="Hello.", **ids)
    deliver(row, "speech-update", 3, role="assistant", status="stopped", **ids)
    deliver(row, "transcript", 5, role="user", transcriptType="final", transcript="A flat, please.", **ids)


def report(row: Call, seconds: float = 60, **message: Any) -> WebhookEvent:
    """Store an end-of-call-report."""
    return deliver(row, "end-of-call-report", seconds, **{"endedReason": "customer-ended-call"} | message)
