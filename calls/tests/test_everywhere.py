"""Every page and list at once: what the agent, a team mate, a stranger and a manager find there, and what it costs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from calls.models import Assistant, Call, Phase, Stage, call_pk
from crm.models import Agent, EntryKind, Note, Notice, NoticeKind, Role, Task, TaskKind
from crm.tests import factories
from crm.tests.pages.people import People, htmx, signed_in
from crm.timeline import add_timeline

pytestmark = pytest.mark.django_db

# What nobody may read who does not see the lead: its name, number and address, what was said and written.
SECRETS = ["Zebulon", "5550873", "555-0873", "quarrel@example.com", "aquamarine", "tangerine"]
SEES = {"agent": True, "mate": True, "stranger": False, "manager": True}


@pytest.fixture
def people() -> People:
    return People.create()


@pytest.fixture
def secret(people: People) -> dict[str, Any]:
    """A lead of the agent's with one of everything, and what addresses may name of it."""
    tomorrow = (timezone.now() + timedelta(days=1)).replace(hour=18, minute=0, second=0, microsecond=0)
    lead = factories.lead(
        owner=people.agent, full_name="Zebulon Quarrel", phone="+13125550873", email="quarrel@example.com"
    )
    home = factories.listing(people.agent, address="1 Matrix Road")
    viewing = factories.appointment(people.agent, home, tomorrow, lead=lead)
    said = [{"role": "user", "text": "The aquamarine door", "at": tomorrow.isoformat(), "interrupted": False}]
    fields = {"phase": "ENDED", "transcript": said, "lead": lead, "customer_number": lead.phone, "summary": "tangerine"}
    call = Call.objects.create(id=call_pk("secret"), vapi_id="secret", created_at=timezone.now(), **fields)
    note = Note.objects.create(lead=lead, text="tangerine")
    task = Task.objects.create(
        lead=lead, kind=TaskKind.FOLLOW_UP, text="tangerine", due_at=tomorrow, key="secret", assignee=people.agent
    )
    add_timeline(lead, EntryKind.NOTE, "tangerine", agent=people.agent)
    return {
        "lead": lead.pk,
        "home": home.pk,
        "viewing": viewing.pk,
        "call": call.pk,
        "note": note.pk,
        "task": task.pk,
        "day": f"{tomorrow:%Y-%m-%d}",
    }


SHOWING = [
    "/leads?scope=all",
    "/leads?scope=all&q=Zebulon",
    "/leads?scope=all&q=5550873",
    "/leads/rows?lead={lead}",
    "/leads/{lead}",
    "/pipeline?scope=all",
    "/pipeline/cards?lead={lead}",
    "/appointments?scope=all&view=agenda&date={day}",
    "/appointments?scope=all&view=day&date={day}",
    "/appointments?scope=all&view=day&by=listing&date={day}",
    "/appointments?appointment={viewing}",
    "/listings/{home}",
    "/calls?scope=all",
    "/calls?scope=all&q=aquamarine",
    "/calls/{call}",
    "/palette?q=zebulon",
    "/palette?q=5550873",
    "/api/v1/leads",
    "/api/v1/leads?phone=%2B13125550873",
    "/api/v1/leads/{lead}",
    "/api/v1/leads/{lead}/timeline",
    "/api/v1/notes",
    "/api/v1/notes/{note}",
    "/api/v1/tasks",
    "/api/v1/tasks/{task}",
    "/api/v1/calls",
    "/api/v1/calls/{call}",
    "/api/v1/search?q=zebulon",
    "/api/v1/search?q=aquamarine",
    "/export/leads.csv?scope=all",
    "/export/leads.json?scope=all&q=zebulon",
    "/export/appointments.csv?scope=all&view=agenda",
    "/export/calls.json?scope=all",
]


@pytest.mark.parametrize("path", SHOWING)
def test_a_lead_is_found_by_those_who_see_it_and_by_nobody_else(people: People, secret: dict[str, Any], path: str):
    found = {name: _tells(person, path.format(**secret), path) for name, person in people.each().items()}

    assert found == SEES


def _tells(person: Agent, path: str, asked: str) -> bool:
    """Say whether the answer tells anything secret that the question did not."""
    # Without a call of its own on the board the dashboard would be the same for all.
    html = signed_in(person).get(path).getvalue().decode()
    return any(word in html for word in SECRETS if word.lower() not in asked.lower())


