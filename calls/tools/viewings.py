"""set_appointment, reschedule_appointment, cancel_appointment."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any

from django.db.models import Q

from calls.phrases import say_list
from calls.spoken_time import parse
from calls.tools.answers import Answer
from calls.tools.desk import Desk, Scope
from calls.tools.homes import facts_of, require_available, require_home
from calls.tools.people import find_agent, read_email, read_name, read_phone
from calls.tools.registry import tool
from calls.tools.times import read_slot, read_time
from crm import booking, slots
from crm.errors import BadArguments, NoViewing, UnclearTime
from crm.models import Agent, Appointment, AppointmentStatus, Lead, Listing, OfficeSettings

_MOST_NAMED = 4
SlotId = Annotated[
    str | None, "The slot id that get_availability gave with the time the caller chose. Best way to name a time."
]
EventId = Annotated[str | None, "The viewing's event_id. Leave out for the caller's only viewing."]


@tool(writes=True)
def set_appointment(
    desk: Desk,
    *,
    slot_id: SlotId = None,
    start_time: Annotated[
        str | None, 'Only without a slot id: the time, ISO or in words, such as "Thursday at 3 PM".'
    ] = None,
    property_address: Annotated[str | None, "Address of the home. Not needed with a slot id."] = None,
    property_id: Annotated[str | None, "Id of the home. Not needed with a slot id."] = None,
    user_id: Annotated[
        str | None, "Id or e-mail of one leasing agent. Leave out unless the caller wants that agent."
    ] = None,
    attendee_name: Annotated[str | None, "The caller's full name, as they said it."] = None,
    attendee_email: Annotated[str | None, "The caller's e-mail address, after spelling it back."] = None,
    attendee_phone: Annotated[str | None, "Only if the caller's number is withheld: the number they gave."] = None,
) -> Answer:
    """Book a viewing at a time that get_availability offered. Without the caller's name the time is only held for a few
    minutes: ask for the name and call this again with the same slot id. Say the time back as the answer words it."""
    listing, agent, starts_at = _place_and_time(desk, slot_id, start_time, property_id, property_address, user_id)
    email, name = read_email(attendee_email), read_name(attendee_name)
    known = desk.known_lead()
    name = name or read_name(known.full_name if known else None) or read_name(desk.fact("full_name"))
    said = {"full_name": read_name(attendee_name), "email": email}
    lead = desk.lead(said_phone=read_phone(attendee_phone), facts={key: value for key, value in said.items() if value})
    if not name:
        return _hold(desk, lead, listing, agent, starts_at)
    already = _own_viewing_at(desk, lead, listing, starts_at)
    if already is not None:
        return Answer(f"That viewing is booked already: {_said(desk, already)}.", _facts(desk, already))
    viewing = booking.book(
        lead=lead,
        listing=listing,
        starts_at=starts_at,
        agent=agent,
        idempotency_key=_key(desk, "book", listing, agent, starts_at),
        call_id=desk.caller.call_id,
    )
    text = (
        f"Booked: {_said(desk, viewing)}, with {viewing.agent}. Its event_id is {viewing.pk}.{_others(desk, viewing)}"
    )
    return Answer(text, {**_facts(desk, viewing), "full_name": name, **({"email": email} if email else {})})


def _place_and_time(
    desk: Desk,
    slot_id: str | None,
    start_time: str | None,
    property_id: str | None,
    property_address: str | None,
    user_id: str | None,
) -> tuple[Listing, Agent | None, datetime]:
    """Return what is to be booked: the slot names it all, else the home, the agent and the time do."""
    if slot_id is None and start_time is None:
        return _held(desk)
    slot = read_slot(slot_id) if slot_id is not None else None
    if slot is not None and slot.listing_id is not None:
        property_id, property_address = str(slot.listing_id), None
    listing = require_home(desk, property_id, property_address)
    desk.scope = Scope(listing)
    require_available(listing)
    if slot is not None:
        shows = listing.agents.filter(pk=slot.agent_id).first()
        return listing, shows, slot.starts_at
    agent = find_agent(user_id, listing)
    desk.scope = Scope(listing, agent)
    return listing, agent, read_time(desk, start_time or "")


def _held(desk: Desk) -> tuple[Listing, Agent, datetime]:
    """Return what this call holds: after the question for the name, often only the name comes."""
    held = desk.own_viewings().filter(call_id=desk.caller.call_id, status=AppointmentStatus.HELD).last()
    if held is None:
        raise BadArguments("slot_id is missing. Get one with get_availability, or give start_time.")
    desk.scope = Scope(held.listing)
    return held.listing, held.agent, held.starts_at


def _key(desk: Desk, what: str, listing: Listing, agent: Agent | None, starts_at: datetime) -> str:
    """Return a key that the same wish gets again, unless something was booked or given up in between."""
    call_id = desk.caller.call_id
    so_far = Appointment.objects.filter(call_id=call_id).count()
    who = agent.pk if agent else "any"
    return f"call:{call_id}:{what}:{listing.pk}:{who}:{int(starts_at.timestamp())}:{so_far}"


def _hold(desk: Desk, lead: Lead, listing: Listing, agent: Agent | None, starts_at: datetime) -> Answer:
    """Keep the time while the caller is asked for their name."""
    viewing = booking.book(
        lead=lead,
        listing=listing,
        starts_at=starts_at,
        agent=agent,
        idempotency_key=_key(desk, "hold", listing, agent, starts_at),
        hold=True,
        call_id=desk.caller.call_id,
    )
    seconds = OfficeSettings.load().hold_seconds
    text = (
        f"I am holding {_said(desk, viewing)} for {seconds} seconds. Ask the caller for their name, then call "
        f"set_appointment again with attendee_name and the same time (slot {_slot_of(viewing)})."
    )
    return Answer(text, facts_of(listing))


def _slot_of(viewing: Appointment) -> str:
    return slots.encode(viewing.agent_id, viewing.listing_id, viewing.starts_at, viewing.ends_at)


def _own_viewing_at(desk: Desk, lead: Lead, listing: Listing, starts_at: datetime) -> Appointment | None:
    own = Appointment.objects.filter(Q(lead=lead) | Q(call_id=desk.caller.call_id), status=AppointmentStatus.BOOKED)
    return own.select_related("listing", "agent").filter(listing=listing, starts_at=starts_at).first()


def _others(desk: Desk, viewing: Appointment) -> str:
    """Return a reminder of the caller's other viewing of the same home: usually they only changed their mind."""
    same = desk.own_viewings().filter(listing=viewing.listing, status=AppointmentStatus.BOOKED).exclude(pk=viewing.pk)
    other = same.first()
    if other is None:
        return ""
    return (
        f" The caller also has a viewing of this home on {desk.say(other.starts_at)} (event_id {other.pk}): "
        "ask whether to cancel that one."
    )


