"""GET /search/rental and /database/*: the homes, under the names that the first backend gave them."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from django.db.models import Count
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from crm.api import parameters
from crm.api.filters import Amount
from crm.api.instants import write_instant
from crm.api.listings import ListingSerializer, ListingViewSet
from crm.api.pagination import page_size_of
from crm.api.schema import COUNT, INSTANT, maybe, parameter, record, several
from crm.api.views import ApiView
from crm.models import Listing, ListingStatus
from crm.search.criteria import Criteria, wish_name
from crm.search.homes import MOST_COUNTED, find_homes
from crm.search.outside import search_outside

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request

    from crm.search.homes import Nearby

DEFAULT_LIMIT = 20
_WORDS = {"type": "string", "maxLength": parameters.LONGEST_SEARCH}
_RENT = dict(Amount.schema)
WISHES = [
    parameter("q", _WORDS, "Words of the address or the facts."),
    parameter("location", _WORDS, "Part of town, street or address, however it is spelled."),
    parameter("min_rent", _RENT),
    parameter("max_rent", _RENT),
    parameter("bedrooms", {"type": "integer", "minimum": 0, "maximum": 9999}, "The fewest; 0 is a studio."),
    parameter("property_type", _WORDS),
    parameter("pets", {"type": "boolean"}),
    parameter("available_by", {"type": "string", "format": "date"}),
    parameter("limit", {"type": "integer", "minimum": 1}, "20; at most 100."),
    parameter("outside", {"type": "boolean"}, "Also ask the web, where that is switched on."),
]
_LISTING = {"$ref": "#/components/schemas/Listing"}
_HIT = record(**{name: {"type": "string"} for name in ("title", "url", "text")}, is_outside={"const": True})
OUTSIDE = record(provider=maybe({"type": "string"}), results=several(_HIT), problem=maybe({"type": "string"}))
FOUND = record(
    count={"type": "integer"},
    more={"type": "boolean"},
    results=several(_LISTING),
    alternatives=several(record(relaxed={"type": "string"}, says={"type": "string"}, listing=_LISTING)),
    outside=OUTSIDE,
)
STATUS = record(
    status={"const": "ok"},
    rentals=COUNT,
    available=COUNT,
    by_status=record(**dict.fromkeys(ListingStatus.values, COUNT)),
    as_of=INSTANT,
)
MAX_LIMIT = 100


class SearchRentalView(ApiView):
    """GET homes to let that fit, best first; when none does, `alternatives` say what fits all wishes but one.

    `bedrooms` is the fewest; `outside=1` also asks the web, where that is switched on.
    """

    @extend_schema(parameters=WISHES, responses={200: FOUND})
    def get(self, request: Request) -> Response:
        wish = criteria(request)
        limit = page_size_of(request, "limit", default=DEFAULT_LIMIT, largest=MAX_LIMIT)
        found = find_homes(wish, limit=limit)
        return Response(
            {
                "count": min(found.count, MOST_COUNTED),
                "more": not found.is_counted_out,
                "results": ListingSerializer(found.homes, many=True).data,
                "alternatives": [nearby_shape(nearby) for nearby in found.nearby],
                "outside": outside_shape(request, said_in(wish)),
            }
        )


def criteria(request: Request) -> Criteria:
    """Return the wishes of a request. `query` and `address` are other names of `q` and `location`."""
    bedrooms = parameters.asked(request, "bedrooms", parameters.read_numbers)
    return Criteria(
        words=parameters.words(request, "q") or parameters.words(request, "query") or None,
        location=parameters.words(request, "location") or parameters.words(request, "address") or None,
        min_rent=parameters.amount(request, "min_rent"),
        max_rent=parameters.amount(request, "max_rent"),
        bedrooms=min(bedrooms) if bedrooms else None,
        property_type=parameters.words(request, "property_type") or None,
        available_by=parameters.asked(request, "available_by", parameters.read_day),
        pets=parameters.flag(request, "pets"),
    )


def nearby_shape(nearby: Nearby) -> dict[str, Any]:
    """Return a home that fits but for one wish, and that wish."""
    says = _("Fits everything but: %(wish)s") % {"wish": wish_name(nearby.relaxed)}
    return {"relaxed": nearby.relaxed, "says": says, "listing": ListingSerializer(nearby.listing).data}


def said_in(wish: Criteria) -> str:
    """Return the wishes that are words."""
    return " ".join(filter(None, [wish.words, wish.property_type, wish.location]))


def outside_shape(request: Request, words: str) -> dict[str, Any]:
    """Return what the web says when ?outside=1 asks for it; `provider` is null while that is switched off."""
    if not parameters.flag(request, "outside"):
        return {"provider": None, "results": [], "problem": None}
    found = search_outside(words)
    results = [asdict(hit) | {"is_outside": True} for hit in found.hits]
    return {"provider": found.provider, "results": results, "problem": found.problem}


class DatabaseStatusView(ApiView):
    """GET how many homes there are, by status."""

    @extend_schema(responses={200: STATUS})
    def get(self, request: Request) -> Response:
        counted = dict(Listing.objects.order_by().values_list("status").annotate(Count("pk")))
        by_status = {status: counted.get(status, 0) for status in ListingStatus.values}
        return Response(
            {
                "status": "ok",
                "rentals": sum(by_status.values()),
                "available": by_status[ListingStatus.AVAILABLE],
                "by_status": by_status,
                "as_of": write_instant(timezone.now()),
            }
        )


class RentalsView(ListingViewSet):
    """GET all homes, as /api/v1/listings gives them."""

    http_method_names = ["get", "head", "options"]


class AvailableRentalsView(RentalsView):
    """GET the homes that can be let now, as /api/v1/listings gives them."""

    def get_queryset(self) -> QuerySet[Listing]:
        return super().get_queryset().filter(status=ListingStatus.AVAILABLE)
