"""What belongs to another team does not exist: not in lists, not by id, not in refusals."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from calls.models import Call, call_pk
from crm.api.tests.conftest import problem, token_client
from crm.models import BusyTime, Lead, Note, Task, TaskKind
from crm.tests import factories

SOON = datetime(2030, 1, 7, 15, tzinfo=UTC)


@pytest.fixture
def theirs(make_agent) -> dict:
    """One of everything that belongs to another team."""
    stranger = make_agent(team=factories.team())
    lead = factories.lead(owner=stranger, phone="+13125559999", full_name="Secret Person")
    home = factories.listing(stranger)
    return {
        "stranger": stranger,
        "leads": lead,
        "notes": Note.objects.create(lead=lead, text="Hidden"),
        "tasks": Task.objects.create(
            lead=lead, kind=TaskKind.FOLLOW_UP, text="x", due_at=SOON, key="t", assignee=stranger
        ),
        "appointments": factories.appointment(stranger, home, SOON, lead=lead),
        "busy-times": BusyTime.objects.create(agent=stranger, starts_at=SOON, ends_at=SOON + timedelta(hours=1)),
        "calls": Call.objects.create(pk=call_pk("v-9"), vapi_id="v-9", lead=lead),
    }


@pytest.mark.parametrize("resource", ["leads", "notes", "tasks", "appointments", "busy-times", "calls"])
def test_a_strangers_record_is_not_there(agent_api, api, theirs, resource: str) -> None:
    path = f"/api/v1/{resource}"
    pk = theirs[resource].pk

    assert agent_api.get(path).json()["results"] == []
    assert problem(agent_api.get(f"{path}/{pk}")) == (404, "not_found")
    assert agent_api.get(f"{path}/{pk}").json() == agent_api.get(f"{path}/{999999999}").json()
    assert api.get(f"{path}/{pk}").status_code == 200
    assert len(api.get(path).json()["results"]) == 1


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("patch", "leads/{leads}"),
        ("patch", "tasks/{tasks}"),
        ("delete", "busy-times/{busy-times}"),
        ("post", "appointments/{appointments}/cancel"),
        ("post", "appointments/{appointments}/confirm"),
        ("post", "appointments/{appointments}/reschedule"),
    ],
)
def test_a_strangers_record_is_not_changed(agent_api, theirs, method: str, path: str) -> None:
    ids = {name: row.pk for name, row in theirs.items()}

    assert problem(getattr(agent_api, method)(f"/api/v1/{path.format(**ids)}", {})) == (404, "not_found")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("notes", {"text": "x"}),
        ("tasks", {"text": "x", "due_at": "2030-01-01T00:00:00Z"}),
        ("appointments", {"starts_at": "2030-01-01T15:00:00Z"}),
    ],
)
def test_a_strangers_lead_is_refused_as_if_unknown(agent_api, theirs, listing, path: str, body: dict) -> None:
    body = body | ({"listing": listing.pk} if path == "appointments" else {})
    known = agent_api.post(f"/api/v1/{path}", body | {"lead": theirs["leads"].pk})
    unknown = agent_api.post(f"/api/v1/{path}", body | {"lead": 999999999})

    assert problem(known) == (400, "invalid")
    assert known.json()["errors"]["lead"][0]["code"] == unknown.json()["errors"]["lead"][0]["code"] == "does_not_exist"


def test_a_strangers_number_is_refused_without_saying_whose_it_is(agent_api, api, theirs) -> None:
    mine = agent_api.post("/api/v1/leads", {"phone": "+13125559999"}).json()

    assert (mine["code"], mine["lead"]) == ("duplicate_phone", None)
    assert "Secret" not in str(mine)
    assert api.post("/api/v1/leads", {"phone": "+13125559999"}).json()["lead"] == theirs["leads"].pk


def test_searching_finds_nothing_of_strangers(agent_api, theirs) -> None:
    for query in ({"search": "Secret"}, {"phone": "+13125559999"}, {"owner": theirs["stranger"].pk}):
        assert agent_api.get("/api/v1/leads", query).json() == {"next": None, "previous": None, "results": []}


def test_nobodys_leads_are_claimed_before_they_are_changed(agent_api, agent, lead, theirs) -> None:
    path = f"/api/v1/leads/{lead.pk}"

    assert problem(agent_api.patch(path, {"pets": "dog"})) == (403, "not_allowed")
    assert problem(agent_api.patch(path, {"owner": theirs["stranger"].pk})) == (403, "not_allowed")
    assert agent_api.patch(path, {"pets": "dog", "owner": agent.pk}).status_code == 200
    assert problem(agent_api.patch(path, {"owner": theirs["stranger"].pk})) == (403, "not_allowed")
    assert Lead.objects.get(pk=lead.pk).owner == agent


def test_team_mates_share(make_agent, theirs) -> None:
    mate = make_agent(team=theirs["stranger"].team)
    client = token_client(mate)

    for resource in ("leads", "notes", "tasks", "appointments", "busy-times", "calls"):
        assert client.get(f"/api/v1/{resource}/{theirs[resource].pk}").status_code == 200, resource


def test_the_board_shows_only_the_calls_one_may_see(agent_api, api, theirs, monkeypatch) -> None:
    shape = {"id": str(theirs["calls"].pk)}
    monkeypatch.setattr("calls.board.snapshot", lambda: {"seq": 7, "calls": [shape]})

    assert agent_api.get("/api/v1/live").json() == {"seq": 7, "calls": []}
    assert api.get("/api/v1/live").json() == {"seq": 7, "calls": [shape]}
