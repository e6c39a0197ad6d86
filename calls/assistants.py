"""The answer to an assistant-request: who speaks with this caller, and what they know beforehand.

Vapi waits 7.5 s and the caller hears silence meanwhile, so look-ups have a budget of their own, and without them there
still is an assistant.
Reference: https://docs.vapi.ai/server-url/events
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from calls.models import Assistant, call_pk
from calls.phrases import say_date, say_time
from calls.stages import FIRST_STAGE, prompts, uses
from calls.tools import tool_definitions
from calls.tools.answers import Caller
from calls.tools.desk import Desk
from calls.tools.homes import shown
from calls.tools.people import read_name
from crm.models import Lead, Listing
from crm.phones import to_e164

if TYPE_CHECKING:
    from calls.webhook.decode import Message

logger = logging.getLogger(__name__)

LOOKUP_MILLISECONDS = 2000
SERVER_TIMEOUT_SECONDS = 20
NAME = "Pete"
MODEL = {"provider": "openai", "model": "gpt-4o"}
GREETING = "Hello! Thank you for calling about our homes. To find the right one for you: what is your budget a month?"
WELCOME_BACK = "Hello {name}, welcome back. How can I help you today?"
# Without "tool-calls" every tool fails in silence; without "transcript" the live board shows no words.
SERVER_MESSAGES = [
    "assistant.started",
    "conversation-update",
    "end-of-call-report",
    "hang",
    "speech-update",
    "status-update",
    "tool-calls",
    "transcript",
    "transfer-update",
    "user-interrupted",
]
_LEAD_FACTS = ("full_name", "email", "budget", "timeline", "property_type", "location", "bedrooms", "pets")
_OPENING = re.compile(r"^\s*(?:hi|hello|hey|good (?:morning|afternoon|evening))\b[^.!?]{0,20}[.!,]\s*", re.IGNORECASE)


@dataclass(frozen=True)
class Known:
    """What is known before the first word is said."""

    assistant: Assistant | None = None
    listing: Listing | None = None
    lead: Lead | None = None
    viewing: str = ""


def answer_assistant_request(message: Message) -> dict[str, Any]:
    """Return the mapped assistant with what we know of the caller, else a whole assistant of our own. Never raises."""
    now = timezone.now()
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT set_config('statement_timeout', %s, true), set_config('lock_timeout', %s, true)",
                    [f"{LOOKUP_MILLISECONDS}ms"] * 2,
                )
            known = _look_up(message, now)
    except Exception:
        # Somebody is on the line: an assistant who knows nothing is better than none.
        logger.exception("Nothing could be looked up for call %s", message.vapi_id)
        known = Known()
    values = variable_values(known, now)
    if known.assistant is not None:
        return {"assistantId": known.assistant.vapi_id, "assistantOverrides": _overrides(known, values)}
    if message.vapi_id:
        uses.record(call_pk(message.vapi_id), prompts.chosen(FIRST_STAGE).version_id)
    return {"assistant": transient_assistant(known, values)}


def answer_without_look_ups() -> dict[str, Any]:
    """Return the assistant who speaks when nothing can be looked up in time."""
    known = Known()
    return {"assistant": transient_assistant(known, variable_values(known, timezone.now()))}


def _look_up(message: Message, now: datetime) -> Known:
    dialled = to_e164(message.dialled_number) if message.dialled_number else None
    active = Assistant.objects.filter(is_active=True).select_related("listing")
    assistant = active.filter(phone_number=dialled).first() if dialled else None
    if assistant is None and message.assistant_id:
        assistant = active.filter(vapi_id=message.assistant_id).first()
    caller = Caller(call_pk(message.vapi_id or ""), message.vapi_id or "", message.customer_number, None, {}, now)
    desk = Desk(caller)
    # Without a number nobody is recognised: what a new caller is told must be theirs.
    lead = Lead.objects.filter(phone=desk.number).first() if desk.number else None
    viewing = desk.own_viewings().filter(status="booked").first() if lead else None
    listing = assistant.listing if assistant else None
    if listing is not None and not shown().filter(pk=listing.pk).exists():
        listing = None
    said = f"{desk.say(viewing.starts_at)}, at {viewing.listing}, event_id {viewing.pk}" if viewing else ""
    return Known(assistant, listing, lead, said)


def variable_values(known: Known, now: datetime) -> dict[str, str]:
    """Return what a prompt at Vapi may name as {{caller_name}} and so on. All are there: a gap would be read out."""
    local = now.astimezone(settings.OFFICE_TZ)
    values = {
        "caller_name": _name(known.lead),
        "caller_first_name": _name(known.lead).split(" ")[0],
        "known_facts": prompts.summary(_facts(known.lead)),
        "upcoming_viewing": known.viewing,
        "listing": str(known.listing) if known.listing else "",
        "listing_id": str(known.listing.pk) if known.listing else "",
        "today": f"{say_date(local.date(), local.date())} {local.year}",
        "time_now": say_time(local),
        "office_time_zone": settings.OFFICE_TZ.key,
    }
    return {name: _without_braces(value) for name, value in values.items()}


def _name(lead: Lead | None) -> str:
    return (read_name(lead.full_name) or "") if lead else ""


def _facts(lead: Lead | None) -> dict[str, Any]:
    """Return the lead's own words, as the call's context has them."""
    if lead is None:
        return {}
    facts = {name: getattr(lead, name) for name in _LEAD_FACTS}
    facts["full_name"] = _name(lead)
    if lead.budget is not None:
        facts["budget"] = int(lead.budget) if lead.budget == int(lead.budget) else float(lead.budget)
    if lead.move_in_on is not None:
        facts["move_in_on"] = lead.move_in_on.isoformat()
    return {name: value for name, value in facts.items() if value not in (None, "")}


def _without_braces(text: str) -> str:
    """Return `text` without what Vapi, or the model, would take for a placeholder."""
    return re.sub(r"[{}]|%(?=[{}])", "", text)


def _overrides(known: Known, values: dict[str, str]) -> dict[str, Any]:
    overrides: dict[str, Any] = {"variableValues": values, "metadata": _metadata(known)}
    own = known.assistant.first_message if known.assistant else ""
    if own:
        overrides["firstMessage"] = _first_message(own, values)
    return overrides


def _metadata(known: Known) -> dict[str, Any]:
    return {"listing_id": known.listing.pk if known.listing else None, "is_known_caller": bool(_name(known.lead))}


def _first_message(own: str, values: dict[str, str]) -> str:
    """Return the greeting, by name for a returning caller."""
    for name, value in values.items():
        own = re.sub(r"\{\{\s*" + name + r"\s*\}\}", value.replace("\\", ""), own)
    own = " ".join(_without_braces(own).split())
    name = values["caller_first_name"]
    if not name or name in own:
        return own
    rest = _OPENING.sub("", own)
    return f"Hello {name}, welcome back. {rest[:1].upper()}{rest[1:]}".strip()


def transient_assistant(known: Known, values: dict[str, str]) -> dict[str, Any]:
    """Return a whole assistant: it greets, qualifies, has all tools, and reports everything to us."""
    name = values["caller_first_name"]
    prompt = _without_braces(prompts.render(FIRST_STAGE, _facts(known.lead)))
    return {
        "name": NAME,
        "firstMessage": WELCOME_BACK.format(name=name) if name else GREETING,
        "model": {
            **MODEL,
            "messages": [{"role": "system", "content": f"{prompt}\n\n{_situation(values)}"}],
            "tools": [*tool_definitions(), {"type": "endCall"}],
        },
        "server": server(),
        "serverMessages": SERVER_MESSAGES,
        "metadata": _metadata(known),
    }


def _situation(values: dict[str, str]) -> str:
    lines = [f"Today is {values['today']}, the time is {values['time_now']} ({values['office_time_zone']})."]
    if values["caller_name"]:
        lines.append(f"The caller has called before: {values['caller_name']}.")
    if values["upcoming_viewing"]:
        lines.append(f"They have a viewing ahead: {values['upcoming_viewing']}.")
    if values["listing"]:
        lines.append(f"The call is about {values['listing']}.")
    return " ".join(lines)


def server() -> dict[str, Any]:
    """Return where Vapi sends this assistant's messages, and how they prove to be Vapi's."""
    where: dict[str, Any] = {"url": f"{settings.PUBLIC_URL}/vapi/webhook", "timeoutSeconds": SERVER_TIMEOUT_SECONDS}
    if settings.VAPI_WEBHOOK_SECRET:
        where["headers"] = {"X-Vapi-Secret": settings.VAPI_WEBHOOK_SECRET}
    return where
