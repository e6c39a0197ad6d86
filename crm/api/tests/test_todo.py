"""Tasks, teams and many leads at once."""

from __future__ import annotations

import pytest

from crm.api.tests.conftest import problem
from crm.models import Agent, Lead, LeadStage, Task, TimelineEntry
from crm.tests import factories

TASKS, TEAMS, BULK = "/api/v1/tasks", "/api/v1/teams", "/api/v1/leads/bulk"
DUE = "2030-01-01T15:00:00+00:00"


def test_a_task_is_made_done_and_opened_again(agent_api, agent, lead) -> None:
    made = agent_api.post(TASKS, {"lead": lead.pk, "text": "Ring back", "due_at": DUE, "assignee": agent.pk})
    path = f"{TASKS}/{made.json()['id']}"

    assert made.status_code == 201
    assert made.json() | {"id": 0, "created_at": ""} == {
        "id": 0, "lead": lead.pk, "kind": "follow_up", "text": "Ring back", "due_at": DUE, "assignee": agent.pk,
        "done_at": None, "created_at": "",
    }  # fmt: skip
    assert agent_api.patch(path, {"done": True}).json()["done_at"]
    assert agent_api.get(TASKS, {"done": "false"}).json()["results"] == []
    assert agent_api.patch(path, {"done": False}).json()["done_at"] is None


def test_tasks_are_not_put_on_strangers(agent_api, make_agent) -> None:
    body = {"text": "x", "due_at": DUE, "assignee": make_agent().pk}

    assert problem(agent_api.post(TASKS, body)) == (403, "not_allowed")
    assert not Task.objects.exists()


def test_teams_are_managed_by_managers(api, agent_api, agent) -> None:
    team = api.post(TEAMS, {"name": "North"}).json()
    Agent.objects.filter(pk=agent.pk).update(team=team["id"])

    assert agent_api.get(TEAMS).json()["results"] == [team]
    assert problem(agent_api.post(TEAMS, {"name": "South"})) == (403, "manager_required")
    assert problem(api.post(TEAMS, {"name": "North"})) == (400, "invalid")
    assert api.patch(f"{TEAMS}/{team['id']}", {"name": "Nord"}).json()["name"] == "Nord"
    assert api.delete(f"{TEAMS}/{team['id']}").status_code == 204
    assert Agent.objects.get(pk=agent.pk).team is None


def test_many_leads_are_made_and_each_says_how_it_went(api, lead) -> None:
    rows = [{"full_name": "A", "phone": "+13125550001"}, {"phone": "nonsense"}, {"phone": lead.phone}, "x", {}]

    body = api.post(BULK, {"leads": rows}).json()

    assert (body["done"], body["refused"]) == (1, 4)
    assert [row["status"] for row in body["results"]] == [201, 400, 409, 400, 400]
    assert body["results"][0]["lead"]["full_name"] == "A"
    assert body["results"][2]["problem"]["code"] == "duplicate_phone"
    assert Lead.objects.count() == 2


@pytest.mark.parametrize(
    "wrong", [{}, [], {"leads": []}, {"leads": "x"}, {"leads": [{}] * 501}, {"leads": None}, "text"]
)
def test_lists_nobody_can_read_are_refused(api, wrong: object) -> None:
    assert problem(api.post(BULK, wrong)) == (400, "invalid")


def test_many_leads_are_moved(api, agent, lead) -> None:
    other = factories.lead()

    body = api.patch(BULK, {"ids": [lead.pk, other.pk, 999999], "stage": "qualified", "owner": agent.pk}).json()

    assert [row["status"] for row in body["results"]] == [200, 200, 404]
    assert set(Lead.objects.values_list("stage", "owner")) == {(LeadStage.QUALIFIED, agent.pk)}


def test_an_agent_moves_only_what_is_theirs(agent_api, agent, make_agent, lead) -> None:
    mine, strangers = factories.lead(owner=agent), factories.lead(owner=make_agent())

    body = agent_api.patch(BULK, {"ids": [mine.pk, lead.pk, strangers.pk], "stage": "viewed"}).json()

    assert [row["status"] for row in body["results"]] == [200, 403, 404]
    assert list(Lead.objects.filter(stage="viewed")) == [mine]


@pytest.mark.parametrize(
    "wrong",
    [
        {"ids": [1]}, {"ids": [], "stage": "new"}, {"ids": ["x"], "stage": "new"}, {"ids": [1], "stage": "lost"},
        {"ids": [1], "owner": 999999}, {"ids": list(range(501)), "stage": "new"},
    ],
)  # fmt: skip
def test_changes_nobody_can_read_are_refused(api, wrong: dict) -> None:
    assert problem(api.patch(BULK, wrong)) == (400, "invalid")


def test_what_a_program_does_to_a_task_stands_in_the_timeline(agent_api, agent) -> None:
    lead = factories.lead(owner=agent)
    path = f"{TASKS}/{agent_api.post(TASKS, {'lead': lead.pk, 'text': 'Ring', 'due_at': DUE}).json()['id']}"
    agent_api.patch(path, {"due_at": "2030-01-02T15:00:00Z", "assignee": agent.pk, "done": True})

    lines = list(TimelineEntry.objects.filter(lead=lead).order_by("pk").values_list("text", "actor"))
    assert lines == [
        ("Ring", "api"), ("Due Wed 2 Jan, 09:00: Ring", "api"), (f"For {agent}: Ring", "api"), ("Done: Ring", "api"),
    ]  # fmt: skip


def test_a_task_of_a_lead_that_is_nobodys_is_worked_on_by_who_has_it(agent_api, api, lead) -> None:
    path = f"{TASKS}/{api.post(TASKS, {'lead': lead.pk, 'text': 'Ring', 'due_at': DUE}).json()['id']}"

    assert problem(agent_api.patch(path, {"done": True})) == (403, "not_allowed")
    agent_api.post(f"/api/v1/leads/{lead.pk}/claim")
    assert agent_api.patch(path, {"done": True}).json()["done_at"]


def test_many_tasks_are_made_and_done(agent_api, agent, make_agent) -> None:
    lead, hidden = factories.lead(owner=agent), factories.lead(owner=make_agent())
    rows = [{"lead": lead.pk, "text": "A", "due_at": DUE}, {"lead": hidden.pk, "text": "B", "due_at": DUE}, {}]

    made = agent_api.post(f"{TASKS}/bulk", {"tasks": rows}).json()
    one = made["results"][0]["task"]["id"]
    done = agent_api.patch(f"{TASKS}/bulk", {"ids": [one, 999999], "done": True, "due_at": DUE}).json()

    assert [row["status"] for row in made["results"]] == [201, 400, 400]
    assert [row["status"] for row in done["results"]] == [200, 404]
    assert Task.objects.get().done_at
    assert problem(agent_api.patch(f"{TASKS}/bulk", {"ids": [one]})) == (400, "invalid")
