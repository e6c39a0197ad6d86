"""What a call leaves with its lead: who called, what was said, the timeline, and what is to be done afterwards.

Everything is keyed, so folding a call again, in this process or another, adds nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from django.utils import timezone

from calls.models import EXPIRED_CLASS, Call, Phase, ToolCall
from calls.stages.facts import validate_facts
from crm.hooks.events import tell
from crm.leads import UNKNOWN_CALLER, apply_facts, lead_for_caller
from crm.models import Appointment, AppointmentStatus, EntryKind, Lead, Task, TaskKind, WebhookEvent
from crm.phones import to_e164
from crm.timeline import add_timeline, open_task

logger = logging.getLogger(__name__)

FOLLOW_UP_AFTER = timedelta(hours=1)
# Nobody spoke with the caller: there is nothing half-way about it, but somebody should try again.
_UNREACHED = frozenset({"voicemail", "no_answer"})
# Staff or a person took the call over, or it was called off on purpose.
_NO_FOLLOW_UP = frozenset({"forwarded", "cancelled"})
_WHY = {
    "customer_ended": "The caller hung up",
    "assistant_ended": "The call ended without a viewing",
    "silence": "The line went silent",
    "too_long": "The call reached its time limit",
    "error": "The call broke off because of a technical error",
    "voicemail": "The call reached voicemail",
    "no_answer": "The call was not answered",
    EXPIRED_CLASS: "The call fell silent and never reported its end",
}
# What a caller may have called for who has a viewing from an earlier call.
_SETTLING = frozenset({"reschedule_appointment", "cancel_appointment"})
_DIRECTION_NOUN = {"inbound": "Call", "outbound": "Outbound call", "web": "Web call"}


class Before(NamedTuple):
    """What was already known of a call, and so has landed."""

    lead_id: int | None
    is_started: bool
    is_ended: bool
    has_report: bool

    @classmethod
    def of(cls, call: Call) -> Before:
        return cls(call.lead_id, call.started_at is not None, call.phase == Phase.ENDED, call.has_report)


def land(call: Call, before: Before, tools: Sequence[ToolCall], viewings: Sequence[Appointment]) -> None:
    """Bring the call's lead up to what is new in the call. Sets `call.lead` when the caller became known."""
    if call.lead is None:
        call.lead = _lead_of(call, viewings)
    lead, now = call.lead, Before.of(call)
    if now.is_ended and not before.is_ended:
        tell(WebhookEvent.CALL_ENDED, {"call": _told(call)})
    if lead is None:
        return
    is_new = before.lead_id is None
    said = [tool for tool in tools if tool.facts and tool.landed_at is None]
    if said:
        _land_facts(call, lead, said)
    if (now.is_started or now.is_ended) and (is_new or not (before.is_started or before.is_ended)):
        _note_start(call, lead)
    if now.has_report and (is_new or not before.has_report):
        _note_report(call, lead)
    if now.is_ended and (is_new or not before.is_ended):
        _note_end(call, lead)
    if now.is_ended:
        # At every fold: what settles the matter may be stored after the end.
        _follow_up(call, lead, tools, viewings)


def _told(call: Call) -> dict[str, Any]:
    """Return what subscribers hear of a call that has ended; its report may come later."""
    return {
        "id": str(call.pk),
        "vapi_id": call.vapi_id,
        "lead": call.lead.pk if call.lead else None,
        "listing": call.listing_id,
        "ended_reason": call.ended_reason,
    }


def _lead_of(call: Call, viewings: Iterable[Appointment]) -> Lead | None:
    """Return the caller's lead: by number, by what was said, or by the viewing they booked.

    A caller nobody can name gets one when the call ends: what they said must not be lost.
    """
    context = call.context
    number = to_e164(call.customer_number) if call.customer_number else None
    email, name = context.get("email"), context.get("full_name")
    if number is None:
        known = next((viewing.lead for viewing in viewings), None)
        if known is not None:
            return known
        if not email and not name and call.phase != Phase.ENDED:
            return None
    source = "web" if call.direction == "web" else "phone"
    full_name = name if isinstance(name, str) else None
    if number is None and not email and not full_name:
        full_name = UNKNOWN_CALLER
    return lead_for_caller(
        phone=number,
        email=email if isinstance(email, str) else None,
        # What was said is applied as a fact below; here it only names a new lead.
        full_name=full_name,
        source=source,
        is_demo=call.is_demo,
    )


