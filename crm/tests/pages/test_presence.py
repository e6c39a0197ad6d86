from __future__ import annotations

import pytest
import redis
from django.conf import settings

from crm import lookers
from crm.pages import presence
from crm.tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def team():
    return factories.team()


def look(client, person, lead, **fields):
    client.force_login(person)
    return client.post(f"/presence/lead/{lead.pk}", fields)


def test_who_else_looks_is_said_until_they_leave(client, team):
    ana, leo = factories.agent(team=team, full_name="Ana Reyes"), factories.agent(team=team)
    lead = factories.lead(owner=ana)

    assert look(client, ana, lead).json() == {"text": ""}
    assert look(client, leo, lead).json() == {"text": "Ana is looking at this"}
    assert look(client, ana, lead, leave="1").status_code == 204
    assert look(client, leo, lead).json() == {"text": ""}


def test_a_stranger_neither_sees_nor_is_seen(client, team):
    owner, stranger = factories.agent(team=team), factories.agent()
    lead = factories.lead(owner=owner)

    assert look(client, stranger, lead).status_code == 404
    assert look(client, owner, lead).json() == {"text": ""}


def test_an_unknown_kind_does_not_exist(client):
    client.force_login(factories.agent())
    assert client.post("/presence/secret/1").status_code == 404
    assert client.get("/presence/lead/1").status_code == 405


def test_a_page_that_fell_silent_is_forgotten(team, monkeypatch):
    ana, leo = factories.agent(team=team), factories.agent(team=team)
    lookers.look("lead:1", ana)
    monkeypatch.setattr(lookers, "STAYS_SECONDS", -1)
    assert lookers.look("lead:1", leo) == []


def test_without_valkey_nobody_is_known(monkeypatch):
    def broken(*args, **kwargs):
        raise redis.ConnectionError

    monkeypatch.setattr(redis, "from_url", broken)
    assert settings.REDIS_URL
    assert lookers.look("lead:1", factories.agent()) == []


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["Ana Reyes", "Leo Bell"], "Ana and Leo are looking at this"),
        (["Ana Reyes", "Leo Bell", "Kim Wu"], "Ana and 2 others are looking at this"),
    ],
)
def test_more_than_one_are_named_or_counted(names, said):
    assert presence.words([factories.agent(full_name=name) for name in names]) == said
