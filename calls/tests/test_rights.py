"""Who sees which call: the agent, a team mate, a stranger, a manager."""

from __future__ import annotations

from typing import Any

import pytest

from calls.models import Assistant, Call, call_pk
from calls.rights import calls_in_scope, visible_calls
from crm.models import Agent, Role
from crm.rights import Scope
from crm.tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def agent() -> Agent:
    return factories.agent(team=factories.team())


@pytest.fixture
def mate(agent: Agent) -> Agent:
    return factories.agent(team=agent.team)


@pytest.fixture
def stranger() -> Agent:
    return factories.agent(team=factories.team())


def call(vapi_id: str, **fields: Any) -> Call:
    return Call.objects.create(id=call_pk(vapi_id), vapi_id=vapi_id, **fields)


def test_a_call_goes_with_its_lead(agent: Agent, mate: Agent, stranger: Agent):
    owned = call("owned", lead=factories.lead(owner=agent))
    unclaimed = call("unclaimed", lead=factories.lead())
    unknown = call("unknown")

    assert set(visible_calls(agent)) == {owned, unclaimed, unknown}
    assert set(visible_calls(mate)) == {owned, unclaimed, unknown}
    assert set(visible_calls(stranger)) == {unclaimed, unknown}
    assert set(visible_calls(factories.agent(role=Role.MANAGER))) == {owned, unclaimed, unknown}


def test_a_call_is_also_seen_by_those_its_assistant_speaks_for(agent: Agent, mate: Agent, stranger: Agent):
    lead = factories.lead(owner=stranger)
    personal = call("personal", lead=lead, assistant=Assistant.objects.create(vapi_id="a", name="A", agent=agent))
    teams = call("teams", lead=lead, assistant=Assistant.objects.create(vapi_id="b", name="B", team=agent.team))

    assert set(visible_calls(mate)) == {personal, teams}
    assert set(visible_calls(stranger)) == {personal, teams}
    assert set(visible_calls(factories.agent())) == set()


def test_the_tabs(agent: Agent, mate: Agent, stranger: Agent):
    mine = call("mine", lead=factories.lead(owner=agent))
    mates = call("mates", lead=factories.lead(owner=mate))
    nobodys = call("nobodys", lead=factories.lead())
    call("theirs", lead=factories.lead(owner=stranger))

    assert {scope: set(calls_in_scope(agent, scope)) for scope in Scope} == {
        Scope.MINE: {mine},
        Scope.UNCLAIMED: {nobodys},
        Scope.TEAM: {mine, mates},
        Scope.ALL: {mine, mates, nobodys},
    }
