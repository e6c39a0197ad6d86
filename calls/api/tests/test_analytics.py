from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from calls.analytics.figures import TABLES
from calls.models import Call, call_pk
from crm.api.tests.conftest import problem, token_client
from crm.tests import factories

ANALYTICS = "/api/v1/analytics"
DAY = {"since": "2026-03-02", "until": "2026-03-02"}


@pytest.fixture
def calls(agent, make_agent) -> None:
    noon = datetime(2026, 3, 2, 18, tzinfo=UTC)
    theirs = factories.lead(owner=make_agent(team=factories.team()))
    for name, lead, cost in (("v-1", factories.lead(owner=agent), "0.12"), ("v-2", theirs, "0.30")):
        call = Call.objects.create(pk=call_pk(name), vapi_id=name, lead=lead, cost=cost, started_at=noon)
        Call.objects.filter(pk=call.pk).update(created_at=noon, ended_at=noon + timedelta(minutes=2))


def test_the_figures_are_those_of_the_calls_one_may_see(agent_api, api, calls) -> None:
    mine = agent_api.get(ANALYTICS, DAY).json()
    everything = api.get(ANALYTICS + "/", DAY).json()

    assert mine["now"] == {
        "since": "2026-03-02", "until": "2026-03-02", "calls": 1, "connected": 1, "booked": 0, "average_seconds": 120.0,
        "cost": "0.1200", "currency": "USD", "with_an_alert": 0,
    }  # fmt: skip
    assert (mine["before"]["since"], mine["before"]["calls"]) == ("2026-03-01", 0)
    assert (everything["now"]["calls"], everything["now"]["cost"]) == (2, "0.4200")
    assert everything["tables"] == list(TABLES)


@pytest.mark.parametrize("name", TABLES)
def test_every_table_is_rows_under_columns(agent_api, calls, name: str) -> None:
    table = agent_api.get(f"{ANALYTICS}/{name}", DAY).json()

    assert table["name"]
    assert table["definition"]
    assert all(len(row) == len(table["columns"]) for row in table["rows"])


@pytest.mark.parametrize("query", [{"since": "soon"}, {"until": "0001-01-01"}, {"owner": "x"}, {"listing": "99999999"}])
def test_what_makes_no_sense_is_refused(api, query: dict) -> None:
    assert problem(api.get(ANALYTICS, query)) == (400, "invalid_parameter")
    assert problem(api.get(f"{ANALYTICS}/days", query)) == (400, "invalid_parameter")
    assert problem(api.get(f"{ANALYTICS}/secrets")) == (404, "not_found")


def test_a_program_learns_for_whom_it_works(agent, agent_api, api) -> None:
    mine = agent_api.get("/api/v1/me").json()

    assert (mine["agent"]["id"], mine["scopes"], mine["sees_everything"]) == (agent.pk, ["read", "write"], False)
    assert token_client(agent, "read").get("/api/v1/me/").json()["scopes"] == ["read"]
    assert api.get("/api/v1/me").json()["sees_everything"]
