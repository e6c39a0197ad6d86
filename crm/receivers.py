"""What crm does about its own signals: open pages hear that a lead changed hands."""

from __future__ import annotations

from typing import Any

from crm import nudges, signals
from crm.models import Lead


def tell_pages(
    sender: type[Lead], lead: Lead, changed: list[str], previous_owner_id: int | None = None, **kwargs: Any
) -> None:
    if "owner" in changed:
        nudges.tell_of_lead(lead, previous_owner_id=previous_owner_id)
    elif "stage" in changed:
        nudges.tell_of_lead(lead, previous_owner_id=lead.owner_id)


def tell_pages_of_new(sender: type[Lead], lead: Lead, **kwargs: Any) -> None:
    nudges.tell_of_lead(lead, previous_owner_id=lead.owner_id)


def connect() -> None:
    signals.lead_changed.connect(tell_pages, dispatch_uid="crm.tell_pages")
    signals.lead_created.connect(tell_pages_of_new, dispatch_uid="crm.tell_pages_of_new")
