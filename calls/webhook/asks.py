"""Messages other than tool calls that wait for an answer."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from calls import assistants
from calls.models import Assistant
from calls.webhook.decode import Message
from calls.webhook.door import Door
from calls.webhook.kinds import ASKS, ASSISTANT_REQUEST

logger = logging.getLogger(__name__)

# Vapi gives up after 7.5 s, whatever is configured.
_ASSISTANT_SECONDS = 4.0
_NO_TRANSFER = {"error": "I can't put you through right now, but I can arrange for somebody to call you back."}


async def answer(message: Message, door: Door) -> dict[str, Any]:
    """Return the answer to one request, in time and never an exception."""
    fixed = ASKS[message.type]
    if fixed is not None:
        return fixed
    is_assistant = message.type == ASSISTANT_REQUEST
    work = door.in_thread(assistants.answer_assistant_request if is_assistant else _transfer, message)
    try:
        return await asyncio.wait_for(work, _ASSISTANT_SECONDS)
    except Exception:
        logger.exception("A %s of call %s failed", message.type, message.vapi_id)
        return assistants.answer_without_look_ups() if is_assistant else _NO_TRANSFER


def _transfer(message: Message) -> dict[str, Any]:
    """Put the caller through to the agent the assistant speaks for."""
    chosen = Assistant.objects.select_related("agent").filter(vapi_id=message.assistant_id, is_active=True).first()
    if chosen is None or chosen.agent is None or not chosen.agent.phone:
        return _NO_TRANSFER
    return {"destination": {"type": "number", "number": chosen.agent.phone, "message": "I'm putting you through now."}}
