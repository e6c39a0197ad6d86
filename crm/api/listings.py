"""/api/v1/listings"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Prefetch, Q
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied
from rest_framework.response import Response

from crm import listing_words
from crm.api.fields import (
    AmountField,
    ChoiceField,
    CurrencyField,
    DayField,
    IdListField,
    InstantField,
    TextField,
    WholeField,
)
from crm.api.filters import Amount, Choices, Flag, Ids, ListFilters, Numbers, Words
from crm.api.office import RULE_LIMITS
from crm.api.permissions import ManagersWrite
from crm.api.problems import Problem
from crm.api.schema import record
from crm.api.views import CreateMixin, DeleteMixin, ReadMixin, ResourceViewSet, UpdateMixin
from crm.listing_editing import change_listing
from crm.models import Agent, Listing, ListingStatus
from crm.rights import may_change_listings, may_describe_listing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.db.models import QuerySet
    from rest_framework.request import Request
    from rest_framework.views import APIView


@extend_schema_field({"type": "number", "minimum": 0, "maximum": 99.5, "multipleOf": 0.5})
class BathroomsField(serializers.DecimalField):
    """A number such as 1.5."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_digits=3, decimal_places=1, min_value=0, **kwargs)

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, bool) or not isinstance(data, int | float | str):
            self.fail("invalid")
        return super().to_internal_value(data)

    def to_representation(self, value: Any) -> Any:
        return float(value)


def _rule(name: str) -> WholeField:
    smallest, largest = RULE_LIMITS[name]
    return WholeField(min_value=smallest, max_value=largest, allow_null=True, required=False)


class ListingSerializer(serializers.ModelSerializer[Listing]):
    """A home to let. `rent` is per month. The booking rules, null where the office's apply."""

    address = TextField(max_length=200)
    unit = TextField(max_length=50, allow_blank=True, required=False)
    rent = AmountField()
    currency = CurrencyField(required=False)
    bedrooms = WholeField(min_value=0, max_value=100)
    bathrooms = BathroomsField(required=False)
    property_type = TextField(max_length=50, required=False)
    neighborhood = TextField(max_length=100, allow_blank=True, required=False)
    pets = serializers.BooleanField(required=False)
    status = ChoiceField(ListingStatus.choices, required=False)
    available_on = DayField(allow_null=True, required=False)
    agents = IdListField(queryset=Agent.objects.all())
    facts = TextField(max_length=10_000, allow_blank=True, required=False)
    access_notes = TextField(max_length=10_000, allow_blank=True, required=False)
    allows_stacked_viewings = serializers.BooleanField(required=False)
    viewing_minutes = _rule("viewing_minutes")
    buffer_before_minutes = _rule("buffer_before_minutes")
    buffer_after_minutes = _rule("buffer_after_minutes")
    minimum_notice_minutes = _rule("minimum_notice_minutes")
    horizon_days = _rule("horizon_days")
    created_at = InstantField(read_only=True)
    updated_at = InstantField(read_only=True)

    class Meta:
        model = Listing
        fields = [
            "id",
            "address",
            "unit",
            "rent",
            "currency",
            "bedrooms",
            "bathrooms",
            "property_type",
            "neighborhood",
            "pets",
            "status",
            "available_on",
            "agents",
            "facts",
            "access_notes",
            "allows_stacked_viewings",
            "viewing_minutes",
            "buffer_before_minutes",
            "buffer_after_minutes",
            "minimum_notice_minutes",
            "horizon_days",
            "created_at",
            "updated_at",
        ]


# What who shows a home may say of it, besides its photos.
DESCRIBING = {"facts", "access_notes"}


def refuse_change(person: Agent, home: Listing, values: Mapping[str, Any]) -> None:
    """Refuse what only managers change; who shows a home describes it."""
    is_describing = bool(values) and set(values) <= DESCRIBING
    if not (may_describe_listing(person, home) if is_describing else may_change_listings(person)):
        raise PermissionDenied(ManagersWrite.message, ManagersWrite.code)