def _land_facts(call: Call, lead: Lead, said: Sequence[ToolCall]) -> None:
    """Write what was said, once: later edits by staff are not undone when the call is folded again."""
    facts: dict[str, Any] = {}
    for tool in said:
        facts.update({name: value for name, value in tool.facts.items() if value not in (None, "")})
    apply_facts(lead, facts, actor="assistant", call_id=call.pk)
    ToolCall.objects.filter(pk__in=[tool.pk for tool in said]).update(landed_at=timezone.now())


def _note_start(call: Call, lead: Lead) -> None:
    where = f" about {call.listing}" if call.listing else ""
    text = f"{_DIRECTION_NOUN[call.direction]} started{where}"
    at = call.started_at or call.created_at
    add_timeline(
        lead, EntryKind.CALL, text, data=_facts_of(call), at=at, call_id=call.pk, key=f"call-started:{call.pk}"
    )


def _note_end(call: Call, lead: Lead) -> None:
    data = _facts_of(call) | {"ended_reason": call.ended_reason, "ended_class": call.ended_class}
    reason = f": {call.ended_reason}" if call.ended_reason else ""
    text = f"{_DIRECTION_NOUN[call.direction]} ended{reason}"
    at = call.ended_at or timezone.now()
    add_timeline(lead, EntryKind.CALL, text, data=data, at=at, call_id=call.pk, key=f"call-ended:{call.pk}")


def _note_report(call: Call, lead: Lead) -> None:
    """Keep the report's summary, and what it found out where the lead knows nothing better."""
    # The model's own reading of the call is a second source: it fills gaps and overrules nobody.
    apply_facts(lead, validate_facts(call.structured_data), actor="assistant", call_id=call.pk, only_gaps=True)
    if not call.summary:
        return
    data = _facts_of(call) | {
        "ended_reason": call.ended_reason,
        "cost": None if call.cost is None else str(call.cost),
        "has_recording": bool(call.recording_url),
    }
    at = call.ended_at or timezone.now()
    add_timeline(lead, EntryKind.CALL, call.summary, data=data, at=at, call_id=call.pk, key=f"call-report:{call.pk}")


def _facts_of(call: Call) -> dict[str, Any]:
    lasted: float | None = None
    if call.started_at and call.ended_at:
        lasted = round(max((call.ended_at - call.started_at).total_seconds(), 0.0), 1)
    return {"call": str(call.pk), "direction": call.direction, "duration_seconds": lasted}


def _follow_up(call: Call, lead: Lead, tools: Sequence[ToolCall], viewings: Sequence[Appointment]) -> None:
    """Leave a task when the caller went away without a viewing and without a promise to be called back."""
    key = f"follow-up:{call.pk}"
    # Told by its tools, not only by the viewings: one that was booked may have been cancelled since.
    has_settled = any((tool.name in _SETTLING or tool.facts.get("appointment_id")) and not tool.code for tool in tools)
    if has_settled or any(viewing.status != AppointmentStatus.HELD for viewing in viewings):
        # The call may have gone on after it was given up, and a tool's row may come after the end.
        Task.objects.filter(key=key, done_at=None).update(done_at=timezone.now())
        return
    if call.ended_class in _NO_FOLLOW_UP:
        return
    if Task.objects.filter(call_id=call.pk, kind=TaskKind.CALLBACK).exists():
        return
    text = f"{_WHY.get(call.ended_class, 'The call ended without a viewing')}: {_next_step(call)}"
    due_at = (call.ended_at or timezone.now()) + FOLLOW_UP_AFTER
    open_task(lead, TaskKind.FOLLOW_UP, text, due_at=due_at, key=key, assignee=lead.owner, call_id=call.pk)


def _next_step(call: Call) -> str:
    if call.ended_class in _UNREACHED:
        return "try again."
    if not call.customer_number and not call.context.get("email"):
        return "no number or address is known; read the transcript."
    return "get in touch and offer a viewing."
