"""POST and PATCH /api/v1/listings/bulk: many homes in one request, each with its own outcome"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers

from crm.api import listings
from crm.api.bulk import MOST_ROWS, BulkView, bulk_body, needs_one_of, outcomes_of
from crm.api.fields import AmountField, ChoiceField, DayField, IdListField, WholeField
from crm.api.permissions import ManagersWrite
from crm.models import Agent, Listing, ListingStatus

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.response import Response

FIELDS = ("status", "available_on", "rent", "pets", "agents")


class ListingChangeSerializer(serializers.Serializer[Any]):
    """One change for many homes: another status, day, rent, word on pets, other people who show them."""

    ids = serializers.ListField(child=WholeField(), min_length=1, max_length=MOST_ROWS)
    status = ChoiceField(ListingStatus.choices, required=False)
    available_on = DayField(allow_null=True, required=False)
    rent = AmountField(required=False)
    pets = serializers.BooleanField(required=False)
    agents = IdListField(queryset=Agent.objects.all(), required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return needs_one_of(attrs, *FIELDS)


class ListingBulkView(BulkView[Listing]):
    """Up to 500 homes at once. A row that is refused says why and leaves the others alone."""

    access = [ManagersWrite]
    serializer_class = listings.ListingSerializer

    @extend_schema(
        request={"application/json": bulk_body("listings")}, responses={200: outcomes_of("listing", "Listing")}
    )
    def post(self, request: Request) -> Response:
        """Make homes: {"listings": [...]} → {"results": [{"index", "status", "listing", "problem"}], …}."""
        return self.make_all("listings")

    @extend_schema(request=ListingChangeSerializer, responses={200: outcomes_of("listing", "Listing")})
    def patch(self, request: Request) -> Response:
        """Change homes by id: {"results": [{"index", "status", "listing", "problem"}], "done", "refused"}."""
        return self.change_all(ListingChangeSerializer)

    def found(self, ids: list[int]) -> dict[int, Listing]:
        return Listing.objects.in_bulk(ids)

    def make(self, values: dict[str, Any]) -> Listing:
        return listings.make_listing(values)

    def change(self, record: Listing, values: dict[str, Any]) -> Listing:
        listings.change(record, values)
        record.refresh_from_db()
        return record
