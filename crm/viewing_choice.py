"""Which homes to show a lead, and the times at one of them as a person chooses among them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.utils import timezone

from crm.models import Agent, Lead, Listing, ListingStatus
from crm.slots import Offer

# A home may cost this much more than was said and still be worth a look.
STRETCH = Decimal("1.1")


@dataclass(frozen=True)
class SlotDay:
    """The times offered on one local day."""

    on: date
    slots: list[tuple[Offer, Agent]]


def listings_for(lead: Lead) -> list[Listing]:
    """Return the homes that can be viewed, those that fit the lead's wishes best first."""
    homes = Listing.objects.filter(status=ListingStatus.AVAILABLE)
    return sorted(homes, key=lambda home: (-_fit(lead, home), home.address, home.unit))


def _fit(lead: Lead, home: Listing) -> int:
    """Count the wishes that a home fulfils."""
    return sum(
        [
            bool(lead.location) and lead.location.casefold() in (home.neighborhood.casefold(), home.address.casefold()),
            lead.bedrooms is not None and lead.bedrooms == home.bedrooms,
            lead.budget is not None and home.rent <= lead.budget * STRETCH,
            bool(lead.property_type) and lead.property_type.casefold() == home.property_type.casefold(),
        ]
    )


def days_of(offers: Iterable[Offer]) -> list[SlotDay]:
    """Gather offers under their local days; of several people free at one time the first stands for all."""
    rows = list(offers)
    people = Agent.objects.in_bulk({offer.agent_id for offer in rows})
    found: list[SlotDay] = []
    seen: set[object] = set()
    for offer in rows:
        if offer.starts_at in seen or offer.agent_id not in people:
            continue
        seen.add(offer.starts_at)
        on = timezone.localdate(offer.starts_at)
        if not found or found[-1].on != on:
            found.append(SlotDay(on, []))
        found[-1].slots.append((offer, people[offer.agent_id]))
    return found
