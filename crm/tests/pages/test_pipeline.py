"""/pipeline: counts, cards, moves and refusals."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from crm import pipeline
from crm.models import Agent, Lead, Task
from crm.tests import factories
from crm.tests.pages.people import People, htmx, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> People:
    return People.create()


def page(person: Agent, **query: Any) -> str:
    return signed_in(person).get("/pipeline", query).content.decode()


def column_counts(person: Agent, **query: Any) -> list[int]:
    return [int(n) for n in re.findall(r"data-count>(\d+)<", page(person, **query))]


def cards_on(html: str) -> list[int]:
    return [int(pk) for pk in re.findall(r'data-card="(\d+)"', html)]


def test_cards_come_afresh_for_those_who_see_the_lead(people: People):
    lead, other = factories.lead(owner=people.agent), factories.lead()

    def fresh(person: Agent) -> list[int]:
        return cards_on(signed_in(person).get("/pipeline/cards", {"lead": [lead.pk]}).content.decode())

    shown = {name: fresh(person) for name, person in people.each().items()}
    assert shown == {"agent": [lead.pk], "mate": [lead.pk], "stranger": [], "manager": [lead.pk]}
    assert other.pk not in fresh(people.manager)


def stage_of(lead: Lead) -> str:
    return Lead.objects.get(pk=lead.pk).stage


def test_columns_count_and_show_what_each_may_see(people: People):
    own = factories.lead(owner=people.agent)
    factories.lead(owner=people.stranger, stage="viewed")
    assert column_counts(people.agent, scope="all") == [1, 0, 0, 0, 0, 0, 0]
    assert column_counts(people.mate, scope="team") == [1, 0, 0, 0, 0, 0, 0]
    assert column_counts(people.stranger, scope="all") == [0, 0, 0, 1, 0, 0, 0]
    assert column_counts(people.manager, scope="all") == [1, 0, 0, 1, 0, 0, 0]
    assert cards_on(page(people.mate, scope="all")) == [own.pk]


def test_a_column_shows_thirty_cards_then_more(people: People):
    rows = [factories.lead(owner=people.agent) for _ in range(pipeline.COLUMN_SIZE + 2)]
    html = page(people.agent)
    assert len(cards_on(html)) == pipeline.COLUMN_SIZE
    more = re.search(r'hx-get="(/pipeline/new[^"]+)"', html)
    assert more
    address = more[1].replace("&amp;", "&")
    rest = signed_in(people.agent).get(address, headers=htmx()).content.decode()
    assert set(cards_on(html)) | set(cards_on(rest)) == {row.pk for row in rows}
    assert signed_in(people.agent).get(address).headers["Location"].startswith("/leads?")
    assert cards_on(signed_in(people.stranger).get(address, headers=htmx()).content.decode()) == []
    assert signed_in(people.agent).get("/pipeline/married").status_code == 404


@pytest.mark.parametrize(("days", "tone"), [(0, ""), (1, "warn"), (3, "bad")])
def test_a_card_says_when_it_waits_too_long(people: People, days: int, tone: str):
    lead = factories.lead(stage_changed_at=timezone.now() - timedelta(days=days, minutes=1))
    assert pipeline.age_in_stage(lead, timezone.now()).tone == tone
    assert pipeline.counts(Lead.objects.all())["new"] == (1, int(tone == "bad"))


def test_leased_and_lost_wait_for_nothing(people: People):
    lead = factories.lead(stage="leased", stage_changed_at=timezone.now() - timedelta(days=400))
    assert pipeline.age_in_stage(lead, timezone.now()).tone == ""


def test_a_card_is_moved_by_those_who_may_change_the_lead(people: People):
    lead = factories.lead(owner=people.agent)

    def move(person: Agent) -> int:
        data = {"stage": "viewed", "from": stage_of(lead)}
        return signed_in(person).post(f"/pipeline/{lead.pk}/move", data, headers=htmx()).status_code

    assert move(people.stranger) == 404
    assert stage_of(lead) == "new"
    assert move(people.mate) == 200
    assert stage_of(lead) == "viewed"


def test_a_move_is_undone(people: People):
    lead = factories.lead(owner=people.agent)
    client = signed_in(people.agent)
    data = {"stage": "lost", "from": "new", "lost_reason": "Over budget"}
    answer = client.post(f"/pipeline/{lead.pk}/move", data, headers=htmx())
    assert stage_of(lead) == "lost"
    client.post(json.loads(answer.headers["HX-Trigger"])["toast"]["undo"], headers=htmx())
    assert (stage_of(lead), Lead.objects.get().lost_reason) == ("new", "")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ({"stage": "lost", "from": "new"}, "Say why"),
        ({"stage": "lost", "from": "new", "lost_reason": " "}, "Say why"),
        ({"stage": "viewed", "from": "qualified"}, "meanwhile"),
        ({"stage": "married", "from": "new"}, "no such stage"),
    ],
)
def test_a_refused_move_says_why_and_answers_with_the_card_as_it_is(people: People, data: dict[str, str], why: str):
    lead = factories.lead(owner=people.agent)
    answer = signed_in(people.agent).post(f"/pipeline/{lead.pk}/move", data, headers=htmx())
    assert answer.status_code == 409
    assert why in json.loads(answer.headers["HX-Trigger"])["toast"]["text"]
    assert 'data-stage="new"' in answer.content.decode()
    assert stage_of(lead) == "new"
    assert not lead.entries.exists()


def test_the_number_of_queries_does_not_grow_with_the_cards(people: People):
    client = signed_in(people.agent)

    def queries() -> int:
        with CaptureQueriesContext(connection) as made:
            client.get("/pipeline", {"scope": "all"})
        return len(made)

    def fill(count: int) -> None:
        for n in range(count):
            lead = factories.lead(owner=people.mate)
            due = timezone.now()
            Task.objects.create(lead=lead, kind="follow_up", text="x", due_at=due, key=f"{n}{lead.pk}")

    fill(1)
    queries()
    with_one = queries()
    fill(4)
    assert queries() == with_one
