"""Bodies in the shapes Vapi really sends, with places for what differs from one delivery to the next.

`@CALL@` is the call's id, `@TOOL@` the tool call's id, `@TS@` the message's time in milliseconds.
"""

from __future__ import annotations

import json
from typing import Any

CALL = {
    "id": "@CALL@",
    "orgId": "3e7021c5-b5ac-4eec-8c5f-f6b50d789a90",
    "type": "inboundPhoneCall",
    "status": "ringing",
    "createdAt": "2026-11-20T15:04:05.000Z",
    "updatedAt": "2026-11-20T15:04:05.000Z",
    "phoneCallProvider": "twilio",
    "phoneCallTransport": "pstn",
    "assistantId": "c1f3f2de-4c60-4c5c-9f52-7a6c5d3ae001",
    "customer": {"number": "+13125550142"},
}
PHONE_NUMBER = {"id": "f0d8c5a4-6f5f-4f29-9d8f-0c9d5e7b1a02", "number": "+13125550100", "name": "Leasing desk"}
ARGUMENTS = {
    "new_state": "BOOKING",
    "context": {"budget": 1800, "timeline": "3 months", "property_type": "apartment", "location": "Lincoln Park"},
}
TOOL = {
    "type": "function",
    "async": False,
    "function": {
        "name": "update_system_prompt",
        "description": "Move the conversation to its next stage.",
        "parameters": {
            "type": "object",
            "properties": {"new_state": {"type": "string"}, "context": {"type": "object"}},
        },
    },
    "server": {"url": "https://desk.example.com/vapi/webhook", "timeoutSeconds": 20},
    "messages": [],
}
SYSTEM_PROMPT = "You qualify leads. Find out budget, timeline, property type and location, one question at a time."


def message(kind: str, **fields: Any) -> dict[str, Any]:
    """Return one delivery of type `kind` with the usual envelope."""
    envelope = {"timestamp": "@TS@", "type": kind, "call": CALL, "phoneNumber": PHONE_NUMBER}
    return {"message": envelope | {"customer": CALL["customer"]} | fields}


def stage_change(new_state: str = "BOOKING") -> dict[str, Any]:
    """Return an `update_system_prompt` tool call of about 2 KB: arguments as an object, listed as Vapi lists it."""
    arguments = ARGUMENTS | {"new_state": new_state}
    call = {
        "id": "call_@TOOL@",
        "type": "function",
        "function": {"name": "update_system_prompt", "arguments": arguments},
    }
    offered = TOOL | {"toolCall": call}
    artifact = {
        "messages": [{"role": "system", "message": SYSTEM_PROMPT, "time": 1763650000000, "secondsFromStart": 0}]
    }
    return message(
        "tool-calls", toolCalls=[call], toolCallList=[call], toolWithToolCallList=[offered], artifact=artifact
    )


def transcript(text: str, kind: str, role: str = "user") -> dict[str, Any]:
    return message("transcript", role=role, transcriptType=kind, transcript=text, isFiltered=False)


def end_of_call_report() -> dict[str, Any]:
    lines = [
        {"role": "user", "message": f"Line {n} of the conversation.", "time": 1763650000000 + n} for n in range(20)
    ]
    return message(
        "end-of-call-report",
        endedReason="customer-ended-call",
        cost=0.1234,
        startedAt="2026-11-20T15:04:05.000Z",
        endedAt="2026-11-20T15:08:05.000Z",
        analysis={"summary": "The caller wants a two-bedroom apartment.", "successEvaluation": "true"},
        artifact={"messages": lines, "transcript": "AI: Hello.\nUser: Hello.\n" * 10},
    )


def whole_call() -> list[dict[str, Any]]:
    """Return the deliveries of one short call, in the order in which Vapi sends them."""
    deliveries = [message("status-update", status="in-progress")]
    words = ["I", "am", "looking", "for", "a", "two", "bedroom", "apartment", "in", "Lincoln", "Park"]
    for turn in range(4):
        deliveries.append(message("speech-update", status="started", role="user", turn=turn))
        deliveries += [transcript(" ".join(words[:length]), "partial") for length in range(3, len(words), 2)]
        deliveries.append(transcript(" ".join(words), "final"))
        deliveries.append(message("speech-update", status="stopped", role="user", turn=turn))
        if turn in (1, 2):
            deliveries.append(stage_change(("BOOKING", "CONFIRMATION")[turn - 1]))
        deliveries.append(message("speech-update", status="started", role="assistant", turn=turn))
        deliveries.append(transcript("I have Tuesday at three or Wednesday at ten.", "final", "assistant"))
        deliveries.append(message("speech-update", status="stopped", role="assistant", turn=turn))
    deliveries.append(message("status-update", status="ended", endedReason="customer-ended-call"))
    deliveries.append(end_of_call_report())
    return deliveries


# Deliveries of one call, in turn; the next round of them is another call's.
WORKLOADS: dict[str, list[dict[str, Any]]] = {
    "stage change": [stage_change()],
    "informational": [transcript("I am looking for a two bedroom", "partial")],
    "whole call": whole_call(),
}


def encoded(workload: str) -> list[str]:
    """Return the bodies of one workload as JSON; the time's place is a bare number's."""
    return [json.dumps(body).replace('"@TS@"', "@TS@") for body in WORKLOADS[workload]]
