"""One search over everything: leads, listings, people, and what other apps register. Rights apply.

Answers GET /api/v1/search and the command palette alike.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.contrib.postgres.search import SearchQuery
from django.db.models import Case, Q, Value, When
from django.db.models.functions import Upper
from django.urls import NoReverseMatch, reverse

from crm import wording
from crm.models import Agent, Lead, Listing, ListingStatus
from crm.models.listings import LISTING_WORDS
from crm.rights import visible_leads
from crm.search import places

if TYPE_CHECKING:
    from django.db.models import QuerySet

LONGEST_QUERY = 100
FEWEST_DIGITS = 3
# Of more matches than these any may come first: nobody reads on, and sorting them all would take time.
MOST_RANKED = 200
_MOST_WORDS = 8


@dataclass(frozen=True)
class Hit:
    """One record. `said` is the line of a call in which the words were found; `path` its page."""

    kind: str
    id: str
    title: str
    detail: str
    path: str
    said: str = ""


Find = Callable[[Agent, str, int], list[Hit]]
_kinds: dict[str, Find] = {}


def register(kind: str, find: Find) -> None:
    """Have `find(person, query, limit)` asked for the records of a kind that this person may see."""
    _kinds[kind] = find


def kinds() -> list[str]:
    return list(_kinds)


def find(person: Agent, query: str, *, of: Collection[str] = (), limit: int = 8) -> list[Hit]:
    """Return up to `limit` records of each kind, kind by kind in the order of their registration."""
    query = tidy(query)
    wanted = [kind for kind in _kinds if kind in of or not of]
    return [hit for kind in wanted for hit in _kinds[kind](person, query, limit)] if query else []


def tidy(query: str) -> str:
    """Return what is searched for: no NUL, one space between words, not too long."""
    return " ".join(query.replace("\0", "").split())[:LONGEST_QUERY]


def digits_of(query: str) -> str:
    """Return the digits of what may be a phone number, "" when there are too few."""
    digits = "".join(char for char in query if char.isascii() and char.isdigit())
    return digits if len(digits) >= FEWEST_DIGITS else ""


def page_of(name: str, *args: object) -> str:
    """Return the address of a page, "" where there is none."""
    try:
        return reverse(name, args=args)
    except NoReverseMatch:
        return ""


def find_leads(person: Agent, query: str, limit: int) -> list[Hit]:
    """Find by part of the name or number, or how the address begins; failing that, by a name that is alike."""
    fits = Q(full_name__icontains=query) | Q(email__istartswith=query)
    if digits := digits_of(query):
        fits |= Q(phone__contains=digits)
    seen = visible_leads(person).select_related("owner").order_by("-created_at", "-pk")
    rows = list(seen.filter(fits)[:limit])
    if not rows and not query[0].isdigit():
        alike = seen.alias(name=Upper("full_name")).filter(name__trigram_word_similar=query.upper())
        rows = list(alike[:limit])
    return [_lead_hit(row) for row in rows]


def _lead_hit(row: Lead) -> Hit:
    detail = [wording.phone(row.phone), str(row.get_stage_display()), str(row.owner or "")]
    shown = " · ".join(filter(None, detail))
    return Hit("lead", str(row.pk), wording.person(row), shown, page_of("lead", row.pk))


def find_listings(person: Agent, query: str, limit: int) -> list[Hit]:
    """Find homes, let ones too, by the beginnings of words; failing that, by a place that is alike."""
    words = re.findall(r"[^\W_]+", query)[:_MOST_WORDS]
    ids = _ids(_with_words(words)) or _ids(_at_a_place_like(query)) if words else []
    to_let = Case(When(status=ListingStatus.AVAILABLE, then=Value(0)), default=Value(1))
    rows = Listing.objects.filter(pk__in=ids).order_by(to_let, "address", "unit", "pk")[:limit]
    return [_listing_hit(row) for row in rows]


def _ids(found: QuerySet[Listing]) -> list[int]:
    return list(found.order_by().values_list("pk", flat=True)[:MOST_RANKED])


def _with_words(words: list[str]) -> QuerySet[Listing]:
    begins = SearchQuery(" & ".join(f"{word}:*" for word in words), config="simple", search_type="raw")
    return Listing.objects.alias(said=LISTING_WORDS).filter(said=begins)


def _at_a_place_like(query: str) -> QuerySet[Listing]:
    """Without its number a street is all its houses."""
    found = Listing.objects.filter(places__overlap=list(places.like(query)))
    house_number = re.match(r"\d+", query)
    return found.filter(address__startswith=f"{house_number[0]} ") if house_number else found


def _listing_hit(row: Listing) -> Hit:
    detail = f"{wording.monthly(row.rent, row.currency)} · {row.get_status_display()}"
    return Hit("listing", str(row.pk), str(row), detail, page_of("listing", row.pk))


def find_people(person: Agent, query: str, limit: int) -> list[Hit]:
    """Find those who work here."""
    fits = Q(full_name__icontains=query) | Q(email__istartswith=query)
    rows = Agent.objects.filter(fits, is_active=True).order_by("full_name", "pk")[:limit]
    return [
        Hit(
            "person",
            str(row.pk),
            row.full_name,
            str(row.get_role_display()),
            f"{page_of('users')}?{urlencode({'q': row.email})}",
        )
        for row in rows
    ]


def connect() -> None:
    register("lead", find_leads)
    register("listing", find_listings)
    register("person", find_people)
