from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection

from crm.claims import AlreadyClaimed, claim, release
from crm.models import TimelineEntry
from crm.tests import factories


@pytest.mark.django_db
def test_a_lead_of_nobody_is_ours_and_its_history_says_so():
    lead, agent = factories.lead(), factories.agent()

    assert claim(lead, agent).owner == agent
    claim(lead, agent)

    assert [entry.data for entry in TimelineEntry.objects.filter(lead=lead)] == [{"owner": [None, agent.pk]}]


@pytest.mark.django_db
def test_the_second_one_hears_who_was_first():
    first, second = factories.agent(full_name="Ana Reyes"), factories.agent()
    lead = factories.lead()
    claim(lead, first)

    with pytest.raises(AlreadyClaimed, match="Ana Reyes has this lead already") as refusal:
        claim(lead, second)

    assert refusal.value.details["owner"] == first
    lead.refresh_from_db()
    assert lead.owner == first


@pytest.mark.django_db
def test_only_the_owner_gives_back():
    owner, other = factories.agent(), factories.agent()
    lead = claim(factories.lead(), owner)

    assert not release(lead, other)
    assert release(lead, owner)
    assert lead.owner is None


@pytest.mark.django_db
def test_pages_are_told_after_the_commit(django_capture_on_commit_callbacks, monkeypatch):
    told = []
    monkeypatch.setattr("crm.nudges._send", lambda groups, said: told.append((groups, said)))
    lead = factories.lead()

    with django_capture_on_commit_callbacks(execute=True):
        claim(lead, factories.agent())
        assert told == []

    assert told == [(["desk"], {"kind": "lead", "id": lead.pk})]


@pytest.mark.django_db(transaction=True)
def test_of_two_at_once_one_gets_it():
    lead, people, start = factories.lead(), [factories.agent() for _ in range(4)], Barrier(4)

    def try_it(agent):
        try:
            start.wait()
            claim(lead, agent)
        except AlreadyClaimed:
            return None
        else:
            return agent
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        winners = [agent for agent in threads.map(try_it, people) if agent]

    lead.refresh_from_db()
    assert winners == [lead.owner]
