"""Parts of town and streets as people say, type or mishear them.

Every listing carries its `places`: neighbourhood, street without its number, town. The vocabulary of all of them is
small, so it is compared letter by letter (trigrams); the listings are then found by exact names.
"""

from __future__ import annotations

import re

from django.db import connection
from django.db.models import Exists, OuterRef

from crm.models import Listing, Place

# A home has a handful of places; a wish that is like more names than this is not a place.
MOST_PLACES = 40
LONGEST_PLACE = 100
_HOUSE_NUMBER = re.compile(r"^\s*#?[0-9]+[a-z]?\s+", re.IGNORECASE)
_SPELLINGS = {
    "st": "street",
    "ave": "avenue",
    "av": "avenue",
    "rd": "road",
    "blvd": "boulevard",
    "dr": "drive",
    "ln": "lane",
    "ct": "court",
    "pl": "place",
    "sq": "square",
}


def spoken(location: str) -> str:
    """Return a place as the vocabulary writes it: small letters, no house number, one space between words."""
    return re.sub(r"\s+", " ", _HOUSE_NUMBER.sub("", location.lower())).strip(" ,.")[:LONGEST_PLACE]


def like(location: str) -> dict[str, float]:
    """Return the known places that `location` may mean, each with how like it is, from 0 to 1."""
    words = spoken(location)
    if not any(letter.isalnum() for letter in words):
        return {}
    spelled_out = " ".join(_SPELLINGS.get(word, word) for word in words.split())
    writings = sorted({words, spelled_out, words.replace(" ", "")})
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, alike FROM crm_places_like(%s, %s)", [writings, MOST_PLACES])
        return {name: float(alike) for name, alike in cursor.fetchall()}


def forget_unused() -> int:
    """Take names that no listing carries any more out of the vocabulary; return how many.

    Leaving them does no harm, so only those who promise to leave no trace call this.
    """
    return Place.objects.exclude(Exists(Listing.objects.filter(places__contains=[OuterRef("name")]))).delete()[0]
