"""The reply to tool calls, as Vapi reads it: every id once, in the order asked, each result one line of text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from calls.webhook.decode import Message, ToolRequest
from calls.webhook.ledger import Stored

LONGEST_RESULT = 900
_encode = msgspec.json.Encoder().encode


class _Result(msgspec.Struct, omit_defaults=True, rename="camel"):
    tool_call_id: str
    name: str
    result: str
    assistant_override: dict[str, Any] | None = None


def results(message: Message, requests: Sequence[ToolRequest], answers: Sequence[Stored]) -> bytes:
    """Return {"results": [...]}; the legacy function-call also finds its one `result` beside them."""
    found = [
        _Result(request.id, request.name, stored.answer, _override(stored.prompt) if stored.prompt else None)
        for request, stored in zip(requests, answers, strict=True)
    ]
    if message.is_legacy and found:
        return _encode({"results": found, "result": found[0].result})
    return _encode({"results": found})


def _override(prompt: str) -> dict[str, Any]:
    return {"model": {"messages": [{"role": "system", "content": prompt}]}}


def one_line(text: str) -> str:
    """Return `text` without line breaks, which Vapi cannot read, and not longer than may be said."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_RESULT else line[: LONGEST_RESULT - 1].rsplit(" ", 1)[0] + "…"
