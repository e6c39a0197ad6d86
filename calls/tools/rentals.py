"""get_property_details and search_rentals: what may be said about homes."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from calls.phrases import one_line, say_count, say_date, say_list, say_money
from calls.spoken_time import parse
from calls.stages import facts as said_facts
from calls.tools.answers import Answer
from calls.tools.desk import Desk
from calls.tools.homes import facts_of, require_home
from calls.tools.registry import tool
from crm.errors import BadArguments, SlotRefused
from crm.models import Listing, ListingStatus
from crm.search.criteria import Criteria, wish_name
from crm.search.homes import MOST_COUNTED, Found, cheapest, find_homes

_MOST_FOUND = 3
_MOST_FACTS_SAID = 500
_NO_LIMIT_BUDGET = Decimal(10_000_000)


@tool(writes=False)
def get_property_details(
    desk: Desk,
    *,
    property_id: Annotated[str | None, "The home's id, from search_rentals."] = None,
    property_address: Annotated[str | None, "The home's address, as the caller said it."] = None,
) -> Answer:
    """Tell what is known about one home: rent, size, pets, when it is free, and the facts the office allows to be told.
    What is not in the answer is not known: do not make it up."""
    listing = require_home(desk, property_id, property_address)
    text = tell(listing, today_of(desk))
    return Answer(text, facts_of(listing) if listing.status == ListingStatus.AVAILABLE else {})


def tell(listing: Listing, today: date) -> str:
    """Return all that may be said about a home."""
    state = "" if listing.status == ListingStatus.AVAILABLE else " It is not available any more."
    known = "; ".join(line.strip().rstrip(".") for line in listing.facts.splitlines() if line.strip())
    more = f" Also: {one_line(known, _MOST_FACTS_SAID)}." if known else ""
    return f"{describe(listing, today)}. {_pets(listing)}{state}{more}"


def today_of(desk: Desk) -> date:
    """Return the office's day."""
    return desk.now.astimezone(desk.tz).date()


def describe(listing: Listing, today: date) -> str:
    """Return "12 Oak Street, Lakeview: a 2-bedroom apartment with 1 bath for $1,800 a month, free now"."""
    where = f"{listing}, {listing.neighborhood}" if listing.neighborhood else str(listing)
    size = "studio" if listing.bedrooms == 0 else f"{listing.bedrooms}-bedroom {listing.property_type}"
    baths = say_count(int(listing.bathrooms), "bath")
    if listing.bathrooms != int(listing.bathrooms):
        baths = f"{listing.bathrooms} baths"
    rent = say_money(listing.rent, listing.currency)
    return f"{where}: a {size} with {baths} for {rent} a month, {_free(listing, today)}"


def _free(listing: Listing, today: date) -> str:
    if listing.available_on is None or listing.available_on <= today:
        return "free now"
    return f"free from {say_date(listing.available_on, today)}"


def _pets(listing: Listing) -> str:
    return "Pets are welcome." if listing.pets else "No pets."


@tool(writes=False)
def search_rentals(
    desk: Desk,
    *,
    location: Annotated[str | None, "Part of town or street."] = None,
    max_rent: Annotated[Any, "The most the caller would pay a month, in dollars, as a number."] = None,
    bedrooms: Annotated[Any, "The fewest bedrooms; 0 for a studio."] = None,
    property_type: Annotated[str | None, "apartment, house, condo, studio or townhouse."] = None,
    available_by: Annotated[str | None, "The latest day the caller can move in, ISO or in words."] = None,
    pets: Annotated[bool | None, "true when the caller has pets."] = None,
) -> Answer:
    """Find homes that fit. Gives at most three, with their property ids, or the nearest ones when nothing fits. Say
    them in plain words, without the ids."""
    wish = Criteria(
        location=location,
        max_rent=None if max_rent is None else _rent(max_rent),
        bedrooms=None if bedrooms is None else _bedrooms(bedrooms),
        property_type=property_type,
        available_by=None if available_by is None else _day(desk, available_by),
        pets=pets or None,
    )
    found = find_homes(wish, limit=_MOST_FOUND)
    if not found.homes:
        return Answer(_nearest(desk, found))
    more = ""
    if found.count > len(found.homes):
        more = f", and {found.count - len(found.homes)} more" if found.is_counted_out else ", and many more"
    said = say_list([f"{describe(each, today_of(desk))} (property_id {each.pk})" for each in found.homes], comma="; ")
    fit = say_count(found.count, "home") if found.is_counted_out else f"More than {MOST_COUNTED} homes"
    return Answer(f"{fit} {'fits' if found.count == 1 else 'fit'}: {said}{more}.")


def _nearest(desk: Desk, found: Found) -> str:
    """Say that nothing fits, and what comes nearest when one wish is given up."""
    if found.nearby:
        near = found.nearby[0]
        said = f"{describe(near.listing, today_of(desk))} (property_id {near.listing.pk})"
        return f"Nothing fits all of that. Apart from the {wish_name(near.relaxed)}, this does: {said}."
    lowest = cheapest()
    if lowest is None:
        return "Nothing is to let at the moment. Offer to call back when there is, with request_callback."
    return f"Nothing fits. The lowest rent we have: {describe(lowest, today_of(desk))} (property_id {lowest.pk})."


def _day(desk: Desk, text: str) -> date:
    """Return the last day meant: "by next week" is by its end."""
    try:
        return parse(text, desk.now, desk.tz).last
    except SlotRefused as exc:
        # These are not times of a viewing: other times are no help.
        raise BadArguments(f"available_by is not clear. {exc.message}") from exc


def _rent(value: Any) -> Decimal:
    amount = said_facts.budget(value) if not isinstance(value, bool) else None
    if amount is None:
        amount = _plain_number(value)
    if amount is None:
        raise BadArguments("max_rent should be a number.")
    return min(Decimal(str(amount)), _NO_LIMIT_BUDGET)


def _bedrooms(value: Any) -> int:
    count = said_facts.validate_facts({"bedrooms": value}).get("bedrooms")
    if count is None:
        raise BadArguments("bedrooms should be a whole number.")
    return int(count)


def _plain_number(value: Any) -> float | None:
    """Return a number too small or too large to be a rent: nothing, or everything, is below it."""
    match = re.fullmatch(r"\s*\$?(\d{1,12}(?:\.\d{1,4})?)\s*", str(value))
    return float(match[1]) if match and not isinstance(value, bool) else None
