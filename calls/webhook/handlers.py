"""What each message gets as an answer. The answer leaves only after the delivery is committed."""

from __future__ import annotations

import logging

import msgspec

from calls.stages import StoreUnavailable
from calls.tower import keyring
from calls.webhook import asks, stage_tool, tools
from calls.webhook.decode import Message
from calls.webhook.door import Door
from calls.webhook.kinds import ASKS
from calls.webhook.results import results
from calls.webhook.rows import call_id_of, event_row

logger = logging.getLogger(__name__)

_NOTHING = b"{}"
_encode = msgspec.json.Encoder().encode


async def answer(message: Message, door: Door) -> bytes:
    """Store one message and return its answer as JSON. Raises StoreDown."""
    if message.is_tool_message:
        return await _answer_tools(message, door)
    if message.type in ASKS:
        await _store(message, door)
        return _encode(await asks.answer(message, door))
    await _store(message, door)
    if message.is_end and message.vapi_id:
        await _end(message, door)
    return _NOTHING


async def _store(message: Message, door: Door) -> None:
    if message.vapi_id:
        event = event_row(message)
        await door.inbox.commit(event)
        keyring.notice(event.call_id, message, door)


async def _end(message: Message, door: Door) -> None:
    try:
        await door.store.end(call_id_of(message))
    except StoreUnavailable as exc:
        # A later tool call finds the end in PostgreSQL.
        logger.warning("The end of call %s is not in the stage store: %s", message.vapi_id, exc)


async def _answer_tools(message: Message, door: Door) -> bytes:
    requests = message.tool_calls
    if not message.vapi_id:
        return results(message, requests, [await tools.without_call(message, request, door) for request in requests])
    event = event_row(message)
    keyring.notice(event.call_id, message, door)
    if requests and all(stage_tool.is_fast(request) for request in requests):
        return results(message, requests, await stage_tool.answer_all(message, event, requests, door))
    await door.inbox.commit(event)
    answers = []
    # One after the other, as the assistant asked: a booking before the e-mail that confirms it.
    for request in requests:
        if stage_tool.is_fast(request):
            answers += await stage_tool.answer_all(message, event, [request], door)
        else:
            answers.append(await tools.answer(message, event.call_id, request, door))
    return results(message, requests, answers)
