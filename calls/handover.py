"""A caller wants a person: somebody at the desk is found for them, or a colleague is told to call back.

Reference: https://docs.vapi.ai/calls/call-dynamic-transfers
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from calls import projection
from calls.duty import Circle, free_people, is_open, next_opening
from calls.models import Assistant, Call, PersonRequest, Phase, call_pk
from calls.stages import prompts, rebuild
from calls.tools.answers import Caller
from calls.tools.desk import Desk
from crm.leads import UNKNOWN_CALLER, request_callback
from crm.models import Agent, Lead, Listing, Task, TaskKind

if TYPE_CHECKING:
    from calls.webhook.decode import Message

logger = logging.getLogger(__name__)

NOBODY = "I can't put you through right now, but I can arrange for somebody to call you back."
_BUDGET_MILLISECONDS = 3_000
_SOON = timedelta(minutes=15)
_LONGEST_QUOTE = 120
# What the caller wants, of all a call's context holds.
_WANTED = ("budget", "bedrooms", "property_type", "location", "timeline", "move_in_on", "pets")


# Returns the reply that sends the call to a person, None when it cannot be sent to this one.
Destination = Callable[[Agent, "Message"], dict[str, Any] | None]


def answer_transfer(message: Message) -> dict[str, Any]:
    """Return whom the caller is put through to, else a sentence, with a callback noted."""
    return _answer(message, _number)


def answer_handoff(message: Message) -> dict[str, Any]:
    """Return the assistant of somebody who is there, else a sentence, with a callback noted.

    Vapi hands a call over to assistants alone.
    """
    return _answer(message, _assistant)


def _answer(message: Message, destination: Destination) -> dict[str, Any]:
    if not message.vapi_id:
        return {"error": NOBODY}
    call_id = call_pk(message.vapi_id)
    with transaction.atomic():
        _queue()
        # Two deliveries of one request: the second finds the first one's answer.
        call = Call.objects.select_for_update(no_key=True).get(pk=call_id)
        given = _given_before(call, message)
        if given is None:
            given = _decide(call, message, destination)
    projection.touch(call_id)
    return given


def _queue() -> None:
    """Let one request after the other choose, so that two callers do not get the same person."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('statement_timeout', %s, true), set_config('lock_timeout', %s, true)",
            [f"{_BUDGET_MILLISECONDS}ms"] * 2,
        )
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('pete:handover', 0))")


def _given_before(call: Call, message: Message) -> dict[str, Any] | None:
    if call.phase == Phase.ENDED:
        return {"error": NOBODY}
    row = PersonRequest.objects.filter(call=call, fingerprint=UUID(bytes=message.fingerprint)).first()
    return row.answer if row is not None else None


def _decide(call: Call, message: Message, destination: Destination) -> dict[str, Any]:
    now = timezone.now()
    desk = _desk(call, message)
    circle = Circle(desk.assistant or call.assistant, _listing(call, desk), desk.known_lead())
    chosen: Agent | None = None
    given: dict[str, Any] | None = None
    for agent in free_people(circle, now):
        given = destination(agent, message)
        if given is not None:
            chosen = agent if given["destination"]["type"] == "number" else None
            break
    if given is None:
        given = {"error": _call_back(call, desk, circle, now)}
    logger.info("Call %s asked for a person: %s", call.pk, chosen.pk if chosen else "callback")
    values = {
        "fingerprint": UUID(bytes=message.fingerprint),
        "answer": given,
        "agent": chosen,
        "answered_at": now,
    }
    PersonRequest.objects.update_or_create(call=call, defaults=values, create_defaults=values | {"asked_at": now})
    return given


def _number(agent: Agent, message: Message) -> dict[str, Any] | None:
    said = f"I'm putting you through to {agent.get_short_name()} now. One moment, please."
    return {"destination": {"type": "number", "number": agent.phone, "message": said}}


def _assistant(agent: Agent, message: Message) -> dict[str, Any] | None:
    theirs = Assistant.objects.filter(agent=agent, is_active=True).exclude(vapi_id=message.assistant_id)
    vapi_id = theirs.values_list("vapi_id", flat=True).first()
    return {"destination": {"type": "assistant", "assistantId": vapi_id}} if vapi_id else None


def _desk(call: Call, message: Message) -> Desk:
    # From the committed rows: the columns may be a moment behind what was just said.
    context = rebuild.load_state(call.pk).context
    number = message.customer_number or call.customer_number or None
    vapi_id = message.assistant_id or call.assistant_vapi_id or None
    return Desk(Caller(call.pk, call.vapi_id, number, context.get("email"), context, timezone.now(), vapi_id))


def _listing(call: Call, desk: Desk) -> Listing | None:
    spoken_of = desk.id_of("listing_id")
    found = Listing.objects.filter(pk=spoken_of).first() if spoken_of else None
    if found is not None or call.listing is not None:
        return found or call.listing
    return desk.assistant.listing if desk.assistant else None


def _call_back(call: Call, desk: Desk, circle: Circle, now: datetime) -> str:
    """Have somebody call back, once for the call, and return what the caller is told."""
    people = list(circle.people())
    opens_at = None if is_open(people, now) else next_opening(people, now)
    lead = desk.lead()
    if not Task.objects.filter(call_id=call.pk, kind=TaskKind.CALLBACK, done_at=None).exists():
        request_callback(
            lead=lead,
            reason=brief(call, desk, circle.listing, lead),
            due_at=opens_at or now + _SOON,
            call_id=call.pk,
            # The tool's own key for "as soon as possible": asked for in both ways it is still one task.
            key=f"callback:{call.pk}:soon",
        )
    when = f" {desk.say(opens_at)}" if opens_at else " as soon as possible"
    if not lead.phone:
        return f"Nobody can take the call right now. A colleague will call back{when}: on which number?"
    return f"Nobody can take the call right now, but I have asked a colleague to call you back{when}."


def brief(call: Call, desk: Desk, listing: Listing | None, lead: Lead) -> str:
    """Return what a colleague needs to know before they call: who, which home, what they want, their last words."""
    name = desk.fact("full_name") or (lead.full_name if lead.full_name != UNKNOWN_CALLER else "")
    who = ", ".join(filter(None, [name or UNKNOWN_CALLER, lead.phone or "number withheld"]))
    wanted = {key: value for key, value in desk.caller.context.items() if key in _WANTED and value not in (None, "")}
    said = next((line.get("text", "") for line in reversed(call.transcript) if line.get("role") == "user"), "")
    parts = [
        f"{who} asked for a person and nobody was free.",
        f"Home: {listing}." if listing else "No home named.",
        f"Wants: {prompts.summary(wanted)}." if wanted else "",
        f"Last words: “{said[:_LONGEST_QUOTE]}”" if said else "",
    ]
    return " ".join(filter(None, parts))
