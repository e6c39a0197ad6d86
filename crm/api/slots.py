"""How a slot looks in the API, the same in availability and in the alternatives of a refusal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crm.api.instants import write_instant

if TYPE_CHECKING:
    from crm.availability import Offer


def slot_shape(offer: Offer) -> dict[str, Any]:
    """Return one slot; `listing` is null for an agent's time without a listing."""
    return {
        "slot_id": offer.slot_id,
        "starts_at": write_instant(offer.starts_at),
        "ends_at": write_instant(offer.ends_at),
        "agent": offer.agent_id,
        "listing": offer.listing_id,
    }