def _said(desk: Desk, viewing: Appointment) -> str:
    return f"{desk.say(viewing.starts_at)}, at {viewing.listing}"


def _facts(desk: Desk, viewing: Appointment) -> dict[str, Any]:
    said = desk.say(viewing.starts_at).rsplit(",", 1)[0]
    return {"selected_time": said, "appointment_id": viewing.pk, **facts_of(viewing.listing)}


def own_viewing(desk: Desk, event_id: str | None) -> Appointment:
    """Return the caller's own viewing. Raises NoViewing; BadArguments when it is not clear which is meant."""
    viewings = list(desk.own_viewings()[:20])
    if event_id is not None:
        digits = re.fullmatch(r"#?\s*(\d{1,18})", event_id)
        found = next((v for v in viewings if digits and v.pk == int(digits[1])), None)
        if found is None:
            raise NoViewing(f"The caller has no viewing with that event_id.{_choices(desk, viewings)}")
        return found
    booked = [v for v in viewings if v.status == AppointmentStatus.BOOKED] or viewings
    if not booked:
        raise NoViewing("The caller has no viewing ahead. Offer to book one.")
    if len(booked) > 1:
        raise BadArguments(f"event_id is missing. Ask the caller which viewing is meant.{_choices(desk, booked)}")
    return booked[0]


def _choices(desk: Desk, viewings: list[Appointment]) -> str:
    named = [f"{_said(desk, viewing)} (event_id {viewing.pk})" for viewing in viewings[:_MOST_NAMED]]
    return f" They have {say_list(named, comma='; ')}." if named else " They have none ahead."


@tool(writes=True)
def reschedule_appointment(
    desk: Desk,
    *,
    event_id: EventId = None,
    slot_id: SlotId = None,
    new_start_time: Annotated[str | None, "Only without a slot id: the new time, ISO or in words."] = None,
) -> Answer:
    """Move the caller's viewing to another time. Find the new time with get_availability first and give its slot id.
    The old time is kept unless the new one is free."""
    viewing = own_viewing(desk, event_id)
    desk.scope = Scope(viewing.listing, None)
    if slot_id is None and new_start_time is None:
        raise BadArguments("slot_id is missing. Get one with get_availability, or give new_start_time.")
    if slot_id is not None:
        moved = booking.reschedule(viewing.pk, slot=read_slot(slot_id))
    else:
        moved = booking.reschedule(viewing.pk, starts_at=_new_time(desk, viewing, new_start_time or ""))
    return Answer(f"Moved: the viewing is now {_said(desk, moved)}, with {moved.agent}.", _facts(desk, moved))


def _new_time(desk: Desk, viewing: Appointment, text: str) -> datetime:
    """Return the new time; "at four" is four on the day of the viewing."""
    day = viewing.starts_at.astimezone(desk.tz).date()
    when = parse(text, desk.now, desk.tz, day=day)
    if when.starts_at is None:
        raise UnclearTime("I have the day but not the time.", when=when)
    return when.starts_at


@tool(writes=True)
def cancel_appointment(
    desk: Desk,
    *,
    event_id: EventId = None,
    reason: Annotated[str | None, "Why, in a few words, if the caller said so."] = None,
) -> Answer:
    """Cancel the caller's viewing. Ask first whether they would rather move it."""
    viewing = own_viewing(desk, event_id)
    booking.cancel(viewing.pk, reason=reason or "")
    is_latest = desk.caller.context.get("appointment_id") in (None, viewing.pk)
    facts = {"selected_time": "none, the viewing was cancelled"} if is_latest else {}
    return Answer(f"Cancelled: the viewing on {_said(desk, viewing)}.", facts)
