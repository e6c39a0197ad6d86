"""The figures agree with plain SQL, on the office's days, and everybody counts what they may see."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.http import QueryDict

from calls.analytics.asked import Asked
from calls.analytics.figures import DIMENSIONS, TABLES, breakdown
from calls.analytics.headline import sums
from calls.models import Assistant, Call, ToolCall, call_pk
from crm.models import Agent, LeadStage, Role
from crm.tests import factories

pytestmark = pytest.mark.django_db
DAYS = "since=2026-03-01&until=2026-03-14"
# The clocks of Chicago went forward on 8 March 2026.
INSIDE = (
    "call.created_at >= timestamp '2026-03-01' AT TIME ZONE 'America/Chicago' "
    "AND call.created_at < timestamp '2026-03-15' AT TIME ZONE 'America/Chicago' "
    "AND call.vapi_id NOT LIKE 'practice-%%'"
)


def ask(person: Agent, query: str = "") -> Asked:
    return Asked(person, QueryDict(f"{DAYS}&{query}"))


def sql(statement: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement.replace("INSIDE", INSIDE), [])
        return cursor.fetchall()


@pytest.fixture
def manager() -> Agent:
    return factories.agent(role=Role.MANAGER)


@pytest.fixture
def office() -> list[Agent]:
    """Two hundred calls around the change of the clocks, by chance but always the same."""
    rng = random.Random(7)
    agents = [factories.agent(team=factories.team(), hours=None) for _ in range(2)]
    homes = [factories.listing(agent) for agent in agents]
    voices = [Assistant.objects.create(vapi_id=str(number), name=f"Voice {number}") for number in range(2)]
    leads = [
        factories.lead(owner=rng.choice([*agents, None]), source=rng.choice(["phone", "web"]), stage=stage)
        for stage in [LeadStage.NEW, LeadStage.QUALIFIED, LeadStage.VIEWING_BOOKED, LeadStage.LEASED] * 5
    ]
    type(leads[0]).objects.update(created_at=datetime(2026, 3, 8, 12, tzinfo=UTC))
    for number in range(200):
        began = datetime(2026, 2, 27, tzinfo=UTC) + timedelta(minutes=rng.randrange(60 * 24 * 18))
        name = f"{'practice-' if number % 10 == 0 else ''}call-{number}"
        row = Call.objects.create(
            id=call_pk(name), vapi_id=name, created_at=began, phase="ENDED", assistant=rng.choice(voices),
            started_at=began if number % 3 else None, ended_at=began + timedelta(seconds=rng.randrange(5, 600)),
            ended_class=rng.choice(["customer_ended", "silence", "", "other"]), lead=rng.choice([*leads, None]),
            listing=rng.choice(homes), cost=Decimal(number) / 100,
            alerts=[{"code": "silence"}] if number % 7 == 0 else [],
        )  # fmt: skip
        ToolCall.objects.create(
            call=row, tool_call_id="t", fingerprint=row.pk, name=rng.choice(["get_availability", "save_lead"]),
            duration_ms=rng.uniform(1, 90), code="slot_taken" if number % 9 == 0 else "",
            at=began + timedelta(seconds=9), stage=rng.choice(["BOOKING", ""]),
        )  # fmt: skip
        if number % 5 == 0:
            agent = agents[number % 2]
            factories.appointment(
                agent, homes[number % 2], began + timedelta(days=300 + number), call_id=row.pk,
                status="cancelled" if number % 15 == 0 else "booked",
            )  # fmt: skip
    return agents


BOOKED = (
    "EXISTS (SELECT FROM crm_appointment a WHERE a.call_id = call.id "
    "AND a.status IN ('booked', 'completed', 'no_show'))"
)


def test_the_headline_agrees_with_sql(office, manager):
    found = sums(ask(manager), ask(manager).period)

    assert [tuple(found[name] for name in ("calls", "connected", "booked", "cost", "alerts"))] == sql(
        f"SELECT count(*), count(started_at), count(*) FILTER (WHERE {BOOKED}), sum(cost), "
        "count(*) FILTER (WHERE alerts <> '[]') FROM calls_call call WHERE INSIDE"
    )
    [(lasted,)] = sql("SELECT avg(ended_at - started_at) FROM calls_call call WHERE INSIDE")
    assert found["lasted"] == lasted


def test_hours_and_days_are_the_office_s(office, manager):
    hours = TABLES["hours"](ask(manager))
    assert len(hours.rows) == 7 * 24
    assert sorted(row.cells[2] for row in hours.rows if row.cells[2]) == sorted(
        n for (n,) in sql(
            "SELECT count(*) FROM calls_call call WHERE INSIDE GROUP BY "
            "extract(isodow FROM created_at AT TIME ZONE 'America/Chicago'), "
            "extract(hour FROM created_at AT TIME ZONE 'America/Chicago')"
        )
    )  # fmt: skip
    days = {row.cells[0]: tuple(row.cells[1:3]) for row in TABLES["days"](ask(manager)).rows}
    assert len(days) == 14
    assert {day: cells for day, cells in days.items() if cells != (0, 0)} == {
        str(day): (n, booked) for day, n, booked in sql(
            f"SELECT (created_at AT TIME ZONE 'America/Chicago')::date, count(*), count(*) FILTER (WHERE {BOOKED}) "
            "FROM calls_call call WHERE INSIDE GROUP BY 1"
        )
    }  # fmt: skip


def test_the_hour_that_the_clocks_leave_out_has_no_call(manager):
    for name, at in (("a", "2026-03-08T07:59Z"), ("b", "2026-03-08T08:00Z")):
        Call.objects.create(id=call_pk(name), vapi_id=name, created_at=at)

    found = [row.cells for row in TABLES["hours"](ask(manager)).rows if row.cells[2]]
    assert found == [["Sunday", "01:00", 1], ["Sunday", "03:00", 1]]


def test_endings_lengths_tools_and_stages_agree_with_sql(office, manager):
    asked = ask(manager)
    assert sorted(row.cells[1] for row in TABLES["endings"](asked).rows) == sorted(
        n
        for (n,) in sql("SELECT count(*) FROM calls_call call WHERE INSIDE GROUP BY replace(ended_class, 'other', '')")
    )
    assert [row.cells[1] for row in TABLES["lengths"](asked).rows] == [n for (n,) in sql(
        "SELECT count(call.id) FROM unnest(ARRAY[0, 30, 60, 120, 300], ARRAY[30, 60, 120, 300, 9999]) "
        "AS span(low, high) "
        "LEFT JOIN calls_call call ON INSIDE AND extract(epoch FROM ended_at - started_at) >= low "
        "AND extract(epoch FROM ended_at - started_at) < high GROUP BY low ORDER BY low"
    )]  # fmt: skip
    assert [tuple(row.cells) for row in TABLES["tools"](asked).rows] == [
        (name, n, round(half, 1), round(most, 1), refused) for name, n, half, most, refused in sql(
            "SELECT name, count(*), percentile_cont(0.5) WITHIN GROUP (ORDER BY duration_ms), "
            "percentile_cont(0.95) WITHIN GROUP (ORDER BY duration_ms), count(*) FILTER (WHERE code <> '') "
            "FROM calls_toolcall t JOIN calls_call call ON call.id = t.call_id WHERE INSIDE GROUP BY 1 "
            "ORDER BY 2 DESC, 1"
        )
    ]  # fmt: skip
    assert TABLES["stages"](asked).rows[0].cells[1:3] == [*sql(
        "SELECT count(*), 9.0 FROM calls_toolcall t JOIN calls_call call ON call.id = t.call_id "
        "WHERE INSIDE AND t.stage = 'BOOKING' AND call.started_at IS NOT NULL"
    )[0]]  # fmt: skip


def test_the_funnel_counts_who_came_that_far_also_when_lost_later(office, manager):
    lead = factories.lead(stage=LeadStage.LOST, lost_reason="Moved away")
    lead.entries.create(kind="change", text="Lost", data={"stage": ["viewed", "lost"]})
    type(lead).objects.filter(pk=lead.pk).update(created_at=datetime(2026, 3, 8, 12, tzinfo=UTC))

    assert [row.cells[1] for row in TABLES["funnel"](ask(manager)).rows] == [21, 16, 11, 6, 5, 5]


@pytest.mark.parametrize("by", list(DIMENSIONS))
def test_every_breakdown_adds_up_and_leads_to_its_rows(office, manager, client, by):
    asked = ask(manager)
    table = breakdown(asked, by)
    client.force_login(manager)

    assert sum(row.cells[1] for row in table.rows) == asked.calls().count() > 100
    for row in table.rows:
        if row.href:
            tabs = {tab.name: tab.count for tab in client.get(row.href).context["tabs"]}
            assert tabs["all"] == row.cells[1]


@pytest.mark.parametrize("name", ["hours", "days", "endings"])
def test_every_row_leads_to_as_many_calls_as_it_counts(office, manager, client, name):
    client.force_login(manager)
    table = TABLES[name](ask(manager))
    busiest = max(table.rows, key=lambda row: row.cells[2] if name == "hours" else row.cells[1])

    tabs = {tab.name: tab.count for tab in client.get(busiest.href).context["tabs"]}
    assert tabs["all"] == busiest.cells[2 if name == "hours" else 1] > 0


def test_everybody_counts_what_they_may_see(office, manager):
    agent, stranger = office
    mate = factories.agent(team=agent.team)
    counted = {person.pk: ask(person).calls().count() for person in (agent, mate, stranger, manager)}

    assert counted[agent.pk] == counted[mate.pk]
    assert counted[agent.pk] < counted[manager.pk] > counted[stranger.pk]
    theirs = ask(agent).calls().filter(lead__owner=stranger)
    assert not theirs.exists()
    assert sum(row.cells[1] for row in breakdown(ask(agent), "agent").rows) == counted[agent.pk]
    assert stranger.full_name not in [row.cells[0] for row in breakdown(ask(agent), "agent").rows]


def test_the_page_asks_as_much_of_the_database_however_many_calls_there_are(
    office, manager, client, django_assert_max_num_queries
):
    client.force_login(manager)
    with django_assert_max_num_queries(30):
        answer = client.get(f"/analytics?{DAYS}")

    assert answer.status_code == 200
    assert " style=" not in answer.content.decode()


@pytest.mark.parametrize(
    "query",
    ["days=x", "since=x", "until=9999-01-01", "by=x", "owner=x", "since=2030-01-01&until=2020-01-01", "source=%00"],
)
def test_what_makes_no_sense_is_answered(manager, client, query):
    client.force_login(manager)

    assert client.get(f"/analytics?{query}").status_code == 200


def test_the_file_carries_the_visible_rows_alone(office, manager, client):
    agent, stranger = office
    client.force_login(agent)
    answer = client.get(f"/analytics/by-agent.csv?{DAYS}")

    assert answer.headers["Content-Disposition"] == 'attachment; filename="by-agent-2026-03-01-2026-03-14.csv"'
    assert stranger.full_name not in answer.getvalue().decode()
    assert client.get("/analytics/unknown.csv").status_code == 404
