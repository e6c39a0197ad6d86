"""Messages other than tool calls that wait for an answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from calls import assistants, handover
from calls.webhook.decode import Message
from calls.webhook.door import Door
from calls.webhook.kinds import ASKS, ASSISTANT_REQUEST, HANDOFF_REQUEST, TRANSFER_REQUEST

logger = logging.getLogger(__name__)

# Vapi gives up after 7.5 s, whatever is configured.
_ASSISTANT_SECONDS = 4.0
_WORK: dict[str, Callable[[Message], dict[str, Any]]] = {
    ASSISTANT_REQUEST: lambda message: assistants.answer_assistant_request(message),
    TRANSFER_REQUEST: lambda message: handover.answer_transfer(message),
    HANDOFF_REQUEST: lambda message: handover.answer_handoff(message),
}


async def answer(message: Message, door: Door) -> dict[str, Any]:
    """Return the answer to one request, in time and never an exception."""
    fixed = ASKS[message.type]
    if fixed is not None:
        return fixed
    work = door.in_thread(_WORK[message.type], message)
    try:
        return await asyncio.wait_for(work, _ASSISTANT_SECONDS)
    except Exception:
        logger.exception("A %s of call %s failed", message.type, message.vapi_id)
        is_assistant = message.type == ASSISTANT_REQUEST
        return assistants.answer_without_look_ups() if is_assistant else {"error": handover.NOBODY}
