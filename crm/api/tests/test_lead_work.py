"""Claiming leads, giving them back, writing to them."""

from __future__ import annotations

from crm.api.tests.conftest import problem, token_client
from crm.models import Lead, OutgoingMessage, TimelineEntry
from crm.tests import factories

LEADS = "/api/v1/leads"
WORDS = {"subject": "Your viewing", "body": "See you on Monday."}


def test_of_two_who_claim_one_gets_the_lead(agent_api, agent, make_agent, lead) -> None:
    other = token_client(make_agent())

    assert agent_api.post(f"{LEADS}/{lead.pk}/claim").json()["owner"] == agent.pk
    assert agent_api.post(f"{LEADS}/{lead.pk}/claim").status_code == 200
    assert problem(other.post(f"{LEADS}/{lead.pk}/claim")) == (404, "not_found")
    assert TimelineEntry.objects.get(lead=lead).actor == "api"


def test_who_sees_a_claimed_lead_is_told_that_it_is_taken(api, agent_api, agent, lead) -> None:
    agent_api.post(f"{LEADS}/{lead.pk}/claim")

    assert problem(api.post(f"{LEADS}/{lead.pk}/claim")) == (409, "already_claimed")
    assert problem(api.post(f"{LEADS}/{lead.pk}/release")) == (409, "not_yours")
    assert Lead.objects.get(pk=lead.pk).owner == agent
    assert agent_api.post(f"{LEADS}/{lead.pk}/release").json()["owner"] is None


def test_an_e_mail_is_queued_once(agent_api, agent) -> None:
    lead = factories.lead(owner=agent, email="jane@example.com")
    made = [agent_api.post(f"{LEADS}/{lead.pk}/messages", WORDS, HTTP_IDEMPOTENCY_KEY="m") for _ in range(2)]

    row = OutgoingMessage.objects.get()
    assert [answer.status_code for answer in made] == [201, 201]
    assert made[0].json() == made[1].json()
    assert (row.to, row.subject, row.body) == ("jane@example.com", *WORDS.values())
    assert agent_api.get(f"{LEADS}/{lead.pk}/messages").json()["results"] == [made[0].json()]


def test_nobody_writes_to_a_lead_without_address_or_of_others(agent_api, agent, make_agent, lead) -> None:
    mine = factories.lead(owner=agent, email="")
    strangers = factories.lead(owner=make_agent(), email="a@example.com")

    assert problem(agent_api.post(f"{LEADS}/{mine.pk}/messages", WORDS)) == (409, "no_address")
    assert problem(agent_api.post(f"{LEADS}/{lead.pk}/messages", WORDS)) == (403, "not_allowed")
    assert problem(agent_api.post(f"{LEADS}/{strangers.pk}/messages", WORDS)) == (404, "not_found")
    assert problem(agent_api.get(f"{LEADS}/{strangers.pk}/messages")) == (404, "not_found")
    assert problem(agent_api.post(f"{LEADS}/{mine.pk}/messages", {"subject": ""})) == (400, "invalid")
    assert not OutgoingMessage.objects.exists()
