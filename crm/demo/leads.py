"""The demo agency's leads: who they are, what they want, what staff noted and must do."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from crm.demo import catalog
from crm.demo.scene import Scene, fictional_number
from crm.models import Agent, Lead, LeadStage, Note, Task, TaskKind

AREA_CODES = [312, 773]
# How many of the two hundred stand at each stage.
SPREAD = {
    LeadStage.NEW: 44,
    LeadStage.QUALIFIED: 48,
    LeadStage.VIEWING_BOOKED: 36,
    LeadStage.VIEWED: 28,
    LeadStage.APPLIED: 12,
    LeadStage.LEASED: 14,
    LeadStage.LOST: 18,
}
# Days since the first contact, by stage: from, to.
AGES = {
    LeadStage.NEW: (1, 9),
    LeadStage.QUALIFIED: (2, 18),
    LeadStage.VIEWING_BOOKED: (3, 16),
    LeadStage.VIEWED: (9, 24),
    LeadStage.APPLIED: (12, 30),
    LeadStage.LEASED: (20, 45),
    LeadStage.LOST: (9, 45),
}


def load_leads(scene: Scene, agents: list[Agent]) -> list[Lead]:
    """Create the leads with notes and tasks. Numbers that real leads have are left out."""
    numbers = [fictional_number(area, index) for area in AREA_CODES for index in range(100)]
    known = set(Lead.objects.filter(phone__in=numbers).values_list("phone", flat=True))
    stages = [stage for stage, count in SPREAD.items() for _ in range(count)]
    names = scene.rng.sample([(f, n) for f in catalog.FIRST_NAMES for n in catalog.LAST_NAMES], len(stages))
    drawn = [
        _lead(scene, stage, " ".join(name), number, agents)
        for stage, name, number in zip(stages, names, numbers, strict=True)
    ]
    leads = Lead.objects.bulk_create([lead for lead in drawn if lead.phone not in known])
    Note.objects.bulk_create([note for lead in leads for note in _notes(scene, lead)])
    Task.objects.bulk_create([task for number, lead in enumerate(leads) for task in _tasks(scene, lead, number)])
    return leads


def _lead(scene: Scene, stage: LeadStage, name: str, number: str, agents: list[Agent]) -> Lead:
    rng = scene.rng
    building = rng.choice(catalog.BUILDINGS)
    home = rng.choice(building.homes)
    created_at = scene.past(rng.randint(*AGES[stage]))
    lead = Lead(
        full_name=name,
        phone=number,
        stage=stage,
        source=scene.weighted(catalog.SOURCES),
        owner=None if stage == LeadStage.NEW and rng.random() < 0.5 else rng.choice(agents),
        consent_at=created_at if rng.random() < 0.8 else None,
        is_demo=True,
        created_at=created_at,
    )
    if rng.random() < 0.7:
        lead.email = f"{name.lower().replace(' ', '.')}@example.com"
    wishes = _wishes(scene, building, home)
    if stage == LeadStage.NEW:
        # Not qualified yet: half of it is unknown.
        wishes = {key: value for key, value in wishes.items() if rng.random() < 0.35}
    for key, value in wishes.items():
        setattr(lead, key, value)
    if stage == LeadStage.LOST:
        lead.lost_reason = rng.choice(catalog.LOST_REASONS)
    return lead


def _wishes(scene: Scene, building: catalog.Building, home: catalog.Home) -> dict[str, Any]:
    """Return what somebody says who would like `home`."""
    rng = scene.rng
    return {
        "budget": Decimal(round(home.rent * rng.uniform(0.95, 1.15) / 50) * 50),
        "timeline": rng.choice(catalog.TIMELINES),
        "property_type": "studio" if home.bedrooms == 0 else building.kind,
        "location": building.neighborhood,
        "bedrooms": home.bedrooms,
        "pets": rng.choice(catalog.PETS) if building.pets else "none",
        "move_in_on": scene.at(rng.randint(7, 75)).date(),
    }


def _notes(scene: Scene, lead: Lead) -> list[Note]:
    count = scene.rng.choice([0, 0, 1, 1, 2]) if lead.owner else 0
    return [
        Note(lead=lead, agent=lead.owner, text=text, created_at=_between(scene, lead))
        for text in scene.rng.sample(catalog.NOTES, count)
    ]


def _tasks(scene: Scene, lead: Lead, number: int) -> list[Task]:
    """Build a task for about every fifth lead that is still open: some overdue, most due in the coming days."""
    rng = scene.rng
    if lead.stage in (LeadStage.LEASED, LeadStage.LOST) or rng.random() > 0.22:
        return []
    kind = rng.choice([TaskKind.CALLBACK, TaskKind.FOLLOW_UP])
    due_at = scene.at(rng.choice([-1, 0, 0, 1, 1, 2, 3, 5]), hour=rng.randint(9, 17), minute=rng.choice([0, 30]))
    done_at = due_at - timedelta(hours=2) if due_at < scene.at(0) and rng.random() < 0.6 else None
    texts = catalog.CALLBACKS if kind == TaskKind.CALLBACK else catalog.FOLLOW_UPS
    return [
        Task(
            lead=lead,
            kind=kind,
            text=rng.choice(texts),
            due_at=due_at,
            assignee=lead.owner,
            key=f"demo:task:{number}",
            done_at=done_at,
            created_at=_between(scene, lead),
        )
    ]


def _between(scene: Scene, lead: Lead) -> datetime:
    """Return an instant after the lead came in and before today."""
    return lead.created_at + (scene.at(0) - lead.created_at) * scene.rng.random()
