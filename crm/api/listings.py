"""/api/v1/listings"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction
from django.db.models import Prefetch, Q
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from crm import signals
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
from crm.api.views import CreateMixin, DeleteMixin, ReadMixin, ResourceViewSet, UpdateMixin
from crm.models import Agent, Listing, ListingStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.db.models import QuerySet


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
    """Listings, newest first. Filters: search, status, agent, property_type, bedrooms, min_rent, max_rent, pets."""

    # The ids of the agents are all that is shown of them.
    queryset = Listing.objects.prefetch_related(Prefetch("agents", Agent.objects.only("pk").order_by("pk")))
    serializer_class = ListingSerializer
    filterset_class = ListingFilters
    access = [ManagersWrite]
    ordering_fields = ["id", "created_at", "updated_at", "address", "rent", "bedrooms", "status", "available_on"]
    ordering = ["-id"]

    def perform_create(self, serializer: serializers.BaseSerializer[Listing]) -> None:
        self._unless_duplicate(serializer, serializer.save)

    def perform_update(self, serializer: serializers.BaseSerializer[Listing]) -> None:
        old, new = serializer.instance, serializer.validated_data
        changed = [name for name, value in new.items() if name != "agents" and getattr(old, name) != value]
        self._unless_duplicate(serializer, serializer.save)
        if changed:
            signals.listing_changed.send_robust(sender=Listing, listing=serializer.instance, changed=changed)

    def _unless_duplicate(self, serializer: serializers.BaseSerializer[Listing], save: Callable[[], Any]) -> None:
        try:
            with transaction.atomic():
                save()
        except IntegrityError as exc:
            old, new = serializer.instance, serializer.validated_data
            address, unit = new.get("address", getattr(old, "address", "")), new.get("unit", getattr(old, "unit", ""))
            other = Listing.objects.filter(address=address, unit=unit).values_list("pk", flat=True).first()
            if other is None:
                raise
            raise Problem(409, "duplicate_listing", f"Listing {other} has this address.", listing=other) from exc
