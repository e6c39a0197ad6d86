"""The demo agency's viewings: a fortnight around today, and the older ones behind signed leases."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from crm.demo.scene import Scene
from crm.models import (
    Agent,
    Appointment,
    AppointmentStatus,
    BusyTime,
    Lead,
    LeadStage,
    Listing,
    ListingStatus,
    WorkingHours,
)

LENGTH = timedelta(minutes=30)
STEP_MINUTES = 30
CANCEL_REASONS = ["Found another home", "Ill today", "Wants a later date"]


class Diary:
    """Which half hours of which agent and home are still free. Nothing it gives breaks a rule of the office."""

    def __init__(self, scene: Scene, agents: list[Agent], listings: list[Listing]) -> None:
        self.scene = scene
        self.agents = {agent.pk: agent for agent in agents}
        self.listings = [row for row in listings if row.status == ListingStatus.AVAILABLE]
        self.shown_by = _grouped(Listing.agents.through.objects.values_list("listing_id", "agent_id"))
        self.hours = _grouped(
            ((row.agent_id, row.weekday), row) for row in WorkingHours.objects.filter(agent__in=agents)
        )
        self.busy = _grouped((row.agent_id, row) for row in BusyTime.objects.filter(agent__in=agents))
        self.taken: dict[tuple[str, int], list[datetime]] = defaultdict(list)

    def take(self, first_day: int, last_day: int) -> tuple[Listing, Agent, datetime] | None:
        """Take a random free viewing in [first_day, last_day], days from today; None when luck runs out."""
        rng = self.scene.rng
        for _ in range(60):
            listing = rng.choice(self.listings)
            agent = self.agents[rng.choice(self.shown_by[listing.pk])]
            starts = list(self._open_starts(agent, rng.randint(first_day, last_day)))
            if not starts:
                continue
            starts_at = rng.choice(starts)
            diaries = [self.taken["agent", agent.pk], self.taken["listing", listing.pk]]
            if all(abs(other - starts_at) >= LENGTH for diary in diaries for other in diary):
                for diary in diaries:
                    diary.append(starts_at)
                return listing, agent, starts_at
        return None

    def _open_starts(self, agent: Agent, day: int) -> Iterator[datetime]:
        """Yield the starts that lie inside the agent's hours and touch no busy time."""
        midnight = self.scene.at(day, tz=ZoneInfo(agent.timezone))
        for row in self.hours[agent.pk, midnight.weekday()]:
            for minute in range(row.start_minute, row.end_minute - STEP_MINUTES + 1, STEP_MINUTES):
                # Wall-clock arithmetic: working hours follow the local clock on days when it is changed.
                starts_at = (midnight + timedelta(minutes=minute)).astimezone(self.scene.tz)
                if not any(b.starts_at < starts_at + LENGTH and starts_at < b.ends_at for b in self.busy[agent.pk]):
                    yield starts_at


def _grouped(pairs: Iterable[tuple[Any, Any]]) -> dict[Any, list[Any]]:
    """Gather the second of each pair under the first."""
    groups: dict[Any, list[Any]] = defaultdict(list)
    for key, value in pairs:
        groups[key].append(value)
    return groups


def load_viewings(scene: Scene, agents: list[Agent], listings: list[Listing], leads: list[Lead]) -> list[Appointment]:
    """Create the viewings that the leads' stages speak of."""
    diary = Diary(scene, agents, listings)
    rows = [row for number, lead in enumerate(leads) for row in _viewings_of(scene, diary, lead, number)]
    return Appointment.objects.bulk_create(rows)


def _viewings_of(scene: Scene, diary: Diary, lead: Lead, number: int) -> list[Appointment]:
    windows = []
    if lead.stage == LeadStage.VIEWING_BOOKED:
        windows.append((0, 7, AppointmentStatus.BOOKED))
        if scene.rng.random() < 0.25:
            # They missed or moved the first one.
            first = scene.rng.choice([AppointmentStatus.NO_SHOW, AppointmentStatus.CANCELLED])
            windows.append((-7, -1, first))
    elif lead.stage == LeadStage.VIEWED:
        windows.append((-7, -1, AppointmentStatus.COMPLETED))
    elif lead.stage == LeadStage.APPLIED:
        windows.append((-7, -4, AppointmentStatus.COMPLETED))
    elif lead.stage == LeadStage.LEASED:
        windows.append((-19, -8, AppointmentStatus.COMPLETED))
    elif lead.stage == LeadStage.LOST and scene.rng.random() < 0.4:
        windows.append((-7, -1, scene.rng.choice([AppointmentStatus.NO_SHOW, AppointmentStatus.CANCELLED])))
    drawn = (_viewing(scene, diary, lead, window, f"demo:viewing:{number}:{i}") for i, window in enumerate(windows))
    return [row for row in drawn if row is not None]


def _viewing(
    scene: Scene, diary: Diary, lead: Lead, window: tuple[int, int, AppointmentStatus], key: str
) -> Appointment | None:
    first_day, last_day, status = window
    age = (scene.at(0) - lead.created_at).days
    # Nobody views a home before they have called.
    place = diary.take(max(first_day, 1 - age), last_day)
    if place is None:
        return None
    listing, agent, starts_at = place
    if status == AppointmentStatus.BOOKED and starts_at < scene.now:
        status = AppointmentStatus.COMPLETED
    # On the first call, or one a few days before.
    notice = timedelta(days=scene.rng.randint(2, 12), minutes=scene.rng.randint(0, 299))
    booked_at = min(max(lead.created_at + timedelta(minutes=4), starts_at - notice), scene.at(0))
    return Appointment(
        lead=lead,
        listing=listing,
        agent=agent,
        starts_at=starts_at,
        ends_at=starts_at + LENGTH,
        status=status,
        source=scene.weighted([("voice", 75), ("staff", 20), ("api", 5)]),
        idempotency_key=key,
        cancel_reason=scene.rng.choice(CANCEL_REASONS) if status == AppointmentStatus.CANCELLED else "",
        is_demo=True,
        created_at=booked_at,
    )
