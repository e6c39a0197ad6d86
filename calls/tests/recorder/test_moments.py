"""The flight recorder tells what the live board told at the time."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models import F

from calls.models import Call, Stage
from calls.recorder import moment, tape_of
from calls.recorder.moments import Line
from calls.refold import project_many
from calls.tests.ledger import START, call, conversation, deliver, report, tool_call
from crm.tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def ended() -> Call:
    """A call of a minute in which a budget is named at second 10."""
    row = call()
    conversation(row)
    report(row, 60, startedAt=START.isoformat(), endedAt=(START + timedelta(seconds=60)).isoformat())
    tool_call(row, stage=Stage.BOOKING, facts={"budget": 1800}, at=START + timedelta(seconds=10))
    deliver(row, "transcript", 30, role="user", transcriptType="final", transcript="Thank you.")
    # Both clocks show the same.
    row.events.update(received_at=F("at"))
    project_many([row.pk])
    row.refresh_from_db()
    return row


def at(row: Call, seconds: float):
    return moment(tape_of(row), seconds)


def test_it_is_folded_up_to_the_second_and_no_further(ended):
    assert [(at(ended, second).phase, len(at(ended, second).transcript)) for second in (0, 1, 3, 5, 30, 60)] == [
        ("LISTENING", 0), ("RESPONDING", 0), ("LISTENING", 1), ("THINKING", 2), ("THINKING", 3), ("ENDED", 3),
    ]  # fmt: skip


def test_stage_and_facts_land_with_their_tool_call(ended):
    before, after = at(ended, 9), at(ended, 10)

    assert (before.stage, before.facts, len(before.tools)) == (Stage.QUALIFICATION, [], 0)
    assert (after.stage, after.facts[0][2], len(after.tools)) == (Stage.BOOKING, "$1,800 a month", 1)


def test_its_last_second_is_the_call_as_it_stands(ended):
    last = at(ended, 60)

    assert (last.phase, last.stage, last.transcript) == (ended.phase, ended.stage, ended.transcript)


@pytest.mark.parametrize("length", [162.0, 162.4, 162.6])
def test_an_ended_call_ends_as_ended_and_shows_no_more_than_its_length(ended, length):
    """The word that it ended may carry a later time than the end it tells of, and seldom a whole second."""
    Call.objects.filter(pk=ended.pk).update(ended_at=START + timedelta(seconds=length))
    ended.events.filter(type="end-of-call-report").update(at=START + timedelta(seconds=170))
    ended.refresh_from_db()

    tape = tape_of(ended)
    last = moment(tape, tape.last_second)

    assert (last.phase, last.seconds, tape.last_second) == ("ENDED", 162, 162)
    assert moment(tape, 161).phase != "ENDED"


@pytest.mark.parametrize(("asked", "stands"), [(-5, 0), (10**9, 60)])
def test_it_does_not_leave_the_call(ended, asked, stands):
    assert at(ended, asked).seconds == stands


def test_a_slot_is_held_until_it_is_booked(ended):
    agent = factories.agent()
    held = factories.hold(
        agent, factories.listing(agent), START + timedelta(days=1),
        expires_at=START + timedelta(seconds=40), call_id=ended.pk, created_at=START + timedelta(seconds=15),
    )  # fmt: skip

    assert [at(ended, second).viewing_state for second in (14, 15, 39, 40)] == ["", "held", "held", ""]

    tool_call(ended, "set_appointment", facts={"appointment_id": held.pk}, at=START + timedelta(seconds=20))
    ended.events.update(received_at=F("at"))
    assert [at(ended, second).viewing_state for second in (19, 20, 60)] == ["held", "booked", "booked"]


def test_without_a_ledger_the_transcript_tells(ended):
    ended.events.all().delete()
    tape = tape_of(ended)

    assert tape.is_rebuilt
    assert [line["text"] for line in moment(tape, 60).transcript] == ["Hello.", "A flat, please.", "Thank you."]
    assert (moment(tape, 60).phase, moment(tape, 0).phase) == ("ENDED", "LISTENING")


def test_the_line_has_no_gaps(ended):
    line = Line(tape_of(ended))

    assert sum(span.seconds for span in line.phases) == pytest.approx(60)
    assert [(span.kind, span.seconds) for span in line.stages] == [("QUALIFICATION", 10.0), ("BOOKING", 50.0)]
    assert [(mark.label, mark.seconds) for mark in line.tools] == [("update_system_prompt", 10.0)]
