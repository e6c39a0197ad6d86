"""Every server message Vapi's description names, and what the door does with it.

Whatever carries a call id is stored. `ASKS` wait for an answer; the others only report and get `{}`.
"""

from __future__ import annotations

TOOL_CALLS = "tool-calls"
FUNCTION_CALL = "function-call"
ASSISTANT_REQUEST = "assistant-request"
TRANSFER_REQUEST = "transfer-destination-request"
HANDOFF_REQUEST = "handoff-destination-request"

# What asks, besides tool calls, and the answer where it does not depend on the call.
ASKS: dict[str, dict[str, object] | None] = {
    ASSISTANT_REQUEST: None,
    TRANSFER_REQUEST: None,
    HANDOFF_REQUEST: None,
    # What the assistant may say about a home comes from tools, not from documents.
    "knowledge-base-request": {"documents": []},
    # Deliberately not served: raw audio and turn detection stay with Vapi.
    "voice-request": {},
    "call.endpointing.request": {"timeoutSeconds": 0.5},
    "campaign.predial": {"eligible": True},
}

# What the live board, the transcript and the lead are made of.
REPORTS = frozenset(
    {
        "status-update",
        "end-of-call-report",
        "transcript",
        'transcript[transcriptType="final"]',
        'transcript[transcriptType="partial"]',
        "speech-update",
        "conversation-update",
        "user-interrupted",
        "hang",
        "assistant.started",
        "assistant.speechStarted",
    }
)

# Stored for support, and deliberately without effect.
IGNORED = frozenset(
    {
        "model-output",
        "voice-input",
        "transfer-update",
        "language-changed",
        "language-change-detected",
        "phone-call-control",
        "chat.created",
        "chat.deleted",
        "session.created",
        "session.updated",
        "session.deleted",
        "call.deleted",
        "call.delete.failed",
        "call.artifact.upload",
    }
)

# Our own entries that change nothing about a call: they wait to be counted until something else happens in it.
LLM_TURN = "pete.llm-turn"
QUIET = frozenset({LLM_TURN})

KNOWN = frozenset({TOOL_CALLS, FUNCTION_CALL}) | ASKS.keys() | REPORTS | IGNORED
