from __future__ import annotations

import json

import pytest

from crm import first_steps
from crm.first_steps import Step, checklist
from crm.models import Role
from crm.tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def done(monkeypatch) -> set[str]:
    """Two steps, done when their key is in the set."""
    found: set[str] = set()
    steps = {
        key: Step(key, place, key, "why", "act", "dashboard", lambda key=key: key in found)
        for place, key in enumerate(["first", "second"])
    }
    monkeypatch.setattr(first_steps, "_steps", steps)
    return found


@pytest.fixture
def boss():
    return factories.agent(role=Role.MANAGER)


def test_steps_check_themselves_and_go_away_when_all_are_done(done, boss):
    done.add("first")
    found = checklist(boss)
    assert found is not None
    assert (found.done, found.next.key, found.has_begun) == (1, "second", False)

    done.add("second")
    assert checklist(boss) is None
    done.clear()
    # Nobody looks again.
    assert checklist(boss) is None


def test_who_cannot_take_them_does_not_see_them(done):
    assert checklist(factories.agent()) is None


def test_put_away_for_one_person_and_taken_out_again(done, boss, client):
    client.force_login(boss)
    answer = client.post("/first-steps/close", headers={"HX-Request": "true"})
    boss.refresh_from_db()
    assert checklist(boss) is None
    assert checklist(factories.agent(role=Role.ADMIN)) is not None

    client.post(json.loads(answer["HX-Trigger"])["toast"]["undo"])
    boss.refresh_from_db()
    assert checklist(boss) is not None


def test_the_real_steps_are_five_in_order():
    steps = sorted(first_steps._steps.values(), key=lambda step: step.place)
    assert [step.key for step in steps] == ["vapi", "calendar", "listings", "hours", "practice"]
    assert [step.is_done() for step in steps] == [False] * 5

    factories.listing(factories.agent(hours=(9, 17)))
    assert [step.is_done() for step in steps] == [False, False, True, True, False]
