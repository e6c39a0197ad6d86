"""Load the whole demo: the agency, its assistants and their past calls."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from calls.demo.assistants import load_assistants
from calls.demo.history import load_calls
from crm.demo.load import load_agency


@transaction.atomic
def load_demo(now: datetime | None = None) -> dict[str, int] | None:
    """Create the demo around `now` and return what there is of what; None when it is already there."""
    agency = load_agency(now)
    if agency is None:
        return None
    assistants = load_assistants(agency.agents, agency.listings)
    calls = load_calls(agency, assistants)
    return {
        "agents": len(agency.agents),
        "listings": len(agency.listings),
        "leads": len(agency.leads),
        "viewings": len(agency.appointments),
        "assistants": len(assistants),
        "calls": len(calls),
    }
