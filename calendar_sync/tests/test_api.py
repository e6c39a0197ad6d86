"""/calendar/events and /calendar/availability."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from calendar_sync.tests import factories
from crm.api.tests.conftest import problem, token_client
from crm.models import Agent, Appointment, BusyTime, CalendarState, Lead, Listing, Role
from crm.tests import factories as crm

pytestmark = pytest.mark.django_db

EVENTS = "/calendar/events"
AVAILABILITY = "/calendar/availability"


def tomorrow(hour: int) -> datetime:
    """Return an hour of a day in the near future, in Chicago."""
    return crm.at((datetime.now(UTC) + timedelta(days=2)).date(), hour)


@pytest.fixture
def admin() -> Agent:
    return crm.agent(role=Role.ADMIN)


@pytest.fixture
def api(admin: Agent) -> APIClient:
    return token_client(admin)


@pytest.fixture
def lead() -> Lead:
    return crm.lead()


@pytest.fixture
def worker() -> Agent:
    return crm.agent(hours=(0, 24), email="Wanda@example.com")


@pytest.fixture
def home(worker: Agent) -> Listing:
    return crm.listing(worker, address="7 Elm Street")


def test_events_are_viewings_and_busy_times_in_order(api: APIClient, worker: Agent, home: Listing, lead: Lead):
    viewing = crm.appointment(worker, home, tomorrow(11), lead=lead, calendar_state=CalendarState.SYNCED)
    mirrored = crm.busy_time(worker, tomorrow(9), tomorrow(10), reason="busy", source=BusyTime.Source.MICROSOFT)
    own = crm.busy_time(worker, tomorrow(13), tomorrow(14), reason="dentist")
    crm.appointment(worker, home, tomorrow(15), status="cancelled")
    crm.hold(worker, home, tomorrow(16), expires_at=datetime.now(UTC) - timedelta(seconds=1))
    crm.busy_time(crm.agent(), tomorrow(9), tomorrow(10))

    answer = api.get(EVENTS, {"user_id": worker.pk})

    assert answer.status_code == 200
    body = answer.json()
    assert body["agent"] == worker.pk
    assert [(event["type"], event["id"], event["title"]) for event in body["events"]] == [
        ("busy", mirrored.pk, "Busy"),
        ("viewing", viewing.pk, "Viewing: 7 Elm Street"),
        ("busy", own.pk, "Dentist"),
    ]
    assert body["events"][0] == {
        "type": "busy",
        "id": mirrored.pk,
        "agent": worker.pk,
        "starts_at": tomorrow(9).isoformat(),
        "ends_at": tomorrow(10).isoformat(),
        "title": "Busy",
        "source": "microsoft",
    }
    shown = body["events"][1]
    assert (shown["lead"], shown["listing"], shown["status"]) == (lead.pk, home.pk, "booked")
    assert (shown["calendar_state"], shown["source"]) == ("synced", "voice")


def test_a_window_takes_what_touches_it(api: APIClient, worker: Agent):
    inside = crm.busy_time(worker, tomorrow(9), tomorrow(11))
    crm.busy_time(worker, tomorrow(8), tomorrow(9))
    crm.busy_time(worker, tomorrow(12), tomorrow(13))
    window = {"start": tomorrow(10).isoformat(), "end": tomorrow(12).isoformat(), "agent": worker.pk}

    assert [event["id"] for event in api.get(EVENTS + "/", window).json()["events"]] == [inside.pk]


def test_the_agent_may_be_named_by_address_and_is_oneself_by_default(api: APIClient, admin: Agent, worker: Agent):
    assert api.get(EVENTS, {"user_id": "wanda@EXAMPLE.com"}).json()["agent"] == worker.pk
    assert api.get(EVENTS).json()["agent"] == admin.pk


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"user_id": "x"}, (400, "invalid_parameter")),
        ({"agent": "1,2"}, (400, "invalid_parameter")),
        ({"agent": "0"}, (404, "not_found")),
        ({"user_id": "9" * 19}, (400, "invalid_parameter")),
        ({"user_id": "nobody@example.com"}, (404, "not_found")),
        ({"start": "soon"}, (400, "invalid_parameter")),
        ({"start": "2027-03-02", "end": "2027-03-01"}, (400, "bad_window")),
        ({"start": "2027-03-02", "end": "2029-03-01"}, (400, "bad_window")),
        ({"user_id": "a\0@b"}, (400, "invalid_parameter")),
    ],
)
def test_what_cannot_be_answered_is_said(api: APIClient, query: dict[str, str], expected: tuple[int, str]):
    assert problem(api.get(EVENTS, query)) == expected


def test_only_people_and_programs_with_the_scope_come_in(client: Any, worker: Agent):
    assert problem(APIClient().get(EVENTS)) == (401, "not_authenticated")
    assert problem(token_client(worker, "write").get(EVENTS)) == (403, "insufficient_scope")
    assert problem(token_client(worker, "read").post(EVENTS, {})) == (403, "insufficient_scope")
    client.force_login(worker)
    assert client.get(EVENTS).json()["agent"] == worker.pk


def test_posting_books_a_viewing_once(api: APIClient, worker: Agent, home: Listing, lead: Lead):
    wish = {"user_id": worker.pk, "property_id": home.pk, "start_time": tomorrow(11).isoformat(), "lead": lead.pk}

    first = api.post(EVENTS, wish, HTTP_IDEMPOTENCY_KEY="one")
    again = api.post(EVENTS, wish, HTTP_IDEMPOTENCY_KEY="one")

    row = Appointment.objects.get()
    assert first.status_code == again.status_code == 201
    assert again.json() == first.json()
    assert (first.json()["type"], first.json()["id"]) == ("viewing", row.pk)
    assert (row.agent, row.listing, row.lead, row.starts_at) == (worker, home, lead, tomorrow(11))
    assert row.source == "api"


def test_a_taken_time_is_refused_with_other_times(api: APIClient, worker: Agent, home: Listing, lead: Lead):
    crm.busy_time(worker, tomorrow(11), tomorrow(12), source=BusyTime.Source.MICROSOFT, reason="busy")
    wish = {"agent": worker.pk, "listing": home.pk, "starts_at": tomorrow(11).isoformat(), "lead": lead.pk}

    refused = api.post(EVENTS, wish)

    assert problem(refused) == (409, "slot_taken")
    assert refused.json()["alternatives"]
    assert not Appointment.objects.exists()


@pytest.mark.parametrize("body", [[], "x", None, 1, {}, {"user_id": []}, {"start_time": 4}, {"property_id": {"a": 1}}])
def test_a_body_that_makes_no_sense_is_refused(api: APIClient, body: Any):
    status, _ = problem(api.post(EVENTS, body))

    assert status == 400
    assert not Appointment.objects.exists()


def test_availability_is_the_same_as_under_api_v1(api: APIClient, worker: Agent, home: Listing):
    day = tomorrow(0).date()
    window = {"start": str(day), "end": str(day + timedelta(days=1))}
    crm.busy_time(worker, tomorrow(9), tomorrow(10))

    there = api.get("/api/v1/availability", window | {"agent": worker.pk, "listing": home.pk, "explain": 1})
    here = api.get(AVAILABILITY, window | {"user_id": worker.pk, "property_id": home.pk, "explain": 1})

    assert here.status_code == 200
    assert here.json() == there.json()
    assert len(here.json()["slots"]) > 40
    assert {step["rule"] for step in here.json()["explanations"]} == {"busy"}


def test_unknown_people_and_paths_are_problems_too(api: APIClient):
    assert problem(api.get(AVAILABILITY, {"user_id": "0"})) == (404, "not_found")
    assert problem(api.get("/calendar/nothing")) == (404, "not_found")
    assert problem(api.delete(EVENTS)) == (405, "method_not_allowed")


def test_the_agents_of_the_api_say_how_their_calendar_stands(api: APIClient):
    connection = factories.connection(last_synced_at=factories.MONDAY)

    shown = api.get(f"/api/v1/agents/{connection.agent_id}").json()

    assert shown["calendar"] == {
        "provider": "microsoft",
        "status": "connected",
        "last_synced_at": factories.MONDAY.isoformat(),
    }


def test_people_of_other_teams_are_only_told_when(worker: Agent, home: Listing, lead: Lead):
    crm.appointment(worker, home, tomorrow(11), lead=lead)
    crm.busy_time(worker, tomorrow(13), tomorrow(14), reason="dentist")

    events = token_client(crm.agent()).get(EVENTS, {"user_id": worker.pk}).json()["events"]

    assert [(event["type"], event["title"], event["id"]) for event in events] == [("busy", "Busy", None)] * 2
    assert [event["starts_at"] for event in events] == [tomorrow(11).isoformat(), tomorrow(13).isoformat()]
    assert "dentist" not in str(events)
