"""Viewings of agents who have connected their Outlook, and both sides of the wire."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from calendar_sync.models import EventLink, Notice, Push
from calendar_sync.pushing import push_due
from calendar_sync.remote import TAG_ID
from calendar_sync.sandbox import Sandbox
from calendar_sync.sandbox.mailbox import Event
from calendar_sync.tests.conftest import ADA, connect
from calendar_sync.tests.entra import EntraDouble
from crm import booking
from crm.models import Agent, Appointment, Lead, Listing
from crm.slots import Offer
from crm.tests import factories as crm

DAY = date.today() + timedelta(days=7)  # noqa: DTZ011 - any day that is not over anywhere
TEN, ELEVEN, NOON = (crm.at(DAY, hour) for hour in (10, 11, 12))
HALF_HOUR = timedelta(minutes=30)
BOB = "bob@northside.example"


class Desk:
    """Books, pushes and looks into Outlook."""

    def __init__(self, sandbox: Sandbox, agent: Agent) -> None:
        self.sandbox, self.agent = sandbox, agent
        self.listing: Listing = crm.listing(agent, address="12 Oak Street", unit="4B", access_notes="Key box 1234.")
        self.lead: Lead = crm.lead(full_name="Jane Doe", phone="+13125550147", email="jane@example.com")

    def book(self, at: datetime = TEN, **more: object) -> Appointment:
        values = {"lead": self.lead, "listing": self.listing, "agent": self.agent, "idempotency_key": f"book {at}"}
        return booking.book(starts_at=at, **values | more)  # type: ignore[arg-type]

    def booked(self, at: datetime = TEN) -> Appointment:
        """Book and write."""
        appointment = self.book(at)
        assert push_due() == 1
        return self.fresh(appointment)

    def fresh(self, appointment: Appointment) -> Appointment:
        return Appointment.objects.with_names().get(pk=appointment.pk)

    def later(self, **more: int) -> datetime:
        """Return a moment at which every row is due again."""
        return datetime.now(TEN.tzinfo) + timedelta(**more or {"minutes": 20})

    def settle(self) -> None:
        """Let time pass until nothing waits that can be worked on."""
        for hour in range(1, 12):
            push_due(self.later(hours=hour))

    def events(self, address: str = ADA) -> list[Event]:
        return self.sandbox.outlook(address).events()

    def event(self, address: str = ADA) -> Event:
        (event,) = self.events(address)
        return event

    def asked(self, method: str) -> list[str]:
        """Return the paths of the requests of a kind, oldest first."""
        return [entry.request.path for entry in self.sandbox.graph.log if entry.request.method == method]

    def state(self, appointment: Appointment) -> tuple[str, str]:
        row = self.fresh(appointment)
        return row.calendar_state, row.external_id


@pytest.fixture
def desk(sandbox: Sandbox, connected_agent: Agent) -> Desk:
    return Desk(sandbox, connected_agent)


@pytest.fixture
def bob(desk: Desk, entra: EntraDouble) -> Agent:
    """A second agent who shows the same home, connected to a mailbox of his own."""
    desk.sandbox.add_person(BOB, "Bob Stone", timezone="America/Chicago")
    agent = crm.agent(hours=(9, 17), email=BOB, full_name="Bob Stone")
    desk.listing.agents.add(agent)
    connect(agent, entra, BOB)
    return agent


def reassign(appointment: Appointment, agent: Agent, at: datetime | None = None) -> Appointment:
    """Move a viewing to another agent."""
    starts_at = at or appointment.starts_at
    offer = Offer(agent.pk, appointment.listing_id, starts_at, starts_at + HALF_HOUR)
    return booking.reschedule(appointment.pk, slot=offer)


def statuses() -> list[str]:
    return list(Push.objects.values_list("status", flat=True))


def open_notices() -> list[Notice]:
    return list(Notice.objects.filter(resolved_at=None))


def only_link() -> EventLink:
    return EventLink.objects.get()


def only_link_of(agent: Agent) -> EventLink:
    return EventLink.objects.get(connection__agent=agent)


def tag_values(events: list[Event]) -> list[str]:
    return [event.properties.get(TAG_ID, "") for event in events]