@pytest.mark.parametrize(
    "path",
    [
        "/dashboard",
        "/notifications",
        "/analytics",
        "/users",
        "/listings",
        "/settings",
        "/wallboard",
        "/api/v1/live",
        "/api/v1/notices",
        "/api/v1/agents",
        "/api/v1/listings",
        "/database/rentals",
        "/leads/news?since=2020-01-01T00:00:00Z&q=Zebulon&scope=all",
        "/leads/{lead}",
        "/leads/{lead}/duplicates",
        "/leads/{lead}/facts/phone",
        "/leads/{lead}/composer?compose=email",
        "/appointments/{viewing}",
        "/appointments/{viewing}/move",
        "/appointments/{viewing}/cancel",
        "/calls/{call}/events",
        "/calls/{call}/tower",
        "/api/v1/appointments/{viewing}",
        "/api/v1/leads/{lead}/duplicates",
        "/calendar/events",
        "/export/person/{lead}.zip",
        "/export/listings.csv?scope=all",
        "/users/new",
    ],
)
def test_a_stranger_reads_nothing_secret_anywhere(people: People, secret: dict[str, Any], path: str):
    client = signed_in(people.stranger)
    for headers in ({}, htmx()):
        answer = client.get(path.format(**secret), headers=headers)
        assert answer.status_code < 500
        assert [word for word in SECRETS if word in answer.getvalue().decode()] == []
        assert "{" not in path or answer.status_code in (302, 403, 404)


@pytest.mark.parametrize("path", ["/api/v1/leads/{lead}", "/api/v1/calls/{call}", "/leads/{lead}", "/calls/{call}"])
def test_what_a_stranger_may_not_see_answers_as_what_does_not_exist(people: People, secret: dict[str, Any], path: str):
    client = signed_in(people.stranger)
    there = client.get(path.format(**secret))
    nowhere = client.get(path.format(lead=999999999, call=call_pk("nowhere")))

    assert there.status_code == nowhere.status_code == 404
    assert len(there.content) == pytest.approx(len(nowhere.content), abs=300)


# --- What it costs --------------------------------------------------------------------------------------------------

LISTS = [
    "/dashboard",
    "/calls?scope=all",
    "/leads?scope=all",
    "/leads?scope=all&sort=next",
    "/pipeline?scope=all",
    "/appointments?scope=all&view=agenda",
    "/appointments?scope=all&view=day",
    "/appointments?scope=all&view=week&by=listing",
    "/listings?scope=all",
    "/users",
    "/notifications",
    "/analytics",
    "/assistants",
    "/palette?q=agent",
    "/wallboard",
    "/api/v1/agents",
    "/api/v1/appointments",
    "/api/v1/assistants",
    "/api/v1/calls",
    "/api/v1/leads",
    "/api/v1/listings",
    "/api/v1/notes",
    "/api/v1/notices",
    "/api/v1/tasks",
    "/api/v1/live",
]
FEW, MANY = 4, 60


def test_every_list_asks_as_many_questions_for_sixty_rows_as_for_four():
    manager = factories.agent(role=Role.MANAGER, team=factories.team())
    client = signed_in(manager)
    _fill(manager, range(FEW))
    # What is looked up once and then known.
    _costs(client)
    few = _costs(client)
    _fill(manager, range(FEW, MANY))

    assert _costs(client) == few


def _costs(client: Client) -> dict[str, int]:
    costs = {}
    for path in LISTS:
        with CaptureQueriesContext(connection) as asked:
            answer = client.get(path)
        assert answer.status_code == 200, path
        costs[path] = len(asked)
    return costs


def _fill(manager: Agent, numbers: range) -> None:
    """Make this many of everything, all of it seen by the manager on the first page."""
    start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=2)
    for n in numbers:
        agent = factories.agent(team=manager.team, hours=(9, 17))
        lead = factories.lead(owner=agent, full_name=f"Lead {n}", email=f"lead{n}@example.com")
        home = factories.listing(agent)
        viewing = factories.appointment(agent, home, start, lead=lead)
        assistant = Assistant.objects.create(vapi_id=f"assistant-{n}", name=f"Assistant {n}", agent=agent)
        fields = {"lead": lead, "assistant": assistant, "last_event_at": timezone.now()}
        phases = {"phase": Phase.ENDED, "stage": Stage.BOOKING}
        call = Call.objects.create(id=call_pk(f"c{n}"), vapi_id=f"c{n}", **phases, **fields)
        viewing.call_id = call.pk
        viewing.save()
        Note.objects.create(lead=lead, text="x")
        due = start + timedelta(days=1)
        Task.objects.create(lead=lead, kind=TaskKind.CALLBACK, text="x", due_at=due, key=f"t{n}", assignee=manager)
        add_timeline(lead, EntryKind.CALL, "x", call_id=call.pk)
        Notice.objects.create(person=manager, kind=NoticeKind.HOT_LEAD, event="hot_lead", lead=lead, key=f"n{n}")
