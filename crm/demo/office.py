"""The demo agency's teams, staff with their hours, and homes."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth.hashers import make_password

from crm.demo import catalog
from crm.demo.scene import Scene, fictional_number
from crm.models import Agent, BusyTime, Listing, ListingStatus, Team, WorkingHours

STAFF_AREA_CODE = 872
# Of forty homes: let or withdrawn by position, so that lists and filters have something to tell apart.
OTHER_STATUSES = {5: ListingStatus.LET, 18: ListingStatus.LET, 25: ListingStatus.HELD, 36: ListingStatus.WITHDRAWN}


def load_staff(scene: Scene) -> list[Agent]:
    """Create teams and agents with working hours and a few busy times."""
    teams = [Team.objects.get_or_create(name=name, defaults={"is_demo": True})[0] for name in catalog.TEAMS]
    agents = Agent.objects.bulk_create(
        [_agent(person, teams[person.team], number) for number, person in enumerate(catalog.STAFF)]
    )
    WorkingHours.objects.bulk_create(
        [row for agent, person in zip(agents, catalog.STAFF, strict=True) for row in _hours(agent, person.hours)]
    )
    BusyTime.objects.bulk_create([row for agent in agents for row in _busy_times(scene, agent)])
    return agents


def _agent(person: catalog.Person, team: Team, number: int) -> Agent:
    """Build one member of staff who cannot sign in: only the administrator has a password."""
    return Agent(
        full_name=person.name,
        email=f"{person.name.lower().replace(' ', '.')}@{catalog.EMAIL_DOMAIN}",
        role=person.role,
        team=team,
        timezone=person.timezone or settings.TIME_ZONE,
        phone=fictional_number(STAFF_AREA_CODE, number),
        password=make_password(None),
        is_demo=True,
    )


def _hours(agent: Agent, week: str) -> list[WorkingHours]:
    return [
        WorkingHours(agent=agent, weekday=weekday, start_minute=start * 60, end_minute=end * 60)
        for weekdays, start, end in catalog.WEEKS[week]
        for weekday in weekdays
    ]


def _busy_times(scene: Scene, agent: Agent) -> list[BusyTime]:
    """Build about one commitment every other working day, a week back and three weeks ahead."""
    rows = []
    for day in range(-7, 21):
        start = scene.at(day, hour=scene.rng.randint(9, 16), tz=ZoneInfo(agent.timezone))
        minutes = scene.rng.choice([30, 60, 60, 90])
        reason = scene.rng.choice(catalog.BUSY_REASONS)
        if start.weekday() < 5 and scene.rng.random() < 0.45:
            end = start + timedelta(minutes=minutes)
            rows.append(BusyTime(agent=agent, starts_at=start, ends_at=end, reason=reason))
    return rows


def load_listings(scene: Scene, agents: list[Agent]) -> list[Listing]:
    """Create the homes, each shown by two or three agents of its team."""
    listings = [_listing(scene, building, home) for building in catalog.BUILDINGS for home in building.homes]
    taken = set(Listing.objects.values_list("address", "unit"))
    for position, status in OTHER_STATUSES.items():
        listings[position].status = status
    # A real home at one of these addresses stays the only one.
    listings = Listing.objects.bulk_create([row for row in listings if (row.address, row.unit) not in taken])
    _assign(scene, listings, agents)
    return listings


def _listing(scene: Scene, building: catalog.Building, home: catalog.Home) -> Listing:
    return Listing(
        address=building.address,
        unit=home.unit,
        rent=Decimal(home.rent),
        bedrooms=home.bedrooms,
        bathrooms=Decimal(home.bathrooms),
        property_type="studio" if home.bedrooms == 0 else building.kind,
        neighborhood=building.neighborhood,
        pets=building.pets,
        available_on=(scene.at(scene.rng.choice([-20, -6, 0, 5, 12, 20, 35, 50]))).date(),
        facts="\n".join(building.facts),
        access_notes=f"Lockbox by the door, code from the office. Alarm off before entering {building.address}.",
        is_demo=True,
        created_at=scene.past(scene.rng.randint(20, 60)),
    )


def _assign(scene: Scene, listings: list[Listing], agents: list[Agent]) -> None:
    teams = {building.address: building.team for building in catalog.BUILDINGS}
    members = [[agents[i] for i, person in enumerate(catalog.STAFF) if person.team == team] for team in range(3)]
    Listing.agents.through.objects.bulk_create(
        [
            Listing.agents.through(listing_id=listing.pk, agent_id=agent.pk)
            for listing in listings
            for agent in scene.rng.sample(members[teams[listing.address]], scene.rng.choice([2, 2, 3]))
        ]
    )
