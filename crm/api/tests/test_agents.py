"""Agents, their working hours and their calendars."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import available_timezones

import pytest
from django.db import connection

from crm import calendar_status
from crm.api.tests.conftest import problem, token_client
from crm.calendar_status import CalendarStatus
from crm.models import Agent, Role, WorkingHours

AGENTS = "/api/v1/agents"
NEW = {"email": "new@example.com", "full_name": "New Person", "timezone": "Europe/London"}


def hours_url(agent: Agent) -> str:
    return f"{AGENTS}/{agent.pk}/working-hours"


def test_an_agent_is_made_with_what_it_needs(api):
    made = api.post(AGENTS, NEW)

    body = made.json()
    assert made.status_code == 201, body
    assert body == {
        "id": body["id"],
        **NEW,
        "role": "agent",
        "team": None,
        "phone": None,
        "language": "",
        "is_bookable": True,
        "is_active": True,
        "calendar": {"provider": "pete", "status": "local", "last_synced_at": None},
    }
    agent = Agent.objects.get(pk=body["id"])
    assert not agent.has_usable_password()
    assert not agent.is_staff


@pytest.mark.parametrize("email", ["new@example.com", "NEW@Example.COM"])
def test_an_email_is_one_persons(api, make_agent, email):
    first = make_agent(email="new@example.com")

    response = api.post(AGENTS, NEW | {"email": email})

    assert problem(response) == (409, "duplicate_email")
    assert response.json()["agent"] == first.pk


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "x"),
        ("email", None),
        ("email", 1),
        ("full_name", ""),
        ("full_name", 1),
        ("full_name", "x" * 151),
        ("timezone", "Mars/Base"),
        ("timezone", ""),
        ("timezone", "america/chicago"),
        ("timezone", "../../etc/passwd"),
        ("timezone", "+05:00"),
        ("timezone", "localtime"),
        ("timezone", 5),
        ("role", "owner"),
        ("phone", "12"),
        ("team", 99),
        ("is_bookable", "perhaps"),
    ],
)
def test_a_bad_value_is_refused_and_changes_nothing(api, agent, field, value):
    before = list(Agent.objects.order_by("pk").values())

    for response in (api.post(AGENTS, NEW | {field: value}), api.patch(f"{AGENTS}/{agent.pk}", {field: value})):
        assert problem(response) == (400, "invalid")
        assert set(response.json()["errors"]) == {field}
    assert list(Agent.objects.order_by("pk").values()) == before


def test_postgresql_knows_every_zone_an_agent_may_have(db):
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM pg_timezone_names")
        known = {name for (name,) in cursor.fetchall()}

    assert available_timezones() - known - {"localtime"} == set()


def test_agents_read_and_cannot_write(agent_api, agent):
    assert agent_api.get(f"{AGENTS}/{agent.pk}").status_code == 200
    assert problem(agent_api.post(AGENTS, NEW)) == (403, "manager_required")
    assert problem(agent_api.patch(f"{AGENTS}/{agent.pk}", {"role": "admin"})) == (403, "manager_required")
    assert problem(agent_api.delete(f"{AGENTS}/{agent.pk}")) == (403, "manager_required")
    agent.refresh_from_db()
    assert agent.role == Role.AGENT


def test_a_manager_neither_makes_nor_touches_administrators(manager, admin, agent):
    client = token_client(manager)

    assert problem(client.post(AGENTS, NEW | {"role": "admin"})) == (403, "admin_required")
    assert problem(client.patch(f"{AGENTS}/{agent.pk}", {"role": "admin"})) == (403, "admin_required")
    assert problem(client.patch(f"{AGENTS}/{admin.pk}", {"email": "mine@example.com"})) == (403, "admin_required")
    assert problem(client.patch(f"{AGENTS}/{manager.pk}", {"role": "admin"})) == (403, "admin_required")
    assert client.patch(f"{AGENTS}/{agent.pk}", {"role": "manager"}).status_code == 200


def test_a_superuser_with_another_role_is_an_administrator_too(manager, make_agent):
    hidden = make_agent(role=Role.AGENT, is_superuser=True)

    assert problem(token_client(manager).patch(f"{AGENTS}/{hidden.pk}", {"email": "mine@example.com"}))[0] == 403
    assert token_client(hidden).post(AGENTS, NEW | {"role": "admin"}).status_code == 201


def test_djangos_flags_follow_the_role(api, agent):
    url = f"{AGENTS}/{agent.pk}"

    api.patch(url, {"role": "admin"})
    agent.refresh_from_db()
    assert (agent.is_staff, agent.is_superuser) == (True, True)

    api.patch(url, {"role": "agent"})
    agent.refresh_from_db()
    assert (agent.is_staff, agent.is_superuser) == (False, False)


@pytest.mark.parametrize("change", [{"is_active": False}, {"role": "agent"}])
def test_nobody_locks_themselves_out(api, admin, change):
    assert problem(api.patch(f"{AGENTS}/{admin.pk}", change)) == (409, "own_account")


def test_staff_are_not_deleted(api, agent):
    assert problem(api.delete(f"{AGENTS}/{agent.pk}")) == (405, "method_not_allowed")


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("role=admin", ["Ada Admin"]),
        ("role=agent,manager", ["Al Agent", "Mo Manager"]),
        ("search=MO", ["Mo Manager"]),
        ("is_active=false", []),
        ("ordering=-full_name", ["Mo Manager", "Al Agent", "Ada Admin"]),
    ],
)
def test_agents_are_filtered(api, agent, manager, query, names):
    assert [row["full_name"] for row in api.get(f"{AGENTS}?{query}").json()["results"]] == names


@pytest.mark.parametrize("rows", [1, 3])
def test_the_list_costs_the_same_however_long(api, make_agent, rows, monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(calendar_status, "_sources", [])
    asked = []
    calendar_status.register(lambda ids: asked.append(ids) or {})
    for _ in range(rows - 1):
        make_agent()
    api.get(AGENTS)

    with django_assert_num_queries(2):
        assert len(api.get(AGENTS).json()["results"]) == rows
    assert len(asked) == 2


def test_a_connected_calendar_is_shown(api, agent, monkeypatch):
    monkeypatch.setattr(calendar_status, "_sources", [])
    at = datetime(2027, 1, 1, 12, tzinfo=UTC)
    calendar_status.register(lambda ids: {agent.pk: CalendarStatus("microsoft", "connected", at)})

    shown = api.get(f"{AGENTS}/{agent.pk}").json()["calendar"]

    assert shown == {"provider": "microsoft", "status": "connected", "last_synced_at": "2027-01-01T12:00:00+00:00"}


WEEK = [
    {"weekday": 0, "start": "09:00", "end": "12:30"},
    {"weekday": 0, "start": "12:30", "end": "17:00"},
    {"weekday": 6, "start": "00:00", "end": "24:00"},
]


def test_working_hours_are_replaced_and_read_back(api, agent):
    WorkingHours.objects.create(agent=agent, weekday=3, start_minute=0, end_minute=60)

    put = api.put(hours_url(agent), WEEK[::-1])

    assert put.status_code == 200, put.content
    assert put.json() == WEEK
    assert api.get(hours_url(agent) + "/").json() == WEEK
    assert api.put(hours_url(agent), []).json() == []
    assert not WorkingHours.objects.exists()


@pytest.mark.parametrize(
    ("week", "path"),
    [
        (None, ""),
        ({}, ""),
        ("x", ""),
        ([5], "0"),
        ([None], "0"),
        ([{}], "0.weekday"),
        ([{"weekday": 7, "start": "09:00", "end": "10:00"}], "0.weekday"),
        ([{"weekday": -1, "start": "09:00", "end": "10:00"}], "0.weekday"),
        ([{"weekday": True, "start": "09:00", "end": "10:00"}], "0.weekday"),
        ([{"weekday": "Monday", "start": "09:00", "end": "10:00"}], "0.weekday"),
        ([{"weekday": 0, "start": "9:00", "end": "10:00"}], "0.start"),
        ([{"weekday": 0, "start": "24:01", "end": "24:00"}], "0.start"),
        ([{"weekday": 0, "start": "10:60", "end": "11:00"}], "0.start"),
        ([{"weekday": 0, "start": 900, "end": "11:00"}], "0.start"),
        ([{"weekday": 0, "start": "09:00", "end": None}], "0.end"),
        ([{"weekday": 0, "start": "09:00", "end": "25:00"}], "0.end"),
        ([{"weekday": 0, "start": "10:00", "end": "09:00"}], "0.end"),
        ([{"weekday": 0, "start": "10:00", "end": "10:00"}], "0.end"),
        ([{"weekday": 0, "start": "٠٩:00", "end": "10:00"}], "0.start"),
        ([*WEEK, {"weekday": 0, "start": "12:00", "end": "13:00"}], "3.start"),
        ([WEEK[0]] * 200, ""),
    ],
)
def test_a_bad_week_changes_nothing(api, agent, week, path):
    api.put(hours_url(agent), WEEK)

    response = api.put(hours_url(agent), week)

    assert problem(response) == (400, "invalid")
    assert path in response.json()["errors"], response.json()
    assert api.get(hours_url(agent)).json() == WEEK


def test_people_keep_their_own_hours_and_managers_everybodys(agent_api, agent, manager, make_agent):
    other = make_agent()

    assert agent_api.put(hours_url(agent), WEEK).status_code == 200
    assert problem(agent_api.put(hours_url(other), WEEK)) == (403, "manager_required")
    assert agent_api.get(hours_url(other)).json() == []
    assert token_client(manager).put(hours_url(other), WEEK).status_code == 200


def test_the_hours_of_nobody_are_404(api):
    assert problem(api.get(f"{AGENTS}/999/working-hours")) == (404, "not_found")
    assert problem(api.put(f"{AGENTS}/999/working-hours", WEEK)) == (404, "not_found")


def test_people_keep_their_own_name_number_zone_and_language(agent_api, agent, make_agent):
    mine, other = f"{AGENTS}/{agent.pk}", f"{AGENTS}/{make_agent().pk}"
    own = {"full_name": "Alice", "phone": "+13125550111", "timezone": "America/New_York", "language": "es"}

    changed = agent_api.patch(mine, own).json()

    assert {name: changed[name] for name in own} == own
    for refused in ({"full_name": "x", "role": "manager"}, {"is_bookable": False}, {"email": "x@example.com"}, {}):
        assert problem(agent_api.patch(mine, refused)) == (403, "manager_required")
    assert problem(agent_api.patch(other, {"full_name": "x"})) == (403, "manager_required")
    assert problem(agent_api.put(mine, own)) == (403, "manager_required")
    assert problem(agent_api.patch(mine, {"language": "tlh"})) == (400, "invalid")
