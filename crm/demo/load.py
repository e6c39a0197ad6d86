"""Load the demo agency."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from crm.demo.leads import load_leads
from crm.demo.office import load_listings, load_staff
from crm.demo.pictures import load_pictures
from crm.demo.scene import Scene
from crm.demo.timeline import load_timeline
from crm.demo.viewings import load_viewings
from crm.models import Agent, Appointment, Lead, Listing


@dataclass(frozen=True)
class Agency:
    """What was loaded."""

    scene: Scene
    agents: list[Agent]
    listings: list[Listing]
    leads: list[Lead]
    appointments: list[Appointment]


@transaction.atomic
def load_agency(now: datetime | None = None) -> Agency | None:
    """Create the demo agency around `now`; None, and nothing changed, when it is already there."""
    if Agent.objects.filter(is_demo=True).exists():
        return None
    scene = Scene(now or timezone.now())
    agents = load_staff(scene)
    listings = load_listings(scene, agents)
    load_pictures(listings)
    leads = load_leads(scene, agents)
    appointments = load_viewings(scene, agents, listings, leads)
    load_timeline(scene, leads, appointments)
    return Agency(scene, agents, listings, leads, appointments)
