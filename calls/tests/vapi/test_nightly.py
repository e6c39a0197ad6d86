"""The nightly comparison: managers are told what differs at Vapi, once, and again when it comes back."""

from __future__ import annotations

from typing import Any

import pytest

from calls.errors import VapiUnavailable
from calls.models import Assistant
from calls.sync import nightly
from calls.sync.apply import apply
from calls.sync.survey import survey
from calls.tasks import compare_assistants
from calls.tests.vapi.conftest import drifted
from crm import notice_words, notices
from crm.models import Agent, Notice, Role
from crm.tests import factories as crm

pytestmark = pytest.mark.django_db


@pytest.fixture
def manager(url: str) -> Agent:
    crm.agent()
    return crm.agent(role=Role.MANAGER)


def unread(person: Agent) -> list[str]:
    return [notice_words.line(row).text for row in notices.unread(person)]


def test_managers_are_told_what_differs_once(manager, vapi):
    vapi.add("assistant", **drifted("Oak"))

    assert [compare_assistants(), compare_assistants()] == [1, 1]

    assert unread(manager) == ["At Vapi not as Pete needs it: Oak. Callers may hear tools fail."]
    assert {row.person for row in Notice.objects.all()} == {manager}
    assert notice_words.line(Notice.objects.get()).url == "/assistants"


def test_what_is_set_right_is_over_and_what_drifts_anew_is_news(manager, vapi, client):
    vapi.add("assistant", **drifted("Oak"))
    nightly.check()
    found = survey(client)
    apply(client, found, found.drifted)

    assert nightly.check() == 0
    assert unread(manager) == []

    vapi.add("assistant", **drifted("Elm"))
    nightly.check()
    assert unread(manager) == ["At Vapi not as Pete needs it: Elm. Callers may hear tools fail."]


def test_an_assistant_that_is_gone_is_told_and_one_switched_off_is_not(manager, vapi):
    Assistant.objects.create(vapi_id="gone", name="Ash")
    Assistant.objects.create(vapi_id="off", name="Yew", is_active=False)

    assert nightly.check() == 1

    assert "Ash" in unread(manager)[0]


def test_many_names_are_counted(manager, vapi):
    for name in ("Ash", "Elm", "Oak", "Yew", "Fir"):
        vapi.add("assistant", **drifted(name))

    nightly.check()

    assert "Ash, Elm, Fir +2." in unread(manager)[0]


def test_a_refused_key_is_told(manager, settings):
    settings.VAPI_API_KEY = "no-longer-valid"

    assert [nightly.check(), nightly.check()] == [0, 0]

    [said] = unread(manager)
    assert "VAPI_API_KEY" in said


def test_without_vapi_nothing_is_said(manager, settings, vapi):
    vapi.add("assistant", **drifted("Oak"))
    settings.VAPI_API_KEY = ""

    assert nightly.check() == 0
    assert unread(manager) == []


def test_vapi_away_is_tried_again(manager, monkeypatch):
    def away(*_args: Any) -> Any:
        raise VapiUnavailable("away")

    monkeypatch.setattr("calls.sync.nightly.survey", away)

    with pytest.raises(VapiUnavailable):
        nightly.check()
    assert unread(manager) == []
