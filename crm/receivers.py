"""What crm does about its own signals: open pages hear that a lead changed hands."""

from __future__ import annotations

from typing import Any

from crm import nudges, signals
from crm.models import Lead


def tell_pages(sender: type[Lead], lead: Lead, changed: list[str], **kwargs: Any) -> None:
    if not {"owner", "stage"}.isdisjoint(changed):
        nudges.tell_everybody("lead", id=lead.pk)


def tell_pages_of_new(sender: type[Lead], lead: Lead, **kwargs: Any) -> None:
    nudges.tell_everybody("lead", id=lead.pk)


def connect() -> None:
    signals.lead_changed.connect(tell_pages, dispatch_uid="crm.tell_pages")
    signals.lead_created.connect(tell_pages_of_new, dispatch_uid="crm.tell_pages_of_new")
