"""/leads: who sees what, what narrows it, and changes to many at once."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from crm.models import Agent, Lead, LeadStage, SavedView, Task
from crm.tests import factories
from crm.tests.pages.people import People, htmx, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> People:
    return People.create()


def names(person: Agent, **query: Any) -> list[str]:
    """Return the leads on the page in their order."""
    html = signed_in(person).get("/leads", query).content.decode()
    return re.findall(r'class="row-open"[^>]*>([^<]+)<', html)


def counts(person: Agent, **query: Any) -> list[str]:
    html = signed_in(person).get("/leads", query).content.decode()
    return re.findall(r'class="tab-count figures">(\d+)<', html)


def task(lead: Lead, due_at: Any, **fields: Any) -> Task:
    return Task.objects.create(
        lead=lead, kind="follow_up", text=f"Do {lead}", due_at=due_at, key=f"t{lead.pk}{due_at}", **fields
    )


def test_the_page_asks_who_is_there(client: Any):
    assert client.get("/leads").headers["Location"].startswith("/login")


def test_rows_come_afresh_for_those_who_see_the_lead_and_keep_the_list_in_their_links(people: People):
    lead, other = factories.lead(owner=people.agent, full_name="Rae Row"), factories.lead(full_name="Not asked for")

    def rows(person: Agent) -> str:
        return signed_in(person).get("/leads/rows", {"lead": [lead.pk, "x", 9**30], "scope": "all"}).content.decode()

    shown = {name: f'data-lead="{lead.pk}"' in rows(person) for name, person in people.each().items()}
    assert shown == {"agent": True, "mate": True, "stranger": False, "manager": True}
    assert f'href="/leads/{lead.pk}?scope=all"' in rows(people.agent)
    assert other.full_name not in rows(people.agent)


def test_each_sees_their_own_the_teams_and_nobodys_and_the_counts_tell_no_more(people: People):
    for person in (people.agent, people.mate, people.stranger):
        factories.lead(owner=person, full_name=f"Of {person.full_name}")
    factories.lead(full_name="Of nobody")

    assert counts(people.agent) == ["1", "1", "2", "3"]
    assert counts(people.mate) == ["1", "1", "2", "3"]
    assert counts(people.stranger) == ["1", "1", "1", "2"]
    assert counts(people.manager) == ["0", "1", "0", "4"]
    assert names(people.agent) == ["Of Ana Agent"]
    assert set(names(people.agent, scope="all")) == {"Of Ana Agent", "Of Max Mate", "Of nobody"}
    assert names(people.stranger, scope="unclaimed") == ["Of nobody"]


def test_a_search_finds_no_lead_that_may_not_be_seen(people: People):
    factories.lead(owner=people.agent, full_name="Ines Castillo", phone="+13125550147")
    assert names(people.mate, scope="all", q="castillo") == ["Ines Castillo"]
    assert names(people.stranger, scope="all", q="castillo") == []
    assert counts(people.stranger, q="castillo") == ["0", "0", "0", "0"]


@pytest.mark.parametrize("typed", ["(312) 555-0147", "312.555.0147", "+1 312 555 0147", "5550147", "ines", "INES@"])
def test_a_lead_is_found_by_its_number_however_it_is_typed(people: People, typed: str):
    factories.lead(full_name="Ines", phone="+13125550147", email="ines@example.com")
    factories.lead(full_name="Other", phone="+13125550199")
    assert names(people.agent, scope="all", q=typed) == ["Ines"]


def test_filters_narrow_the_list(people: People):
    now = timezone.now()
    listing = factories.listing(people.agent)
    late, booked, old = (factories.lead(full_name=name, owner=people.agent) for name in ("Late", "Booked", "Old"))
    task(late, now - timedelta(hours=1))
    factories.appointment(people.agent, listing, now + timedelta(days=1), lead=booked)
    Lead.objects.filter(pk=old.pk).update(created_at=now - timedelta(days=40), source="zillow", stage="leased")

    assert names(people.agent, due="overdue") == ["Late"]
    assert names(people.agent, due="none") == ["Old"]
    assert names(people.agent, listing=listing.pk) == ["Booked"]
    assert names(people.agent, source="zillow") == ["Old"]
    assert names(people.agent, stage="leased") == ["Old"]
    assert set(names(people.agent, stage="open")) == {"Late", "Booked"}
    assert set(names(people.agent, created=30)) == {"Late", "Booked"}
    assert names(people.agent, owner=people.mate.pk) == []


@pytest.mark.parametrize(
    "query",
    [
        {"stage": "married"},
        {"owner": "x"},
        {"owner": "9" * 30},
        {"listing": "-1"},
        {"due": "\0"},
        {"cursor": "junk"},
        {"sort": "junk"},
        {"created": "nan"},
        {"q": "\0'%_" + "x" * 500},
        {"scope": "junk"},
    ],
)
def test_what_makes_no_sense_in_the_address_is_no_error(people: People, query: dict[str, str]):
    factories.lead()
    assert signed_in(people.agent).get("/leads", query).status_code == 200


def test_every_order_pages_through_all_rows_once(people: People, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("crm.pages.leads.PAGE_SIZE", 2)
    rows = [factories.lead(full_name=f"Lead {n}", owner=people.agent, budget=n % 2 or None) for n in range(5)]
    task(rows[3], timezone.now())
    for sort in ("newest", "oldest", "next", "waiting", "name", "budget"):
        found, address = [], f"/leads?sort={sort}"
        while address:
            html = signed_in(people.agent).get(address).content.decode()
            found += re.findall(r'class="row-open"[^>]*>([^<]+)<', html)
            following = re.search(r'rel="next" href="([^"]+)"', html)
            address = "/leads" + following[1].replace("&amp;", "&") if following else ""
        assert sorted(found) == [f"Lead {n}" for n in range(5)], sort
        if sort == "next":
            assert found[0] == "Lead 3"


def test_the_number_of_queries_does_not_grow_with_the_rows(people: People):
    client = signed_in(people.agent)

    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as made:
            client.get("/leads", {"scope": "all"})
        return len(made)

    def fill(count: int) -> None:
        for _ in range(count):
            lead = factories.lead(owner=people.mate)
            task(lead, timezone.now())
            lead.entries.create(kind="note", text="x")

    fill(1)
    queries()
    with_one = queries()
    fill(4)
    assert queries() == with_one


def test_htmx_gets_the_list_alone(people: People):
    answer = signed_in(people.agent).get("/leads", headers=htmx("lead-list"))
    assert "<html" not in answer.content.decode()
    assert "HX-Request" in answer.headers["Vary"]


def test_news_are_counted_within_what_is_seen(people: People):
    since = timezone.now() - timedelta(seconds=1)
    factories.lead(owner=people.agent)

    def said(person: Agent) -> str:
        return signed_in(person).get("/leads/news", {"scope": "all", "since": since.isoformat()}).content.decode()

    assert "1 new lead" in said(people.mate)
    assert said(people.stranger).strip() == ""
    assert signed_in(people.agent).get("/leads/news", {"since": "soon"}).status_code == 204


# --- Saved views


def test_a_view_is_kept_shared_with_the_team_and_forgotten_by_its_owner_only(people: People):
    data = {"name": "Hot", "query": "stage=new&cursor=abc&q=", "is_shared": "on"}
    answer = signed_in(people.agent).post("/leads/views", data)
    assert answer.headers["Location"] == "/leads?stage=new"
    view = SavedView.objects.get()

    def sees(person: Agent) -> bool:
        return "Hot" in signed_in(person).get("/leads").content.decode().replace("Saved the view Hot", "")

    assert [sees(person) for person in (people.agent, people.mate, people.stranger)] == [True, True, False]
    assert signed_in(people.mate).post(f"/leads/views/{view.pk}/forget").status_code == 404
    assert signed_in(people.agent).post(f"/leads/views/{view.pk}/forget").status_code == 302
    assert not SavedView.objects.exists()


def test_the_same_name_again_replaces_the_view(people: People):
    client = signed_in(people.agent)
    client.post("/leads/views", {"name": "Hot", "query": "stage=new"})
    client.post("/leads/views", {"name": "Hot", "query": "stage=viewed"})
    assert [view.query for view in SavedView.objects.all()] == ["stage=viewed"]


# --- Many at once


def picked(*leads: Lead, **fields: Any) -> dict[str, Any]:
    return {"lead": [lead.pk for lead in leads], **fields}


def test_many_are_moved_and_put_back(people: People):
    first, second = factories.lead(owner=people.agent), factories.lead(owner=people.mate, stage="viewed")
    client = signed_in(people.agent)

    page = client.post("/leads/bulk", picked(first, second, act="stage", stage="applied"), follow=True)
    assert set(Lead.objects.values_list("stage", flat=True)) == {LeadStage.APPLIED}
    undo = re.search(r'action="(/leads/bulk/undo/[^"]+)"', page.content.decode())
    assert undo

    client.post(undo[1])
    assert [Lead.objects.get(pk=lead.pk).stage for lead in (first, second)] == ["new", "viewed"]
    assert "too late" in client.post(undo[1], follow=True).content.decode()


def test_nobody_moves_what_belongs_to_others(people: People):
    own, others, nobodys = factories.lead(owner=people.stranger), factories.lead(owner=people.agent), factories.lead()
    signed_in(people.stranger).post("/leads/bulk", picked(own, others, nobodys, act="stage", stage="viewed"))
    assert [Lead.objects.get(pk=lead.pk).stage for lead in (own, others, nobodys)] == ["viewed", "new", "new"]


def test_agents_hand_on_within_their_team_and_claim_what_is_nobodys(people: People):
    own, nobodys = factories.lead(owner=people.agent), factories.lead()
    client = signed_in(people.agent)
    client.post("/leads/bulk", picked(own, act="owner", owner=people.stranger.pk))
    assert Lead.objects.get(pk=own.pk).owner == people.agent

    client.post("/leads/bulk", picked(own, nobodys, act="owner", owner=people.mate.pk))
    assert set(Lead.objects.values_list("owner", flat=True)) == {people.mate.pk}

    signed_in(people.manager).post("/leads/bulk", picked(own, act="owner", owner=people.stranger.pk))
    assert Lead.objects.get(pk=own.pk).owner == people.stranger


@pytest.mark.parametrize(
    "fields",
    [{}, {"act": "stage"}, {"act": "stage", "stage": "lost"}, {"act": "junk"}, {"act": "owner", "owner": "junk"}],
)
def test_a_change_to_many_that_says_too_little_changes_nothing(people: People, fields: dict[str, str]):
    lead = factories.lead(owner=people.agent)
    assert signed_in(people.agent).post("/leads/bulk", picked(lead, **fields)).status_code == 302
    assert Lead.objects.get(pk=lead.pk).stage == LeadStage.NEW
    assert not lead.entries.exists()
