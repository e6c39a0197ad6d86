"""Filters under a name, for programs."""

from __future__ import annotations

from crm.api.tests.conftest import problem, token_client
from crm.models import SavedView
from crm.tests import factories

VIEWS = "/api/v1/saved-views"
HOT = {"name": "Hot", "query": "stage=hot&cursor=abc", "is_shared": True}


def test_a_view_is_kept_as_the_page_keeps_it_and_replaced_under_the_same_name(agent_api, agent) -> None:
    made = agent_api.post(VIEWS, HOT)
    again = agent_api.post(VIEWS, HOT | {"query": "stage=new"})

    assert made.status_code == 201
    assert made.json() | {"id": 0} == {
        "id": 0, "person": agent.pk, "page": "leads", "name": "Hot", "query": "stage=hot", "is_shared": True,
    }  # fmt: skip
    assert again.json() == made.json() | {"query": "stage=new"}
    assert agent_api.get(VIEWS, {"page": "leads"}).json()["results"] == [again.json()]


def test_a_view_is_changed_by_who_saw_it_and_forgotten(agent_api) -> None:
    path = f"{VIEWS}/{agent_api.post(VIEWS, HOT).json()['id']}"
    agent_api.post(VIEWS, {"name": "Cold"})
    seen = agent_api.get(path)["ETag"]

    assert agent_api.patch(path, {"query": "stage=&q=x"}, HTTP_IF_MATCH=seen).json()["query"] == "q=x"
    assert problem(agent_api.patch(path, {"query": ""}, HTTP_IF_MATCH=seen)) == (412, "precondition_failed")
    assert problem(agent_api.patch(path, {"name": "Cold"})) == (400, "invalid")
    assert agent_api.delete(path).status_code == 204
    assert SavedView.objects.count() == 1


def test_shared_views_are_seen_by_the_team_and_changed_by_their_owner(make_agent) -> None:
    team = factories.team()
    mine, theirs, stranger = (token_client(make_agent(team=of)) for of in (team, team, None))
    path = f"{VIEWS}/{mine.post(VIEWS, HOT).json()['id']}"

    assert theirs.get(path).json()["name"] == "Hot"
    assert problem(theirs.patch(path, {"name": "x"})) == (403, "not_allowed")
    assert problem(theirs.delete(path)) == (403, "not_allowed")
    assert problem(stranger.get(path)) == (404, "not_found")
    mine.patch(path, {"is_shared": False})
    assert problem(theirs.get(path)) == (404, "not_found")