def make_listing(values: Mapping[str, Any]) -> Listing:
    """Make a home. Raises Problem for an address that is there already."""
    given = dict(values)
    agents = given.pop("agents")
    try:
        with transaction.atomic():
            home = Listing.objects.create(**given)
            home.agents.set(agents)
    except IntegrityError as exc:
        raise (_duplicate(given.get("address", ""), given.get("unit", "")) or exc) from exc
    return home


def change(home: Listing, values: Mapping[str, Any]) -> None:
    """Change a home as its page does. Raises Problem for an address that is there already."""
    plain = dict(values)
    if "agents" in plain:
        plain["agents"] = [agent.pk for agent in plain["agents"]]
    try:
        change_listing(home, plain)
    except (ValidationError, IntegrityError) as exc:
        address, unit = plain.get("address", home.address), plain.get("unit", home.unit)
        if duplicate := _duplicate(address, unit, but=home.pk):
            raise duplicate from exc
        if isinstance(exc, IntegrityError):
            raise
        raise serializers.ValidationError(exc.messages, "invalid") from exc


def _duplicate(address: str, unit: str, but: int = 0) -> Problem | None:
    same = Listing.objects.filter(address=address, unit=unit).exclude(pk=but)
    other = same.values_list("pk", flat=True).first()
    if other is None:
        return None
    return Problem(409, "duplicate_listing", f"Listing {other} has this address.", listing=other)


class FactsSerializer(serializers.Serializer[Any]):
    """Facts as they are being written; without them, as they are kept."""

    facts = TextField(max_length=10_000, allow_blank=True, required=False)


class ManagersMake(ManagersWrite):
    """Everybody reads; managers write. What PATCH may change is decided by the fields it names."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return request.method == "PATCH" or super().has_permission(request, view)


class ListingFilters(ListFilters):
    status = Choices(ListingStatus.values)
    property_type = Words(lookup_expr="iexact")
    bedrooms = Numbers()
    min_rent = Amount("rent", "gte")
    max_rent = Amount("rent", "lte")
    pets = Flag()
    agent = Ids(method="shown_by")
    search = Words(method="matching")

    def shown_by(self, queryset: QuerySet[Listing], name: str, agents: list[int]) -> QuerySet[Listing]:
        return queryset.filter(pk__in=Listing.agents.through.objects.filter(agent__in=agents).values("listing"))

    def matching(self, queryset: QuerySet[Listing], name: str, words: str) -> QuerySet[Listing]:
        places = Q(address__icontains=words) | Q(neighborhood__icontains=words) | Q(unit__iexact=words)
        return queryset.filter(places)


class ListingViewSet(ReadMixin, CreateMixin, UpdateMixin, DeleteMixin, ResourceViewSet):
    """Listings, newest first. Managers change them; who shows a home may PATCH its facts and access_notes.

    Filters: search, status, agent, property_type, bedrooms, min_rent, max_rent, pets."""

    # The ids of the agents are all that is shown of them.
    queryset = Listing.objects.prefetch_related(Prefetch("agents", Agent.objects.only("pk").order_by("pk")))
    serializer_class = ListingSerializer
    filterset_class = ListingFilters
    access = [ManagersMake]
    ordering_fields = ["id", "created_at", "updated_at", "address", "rent", "bedrooms", "status", "available_on"]
    ordering = ["-id"]

    def perform_create(self, serializer: serializers.BaseSerializer[Listing]) -> None:
        serializer.instance = make_listing(serializer.validated_data)

    def perform_update(self, serializer: serializers.BaseSerializer[Listing]) -> None:
        home, values = cast(Listing, serializer.instance), serializer.validated_data
        refuse_change(self.person, home, values)
        change(home, values)
        serializer.instance = self.get_queryset().get(pk=home.pk)

    @extend_schema(request=FactsSerializer, responses={200: record(words={"type": "string"})})
    @action(detail=True, methods=["post"], access=[])
    def words(self, request: Request, pk: str) -> Response:
        """Say what a caller would be told of the home with these facts. Nothing is kept."""
        home = self.get_object()
        serializer = FactsSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        home.facts = serializer.validated_data.get("facts", home.facts)
        return Response({"words": listing_words.words(home)})
