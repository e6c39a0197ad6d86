"""Who sees what: the agent, a team mate, a stranger; and a manager above them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest

from crm.models import Agent, Appointment, Lead, Role
from crm.rights import (
    Scope,
    appointments_in_scope,
    colleagues,
    leads_in_scope,
    visible_appointments,
    visible_leads,
)
from crm.tests import factories

pytestmark = pytest.mark.django_db


@dataclass
class People:
    agent: Agent
    mate: Agent
    stranger: Agent
    loner: Agent
    manager: Agent

    def who_sees(self, lead: Lead) -> set[str]:
        return {name for name, person in vars(self).items() if visible_leads(person).filter(pk=lead.pk).exists()}


@pytest.fixture
def people() -> People:
    north, south = factories.team(), factories.team()
    return People(
        agent=factories.agent(team=north),
        mate=factories.agent(team=north),
        stranger=factories.agent(team=south),
        loner=factories.agent(),
        manager=factories.agent(role=Role.MANAGER),
    )


def show(agent: Agent, **fields: Any) -> Appointment:
    return factories.appointment(agent, factories.listing(agent), factories.at(date(2027, 6, 1), 10), **fields)


def test_a_lead_is_seen_by_its_owner_the_team_and_managers(people: People):
    assert people.who_sees(factories.lead(owner=people.agent)) == {"agent", "mate", "manager"}


def test_people_without_a_team_are_no_team(people: People):
    other = factories.agent()
    assert set(colleagues(people.loner)) == {people.loner}
    assert people.who_sees(factories.lead(owner=other)) == {"manager"}


def test_a_lead_of_nobody_is_seen_by_everybody(people: People):
    assert people.who_sees(factories.lead()) == {"agent", "mate", "stranger", "loner", "manager"}


def test_who_shows_a_home_sees_the_lead_and_so_does_the_team(people: People):
    lead = factories.lead(owner=people.stranger)
    show(people.agent, lead=lead)
    assert people.who_sees(lead) == {"agent", "mate", "stranger", "manager"}


def test_a_viewing_is_seen_by_its_agent_and_by_the_owner_of_its_lead(people: People):
    viewing = show(people.agent, lead=factories.lead(owner=people.stranger))
    own = show(people.loner)

    assert set(visible_appointments(people.agent)) == {viewing}
    assert set(visible_appointments(people.mate)) == {viewing}
    assert set(visible_appointments(people.stranger)) == {viewing}
    assert set(visible_appointments(people.loner)) == {own}
    assert set(visible_appointments(people.manager)) == {viewing, own}


def test_the_tabs_of_a_list(people: People):
    mine, mates, theirs, nobodys = (
        factories.lead(owner=owner) for owner in (people.agent, people.mate, people.stranger, None)
    )
    assert {scope: set(leads_in_scope(people.agent, scope)) for scope in Scope} == {
        Scope.MINE: {mine},
        Scope.UNCLAIMED: {nobodys},
        Scope.TEAM: {mine, mates},
        Scope.ALL: {mine, mates, nobodys},
    }
    assert set(leads_in_scope(people.manager, Scope.ALL)) == {mine, mates, theirs, nobodys}


def test_the_tabs_of_the_diary(people: People):
    mine = show(people.agent, lead=factories.lead(owner=people.stranger))
    mates = show(people.mate)
    assert {scope: set(appointments_in_scope(people.agent, scope)) for scope in Scope} == {
        Scope.MINE: {mine},
        Scope.UNCLAIMED: {mates},
        Scope.TEAM: {mine, mates},
        Scope.ALL: {mine, mates},
    }
