"""/calls/<id>: rights, the player, the moment, raw events."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from calls.models import Call
from calls.refold import project_many
from calls.tests.ledger import call, conversation, report, tool_call
from crm.tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def told(agent) -> Call:
    row = call("told/1", lead=factories.lead(owner=agent, full_name="Olga <b>Own</b>"))
    conversation(row)
    tool_call(row, arguments={"context": {"budget": "<1800>"}}, duration_ms=12.4)
    report(row, 60, artifact={"recordingUrl": "https://storage.vapi.ai/a.wav"}, cost=0.1234)
    project_many([row.pk])
    row.refresh_from_db()
    return row


def test_it_is_seen_by_those_who_see_the_lead(see, told, agent, mate, stranger, manager):
    found = {
        person.full_name: see(person, f"/calls/{told.pk}").status_code for person in (agent, mate, stranger, manager)
    }

    assert found == {"Ana Soto": 200, "Ben Mate": 200, "Cy Stranger": 404, "Mo Manager": 200}


@pytest.mark.parametrize("name", ["unknown", "00000000-0000-0000-0000-000000000000", "%00", "x" * 199])
def test_an_unknown_call_is_not_found(see, manager, name):
    assert see(manager, f"/calls/{name}").status_code == 404


def test_it_tells_everything_as_text(see, told, agent):
    text = see(agent, f"/calls/{told.pk}").content.decode()

    assert "Olga &lt;b&gt;Own" in text
    assert "&lt;1800&gt;" in text
    assert "<1800>" not in text
    assert "12 ms" in text
    assert "$0.12" in text
    assert "A flat, please." in text
    assert "customer-ended-call" in text
    assert " style=" not in text


def test_only_an_https_recording_is_played_and_only_from_its_host(see, told, agent):
    answer = see(agent, f"/calls/{told.pk}")
    assert 'src="https://storage.vapi.ai/a.wav"' in answer.content.decode()
    assert "media-src 'self' https://storage.vapi.ai;" in answer.headers["Content-Security-Policy"] + ";"

    for bad in (
        "http://storage.vapi.ai/a.wav",
        "javascript:alert(1)",
        "https://a;script-src *",
        "https://[",
        "https://u@x.y/",
    ):
        Call.objects.update(recording_url=bad)
        answer = see(agent, f"/calls/{told.pk}")
        assert "<audio" not in answer.content.decode()
        assert "media-src" not in answer.headers["Content-Security-Policy"]


def test_a_moment_can_be_shared_and_asked_for_alone(see, told, agent):
    page = see(agent, f"/calls/{told.pk}?t=3").context["moment"]
    part = see(agent, f"/calls/{told.pk}?t=3", **{"HX-Request": "true", "HX-Target": "moment"})

    assert (page.seconds, page.phase) == (3, "LISTENING")
    assert part.headers["HX-Replace-Url"] == f"/calls/{told.pk}?t=3"
    assert "Hello." in part.content.decode()
    assert "<html" not in part.content.decode()


@pytest.mark.parametrize("t", ["", "x", "nan", "inf", "-1", "1e308", "1e9999"])
def test_any_second_is_answered(see, told, agent, t):
    assert see(agent, f"/calls/{told.pk}?t={t}").status_code == 200


def test_raw_events_are_for_managers(see, told, agent, stranger, manager):
    found = {
        person.full_name: see(person, f"/calls/{told.pk}/events").status_code for person in (agent, stranger, manager)
    }

    assert found == {"Ana Soto": 403, "Cy Stranger": 404, "Mo Manager": 200}
    assert "end-of-call-report" in see(manager, f"/calls/{told.pk}/events").content.decode()


def test_the_number_of_statements_does_not_grow_with_what_was_said(see, told, manager):
    see(manager, "/calls")
    counted = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as seen:
            see(manager, f"/calls/{told.pk}")
        counted.append(len(seen))
        for _ in range(5):
            tool_call(told)
    assert counted[0] == counted[1]
