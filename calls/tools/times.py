"""get_availability, and how the other tools read a time."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Annotated, Literal

from calls.phrases import say_date
from calls.spoken_time import When, parse, parse_exact
from calls.tools.answers import Answer
from calls.tools.desk import Desk, Scope
from calls.tools.homes import facts_of, find_home, require_available
from calls.tools.offers import next_slots, open_slots, say_offers, spread
from calls.tools.people import find_agent
from calls.tools.registry import tool
from crm import slots
from crm.slots import Offer

_DEFAULT_DAYS, _MOST_DAYS = 7, 60
PartOfDay = Literal["morning", "afternoon", "evening"]


def read_slot(slot_id: str) -> Offer:
    """Return the slot of an id, also of one given as "(slot 7K2MP-…)". Raises UnknownSlot."""
    return slots.decode(re.sub(r"^\W*slot\b", "", slot_id, flags=re.IGNORECASE).strip(" ().:#"))


def read_time(desk: Desk, text: str) -> datetime:
    """Return the instant a caller means. Raises UnclearTime, PastTime."""
    return parse_exact(text, desk.now, desk.tz)


@tool(writes=False)
def get_availability(
    desk: Desk,
    *,
    user_id: Annotated[
        str | None, "Id or e-mail of one leasing agent. Leave out unless the caller wants that agent."
    ] = None,
    property_id: Annotated[
        str | None, "The home's id, from search_rentals. Leave out for the home of this call."
    ] = None,
    days_ahead: Annotated[int | None, "How many days to look ahead, 1 to 60. Default 7."] = None,
    date: Annotated[
        str | None, 'A day in the caller\'s words or ISO, such as "Thursday", "June 3rd", "next week".'
    ] = None,
    part_of_day: Annotated[PartOfDay | None, "Only this part of the day."] = None,
) -> Answer:
    """Find times at which a viewing can take place. Offers a few, each with its slot id; nothing is reserved. Say the
    times in the words given, without the ids, and book the chosen one with set_appointment and its slot id."""
    listing = find_home(desk, property_id, None)
    desk.scope = Scope(listing, None)
    if listing is not None:
        require_available(listing)
    desk.scope = Scope(listing, find_agent(user_id, listing))
    when = _wanted(desk, days_ahead, date, part_of_day)
    found = open_slots(desk, desk.scope, when)
    facts = facts_of(listing)
    if found:
        place = f" to see {listing}" if listing else ""
        return Answer(f"Free{place}: {say_offers(desk, spread(desk, found))}.", facts)
    return Answer(_nothing_free(desk, when), facts)


def _wanted(desk: Desk, days_ahead: int | None, date: str | None, part_of_day: str | None) -> When:
    """Return the days and the part of the day asked for."""
    if date is not None:
        when = parse(date, desk.now, desk.tz)
        return When(when.first, when.last, part_of_day=part_of_day or when.part_of_day)
    days = min(max(days_ahead or _DEFAULT_DAYS, 1), _MOST_DAYS)
    today = desk.now.astimezone(desk.tz).date()
    return When(today, today + timedelta(days=days), part_of_day=part_of_day)


def _nothing_free(desk: Desk, when: When) -> str:
    today = desk.now.astimezone(desk.tz).date()
    span = "in that time" if when.first != when.last else f"on {say_date(when.first, today)}"
    part = f" in the {when.part_of_day}" if when.part_of_day else ""
    later = next_slots(desk, desk.scope, after=when.first, part_of_day=when.part_of_day)
    later = later or next_slots(desk, desk.scope)
    if not later:
        return f"Nothing is free {span}, nor later. Offer to have a colleague call back, with request_callback."
    return f"Nothing is free {span}{part}. The next free times: {say_offers(desk, spread(desk, later, 3))}."
