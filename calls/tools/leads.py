"""save_lead, request_callback, send_confirmation_email."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any

from django.utils import timezone

from calls.phrases import say_list, say_money
from calls.spoken_time import PARTS_OF_DAY, When, parse
from calls.stages.facts import validate_facts
from calls.tools.answers import Answer
from calls.tools.desk import Desk
from calls.tools.people import read_email, read_phone
from calls.tools.registry import tool
from calls.tools.viewings import own_viewing
from crm.errors import BadArguments, BadEmail, UnclearTime
from crm.leads import request_callback as note_callback
from crm.models import Appointment, AppointmentStatus, Lead, OutgoingMessage

# "As soon as possible", in an office that answers.
_SOON = timedelta(minutes=15)
_OFFICE_OPENS = time(9)


@tool(writes=True)
def save_lead(
    desk: Desk,
    *,
    full_name: Annotated[Any, "The caller's full name."] = None,
    email: Annotated[str | None, "The caller's e-mail address, after spelling it back."] = None,
    budget: Annotated[Any, "The most they would pay a month, in dollars, as a number."] = None,
    timeline: Annotated[Any, 'When they want to move, in their words, such as "3 months".'] = None,
    property_type: Annotated[Any, "apartment, house, condo, studio or townhouse."] = None,
    location: Annotated[Any, "The part of town they would like."] = None,
    bedrooms: Annotated[Any, "How many bedrooms they need."] = None,
    pets: Annotated[Any, "Their pets, in a few words."] = None,
    move_in_on: Annotated[Any, "The day they want to move in, YYYY-MM-DD."] = None,
    phone: Annotated[str | None, "Only if the caller's number is withheld: the number they gave."] = None,
) -> Answer:
    """Keep what the caller has told about themselves and what they are looking for. Call it whenever they say something
    new; give only what they said."""
    address = read_email(email)
    said = {
        "full_name": full_name,
        "email": address,
        "budget": budget,
        "timeline": timeline,
        "property_type": property_type,
        "location": location,
        "bedrooms": bedrooms,
        "pets": pets,
        "move_in_on": move_in_on,
    }
    given = [name for name, value in said.items() if value is not None]
    facts = validate_facts({name: said[name] for name in given})
    number = read_phone(phone)
    if not facts and not (number and desk.number is None):
        raise BadArguments(_not_understood(given))
    desk.lead(said_phone=number, facts=facts)
    return Answer(f"Saved: {say_list([_said(name, value) for name, value in facts.items()]) or 'the number'}.", facts)


def _not_understood(given: list[str]) -> str:
    if not given:
        return "Nothing to save: give at least one of full_name, email, budget, timeline, property_type or location."
    return f"I could not make sense of {say_list(given)}. Ask the caller again."


def _said(name: str, value: Any) -> str:
    if name == "budget":
        return f"budget {say_money(Decimal(str(value)), 'USD')} a month"
    return f"{name.replace('_', ' ')} {value}"


@tool(writes=True)
def request_callback(
    desk: Desk,
    *,
    reason: Annotated[str | None, "What it is about, in a few words."] = None,
    when: Annotated[str | None, 'When it suits the caller, ISO or in words, such as "tomorrow at 10".'] = None,
) -> Answer:
    """Ask a colleague to call the caller back: when they want to talk to a person, or you cannot help."""
    due_at, is_exact = _due(desk, when)
    lead = desk.lead()
    wish = f" ({when})" if when and not is_exact else ""
    stamp = f"{due_at:%Y%m%d%H%M}" if when else "soon"
    note_callback(
        lead=lead,
        reason=f"{reason or 'asked for a call'}{wish}",
        due_at=due_at,
        call_id=desk.caller.call_id,
        key=f"callback:{desk.caller.call_id}:{stamp}",
    )
    if not when:
        return Answer("Noted: a colleague will call back as soon as possible.")
    said = desk.say(due_at) if is_exact else when
    return Answer(f"Noted: a colleague will call back, {said}.")


def _due(desk: Desk, when: str | None) -> tuple[datetime, bool]:
    """Return when the call is due, and whether the caller named that very time. Raises PastTime."""
    soon = timezone.now() + _SOON
    if when is None:
        return soon, False
    try:
        meant = parse(when, desk.now, desk.tz)
    except UnclearTime:
        # "After work" is good enough for a person, who reads it in the task.
        return soon, False
    if meant.starts_at is not None:
        return meant.starts_at, True
    return max(soon, _first_moment(desk, meant)), False


def _first_moment(desk: Desk, meant: When) -> datetime:
    opens = time(max(PARTS_OF_DAY[meant.part_of_day][0], _OFFICE_OPENS.hour)) if meant.part_of_day else _OFFICE_OPENS
    return datetime.combine(meant.first, opens, desk.tz)


@tool(writes=True)
def send_confirmation_email(
    desk: Desk,
    *,
    event_id: Annotated[str | None, "The viewing's event_id. Leave out for the caller's only viewing."] = None,
    attendee_email: Annotated[str | None, "Where to send it, after spelling it back. Leave out if it is known."] = None,
) -> Answer:
    """Send the caller an e-mail that confirms their viewing."""
    given = read_email(attendee_email)
    viewing = _booked_in_this_call(desk) if event_id is None else None
    viewing = viewing or own_viewing(desk, event_id)
    if viewing.status != AppointmentStatus.BOOKED:
        raise BadArguments("That time is only held so far. Book it with set_appointment first.")
    lead = viewing.lead
    to = given or lead.email or read_email(desk.fact("email") or None)
    if not to:
        raise BadEmail("I have no e-mail address. Ask the caller for it, letter by letter.")
    facts = {"email": to} if not lead.email else {}
    if facts:
        desk.lead(facts=facts)
    _queue(desk, viewing, lead, to)
    return Answer(f"A confirmation is on its way to {to}.", facts)


def _booked_in_this_call(desk: Desk) -> Appointment | None:
    """Return the viewing the call has just come to."""
    latest = desk.id_of("appointment_id")
    booked = desk.own_viewings().filter(status=AppointmentStatus.BOOKED)
    return booked.filter(pk=latest).first() if latest else None


def _queue(desk: Desk, viewing: Appointment, lead: Lead, to: str) -> None:
    """Write the message, once for each time of the viewing and each address."""
    OutgoingMessage.objects.get_or_create(
        key=f"confirmation:{viewing.pk}:{int(viewing.starts_at.timestamp())}:{to}"[:200],
        defaults={
            "lead": lead,
            "appointment": viewing,
            "to": to,
            "subject": f"Your viewing: {viewing.listing}"[:200],
            "body": _letter(desk, viewing, lead),
        },
    )


def _letter(desk: Desk, viewing: Appointment, lead: Lead) -> str:
    local = viewing.starts_at.astimezone(desk.tz)
    when = desk.say(viewing.starts_at).rsplit(",", 1)[0]
    return (
        f"Hello{f' {lead.full_name}' if lead.full_name else ''},\n\n"
        f"your viewing is booked.\n\n"
        f"When: {when} ({local.tzname()})\n"
        f"Where: {viewing.listing}\n"
        f"With: {viewing.agent}\n\n"
        "If you cannot come, please call us.\n"
    )
