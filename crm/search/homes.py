"""Homes that fit, best first; when none does, what comes nearest and which wish it costs.

Answers the assistant on the phone, GET /search/rental and the pages alike. Reads our own tables only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.contrib.postgres.search import SearchQuery
from django.db.models import Case, FloatField, Q, QuerySet, Value, When
from django.db.models.functions import Greatest

from crm.models import Listing, ListingStatus
from crm.models.listings import LISTING_WORDS
from crm.search import places

if TYPE_CHECKING:
    from crm.search.criteria import Criteria

# Counting on would read every row of a wide wish.
MOST_COUNTED = 50


@dataclass(frozen=True)
class Nearby:
    """A home that fits all wishes but `relaxed`, the name of a field of Criteria."""

    relaxed: str
    listing: Listing


@dataclass(frozen=True)
class Found:
    """`count` is exact up to MOST_COUNTED. `nearby` is filled when nothing fits."""

    homes: list[Listing]
    count: int
    nearby: list[Nearby] = field(default_factory=list)

    @property
    def is_counted_out(self) -> bool:
        """Whether there are no more than `count`."""
        return self.count <= MOST_COUNTED


def find_homes(wish: Criteria, *, limit: int = 20) -> Found:
    """Return up to `limit` homes to let that fit, the most like the wanted place first, then by rent."""
    alike = _Alike(wish)
    ids = _ids(_fitting(wish, alike), max(limit, MOST_COUNTED + 1))
    return Found(_homes(ids[:limit]), len(ids), [] if ids else _nearby(wish, alike))


def cheapest() -> Listing | None:
    """Return the home with the lowest rent, None when nothing is to let."""
    return Listing.objects.filter(status=ListingStatus.AVAILABLE).order_by("rent", "pk").first()


class _Alike:
    """The places that what was said may mean, looked up once for all the queries of a search."""

    def __init__(self, wish: Criteria) -> None:
        self.location = places.like(wish.location) if wish.location else {}
        self.words = places.like(wish.words) if wish.words else {}


def _ids(found: QuerySet[Listing], limit: int) -> list[int]:
    """Return the first ids only: an index holds all that this needs, while rows would be read from the table."""
    return list(found.values_list("pk", flat=True)[:limit])


def _homes(ids: list[int]) -> list[Listing]:
    by_id = Listing.objects.in_bulk(ids)
    return [by_id[pk] for pk in ids if pk in by_id]


def _fitting(wish: Criteria, alike: _Alike) -> QuerySet[Listing]:
    found = Listing.objects.filter(wish.condition())
    if wish.words:
        query = SearchQuery(wish.words, config="simple", search_type="websearch")
        found = found.alias(said=LISTING_WORDS).filter(Q(said=query) | Q(places__overlap=list(alike.words)))
    if not wish.location:
        return found.order_by("rent", "pk")
    if not alike.location:
        return found.none()
    nearness = _nearness(wish.location, alike.location)
    near = found.filter(places__overlap=list(alike.location))
    return near.alias(nearness=nearness).order_by("-nearness", "rent", "pk")


def _nearness(location: str, alike: dict[str, float]) -> Case | Greatest:
    """Return how like a listing's best place is to the wanted one; the very address comes before everything."""
    steps = sorted({round(score, 1) for score in alike.values()}, reverse=True)
    whens = [
        When(places__overlap=[name for name, score in alike.items() if round(score, 1) == step], then=Value(step))
        for step in steps
    ]
    by_place = Case(*whens, default=Value(0.0), output_field=FloatField())
    if not location.strip()[:1].isdigit():
        return by_place
    exactly = Case(When(Q(address__istartswith=location.strip()), then=Value(2.0)), default=Value(0.0))
    return Greatest(by_place, exactly)


def _nearby(wish: Criteria, alike: _Alike) -> list[Nearby]:
    """Give up one wish at a time, the least dear first."""
    wishes = wish.wishes()
    found = {name: _ids(_fitting(wish.without(name), alike), 1) for name in wishes if len(wishes) > 1}
    homes = Listing.objects.in_bulk([pk for ids in found.values() for pk in ids])
    return [Nearby(name, homes[pk]) for name, ids in found.items() for pk in ids]
