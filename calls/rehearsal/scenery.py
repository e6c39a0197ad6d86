"""A scenario's office as rows, made before a call and removed after it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from uuid import UUID, uuid4

from django.apps import apps
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.db import transaction

from calls.demo.remove import remove_calls
from calls.models import Assistant, Call
from calls.practice.voice import Voice
from calls.rehearsal.scenario import AgentPart, HomePart, Office, Step
from crm import booking
from crm.models import Agent, Appointment, AuditEntry, BusyTime, Closure, Lead, Listing, WorkingHours
from crm.search import places

GREETING = "Thank you for calling. I'm Pete. How can I help?"
# Of those kept for fiction, and of nobody in the demo.
STRANGER = "+12625550199"


@dataclass
class Scenery:
    """The rows of one scenario. Everything is marked as demo: what a power cut leaves, `remove_demo` takes away."""

    today: date
    run: str = field(default_factory=lambda: uuid4().hex[:12])
    agents: dict[str, Agent] = field(default_factory=dict)
    homes: dict[str, Listing] = field(default_factory=dict)
    closures: list[Closure] = field(default_factory=list)
    strangers: list[Lead] = field(default_factory=list)
    calls: list[UUID] = field(default_factory=list)
    assistant: Assistant | None = None

    def instant(self, step: Step) -> datetime:
        assert step.when is not None
        return step.when.instant(self.today, settings.OFFICE_TZ)

    def voice(self) -> Voice:
        """Return the assistant on the line."""
        assert self.assistant is not None
        listing = self.assistant.listing
        address = listing.address if listing else ""
        return Voice(self.assistant.name, self.assistant.vapi_id, GREETING, address=address)


@transaction.atomic
def build(office: Office, today: date) -> Scenery:
    """Make the agents, their homes, and the assistant who takes the calls."""
    made = Scenery(today)
    for agent in office.agents:
        made.agents[agent.name] = _agent(agent, made)
    for home in office.homes:
        made.homes[home.address] = _home(home, made)
    made.closures = [
        Closure.objects.create(starts_on=moment.day(today), ends_on=moment.day(today), reason="Rehearsal", is_demo=True)
        for moment in office.closed
    ]
    made.assistant = Assistant.objects.create(
        vapi_id=f"rehearsal-{made.run}", name="Pete (rehearsal)", listing=made.homes.get(office.about), is_demo=True
    )
    return made


def _agent(part: AgentPart, made: Scenery) -> Agent:
    row = Agent.objects.create(
        full_name=part.name,
        email=f"rehearsal-{made.run}-{len(made.agents)}@example.com",
        password=make_password(None),
        timezone=settings.TIME_ZONE,
        is_demo=True,
    )
    for weekday in part.weekdays:
        WorkingHours.objects.create(
            agent=row, weekday=weekday, start_minute=part.start_minute, end_minute=part.end_minute
        )
    for moment, minutes in part.busy:
        block(row, moment.instant(made.today, settings.OFFICE_TZ), minutes)
    return row


def _home(part: HomePart, made: Scenery) -> Listing:
    """Make a home with booking rules of its own, so that the office's do not matter."""
    row = Listing.objects.create(
        address=part.address,
        rent=part.rent,
        bedrooms=part.bedrooms,
        pets=part.pets,
        neighborhood=part.neighborhood,
        viewing_minutes=30,
        buffer_before_minutes=0,
        buffer_after_minutes=0,
        minimum_notice_minutes=60,
        horizon_days=part.horizon_days,
        is_demo=True,
    )
    row.agents.set([made.agents[name] for name in part.agents])
    return row


def block(agent: Agent, starts_at: datetime, minutes: int) -> None:
    ends_at = starts_at + timedelta(minutes=minutes)
    BusyTime.objects.create(agent=agent, starts_at=starts_at, ends_at=ends_at, reason="Rehearsal")


def meanwhile(made: Scenery, step: Step) -> None:
    """Let somebody else take a time, or the agent become busy, while the call goes on."""
    agent = made.agents[step.agent]
    if step.kind == "busy meanwhile":
        return block(agent, made.instant(step), step.minutes)
    stranger, is_new = Lead.objects.get_or_create(phone=STRANGER, defaults={"full_name": "Somebody Else"})
    if is_new:
        made.strangers.append(stranger)
    booking.book(
        lead=stranger,
        listing=made.homes[step.home] if step.home else next(iter(made.homes.values())),
        agent=agent,
        starts_at=made.instant(step),
        idempotency_key=f"rehearsal:{made.run}:{step.line}",
        source="rehearsal",
    )
    return None


@transaction.atomic
def remove(made: Scenery) -> None:
    """Take everything away that was made for the scenario or came of its calls."""
    agents = [row.pk for row in made.agents.values()]
    Appointment.objects.filter(agent__in=agents).delete()
    remove_calls(Call.objects.filter(pk__in=made.calls))
    Lead.objects.filter(pk__in=[row.pk for row in made.strangers]).delete()
    if made.assistant is not None:
        made.assistant.delete()
    Listing.objects.filter(pk__in=[row.pk for row in made.homes.values()]).delete()
    Agent.objects.filter(pk__in=agents).delete()
    Closure.objects.filter(pk__in=[row.pk for row in made.closures]).delete()
    places.forget_unused()


def row_counts() -> Counter[str]:
    """Return how many rows each table of the product has, but for the record of changes: that one only grows."""
    ours = [model for model in apps.get_models() if model._meta.app_label in ("crm", "calls", "calendar_sync")]
    return Counter({model._meta.label: model._base_manager.count() for model in ours if model is not AuditEntry})


def leftovers(before: Counter[str], after: Counter[str]) -> list[str]:
    """Say which tables have another number of rows than before."""
    tables = sorted(set(before) | set(after))
    return [
        f"{table} had {before[table]} rows and has {after[table]}" for table in tables if before[table] != after[table]
    ]
