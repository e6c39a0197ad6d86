"""Which home is meant: by id, by an address as people say it, or by what the call is about."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from django.contrib.postgres.search import TrigramWordSimilarity
from django.db.models import QuerySet, Value
from django.db.models.functions import Concat

from calls.phrases import say_list
from calls.tools.desk import Desk
from crm.errors import UnknownProperty
from crm.models import Listing, ListingStatus

# Below this an address is another address; within the margin two are as good as each other.
_ALIKE, _MARGIN = 0.6, 0.12
_MOST_NAMED, _MOST_COMPARED = 4, 60
_ABBREVIATIONS = {"st": "street", "ave": "avenue", "av": "avenue", "rd": "road", "blvd": "boulevard", "dr": "drive",
                  "ln": "lane", "ct": "court", "pl": "place", "sq": "square", "apt": "", "apartment": "", "unit": "",
                  "no": "", "number": "", "the": "", "at": "", "on": "",
                  "n": "north", "s": "south", "e": "east", "w": "west"}  # fmt: skip
# Said of many streets, so they tell none of them apart.
_KINDS_OF_STREET = frozenset(
    {"street", "avenue", "road", "boulevard", "drive", "lane", "court", "place", "square", "way", "terrace"}
)
_ZIP_DIGITS = 5


def shown() -> QuerySet[Listing]:
    """Return the homes callers may hear of."""
    return Listing.objects.exclude(status=ListingStatus.WITHDRAWN)


def find_home(desk: Desk, property_id: str | None, address: str | None) -> Listing | None:
    """Return the home that is named, else the one the call is about, else None. Raises UnknownProperty."""
    if property_id is not None:
        return _by_id(property_id, address)
    if address is not None:
        return by_address(address)
    return home_of_call(desk)


def require_home(desk: Desk, property_id: str | None, address: str | None) -> Listing:
    """Return the home that is named or the call is about. Raises UnknownProperty, asking which."""
    listing = find_home(desk, property_id, address)
    if listing is None:
        raise UnknownProperty("Which home is it? Ask the caller for the address, or find it with search_rentals.")
    return listing


def require_available(listing: Listing) -> None:
    """Refuse a home that is not to let any more. Raises UnknownProperty."""
    if listing.status != ListingStatus.AVAILABLE:
        raise UnknownProperty(f"{listing} is not available any more. Offer to look for another with search_rentals.")


def _by_id(property_id: str, address: str | None) -> Listing:
    digits = re.fullmatch(r"#?0*(\d{1,18})", property_id)
    if digits:
        listing = shown().filter(pk=int(digits[1])).first()
        if listing is not None:
            return listing
        raise UnknownProperty(f"There is no home with the id {digits[1]}. Ask for the address instead.")
    # Models put the address there too.
    return by_address(address or property_id)


def by_address(address: str) -> Listing:
    """Return the home whose address is most like `address`. Raises UnknownProperty when none or several are."""
    wanted = _normal(address)
    whole = Concat("address", Value(" "), "unit")
    likely = shown().annotate(score=TrigramWordSimilarity(" ".join(wanted) or "?", whole)).order_by("-score", "pk")
    scored = [(_score(wanted, listing), listing) for listing in likely[:_MOST_COMPARED]]
    scored = sorted((pair for pair in scored if pair[0] >= _ALIKE), key=lambda pair: (-pair[0], pair[1].pk))
    if not scored:
        raise UnknownProperty(f"I know no home at {address[:80]}. Ask the caller to repeat the address.")
    best = [listing for score, listing in scored if score > scored[0][0] - _MARGIN]
    if len(best) > 1:
        raise UnknownProperty(f"Several homes fit. Ask which is meant: {_named(best)}.")
    return best[0]


def _named(listings: Sequence[Listing]) -> str:
    names = [f"{listing} (property_id {listing.pk})" for listing in listings[:_MOST_NAMED]]
    return say_list(names, joint="or", comma="; ")


def _normal(address: str) -> list[str]:
    words = re.findall(r"[a-z0-9]+", address.casefold())
    return [word for word in (_ABBREVIATIONS.get(word, word) for word in words) if word]


def _score(wanted: list[str], listing: Listing) -> float:
    """Return how much of the home's street name was said, 0 to 1, and 2 for the very address.

    House and unit numbers must be the home's: 12 is not 112. A town or a zip code beside them does no harm.
    """
    own = _normal(f"{listing.address} {listing.unit}")
    if wanted == own:
        return 2.0
    numbers = [word for word in wanted if word[0].isdigit()]
    if any(number not in own for place, number in enumerate(numbers) if not place or len(number) != _ZIP_DIGITS):
        return 0.0
    names = [word for word in own if not word[0].isdigit() and word not in _KINDS_OF_STREET]
    if not names:
        return float(bool(numbers))
    return sum(max((_likeness(name, word) for word in wanted), default=0.0) for name in names) / len(names)


def _likeness(word: str, other: str) -> float:
    """Return how alike two words are by their pairs of letters: what is misheard is rarely all wrong."""
    if word == other:
        return 1.0
    first, second = _pairs(word), _pairs(other)
    return 2 * len(first & second) / (len(first) + len(second))


def _pairs(word: str) -> set[str]:
    padded = f" {word} "
    return {padded[i : i + 2] for i in range(len(padded) - 1)}


def home_of_call(desk: Desk) -> Listing | None:
    """Return the home the call has come to, the assistant's, or the only one there is."""
    for found in (desk.id_of("listing_id"), desk.caller.listing_id, _of_assistant(desk)):
        listing = shown().filter(pk=found).first() if found else None
        if listing is not None:
            return listing
    available = Listing.objects.filter(status=ListingStatus.AVAILABLE)[:2]
    return available[0] if len(available) == 1 else None


def _of_assistant(desk: Desk) -> int | None:
    return desk.assistant.listing_id if desk.assistant else None


def facts_of(listing: Listing | None) -> dict[str, Any]:
    """Return what the call remembers of the home it has come to."""
    return {"listing_id": listing.pk, "property": str(listing)} if listing else {}
