"""After writing: what else is in Outlook at that time, and is our event as we left it."""

from __future__ import annotations

import pytest
from django.utils import timezone

from calendar_sync import readback, reconcile
from calendar_sync.sandbox import Fault, Kind
from calendar_sync.tests import factories
from calendar_sync.tests.conftest import ADA
from calendar_sync.tests.outbox.conftest import DAY, ELEVEN, HALF_HOUR, NOON, TEN, only_link, open_notices
from crm.errors import TransientError

pytestmark = pytest.mark.django_db


def test_alone_at_its_time_nobody_is_told(desk):
    desk.booked()
    outlook = desk.sandbox.outlook(ADA)
    outlook.create("Before", TEN - HALF_HOUR, TEN)
    outlook.create("After", TEN + HALF_HOUR, ELEVEN)
    outlook.create("Free", TEN, ELEVEN, showAs="free")

    assert (readback.read_back(only_link().pk), open_notices()) == (0, [])


def test_what_arrived_meanwhile_is_told_with_other_times(desk):
    appointment = desk.book()
    event_id = desk.sandbox.outlook(ADA).create("Dentist", TEN, ELEVEN)
    desk.settle()

    assert readback.read_back(only_link().pk) == 1

    (notice,) = open_notices()
    assert (notice.kind, notice.agent, notice.appointment) == ("clash", desk.agent, appointment)
    assert "12 Oak Street, 4B" in notice.text
    assert "Dentist" not in notice.text + notice.cure
    assert notice.data["events"] == [event_id]
    assert len(notice.data["alternatives"]) == 3
    assert "for example" in notice.cure


def test_once_the_other_event_is_gone_the_notice_is_too(desk):
    desk.booked()
    event_id = desk.sandbox.outlook(ADA).create("Dentist", TEN, ELEVEN)
    readback.read_back(only_link().pk)

    desk.sandbox.outlook(ADA).delete(event_id)

    assert (readback.read_back(only_link().pk), open_notices()) == (0, [])


def test_calcom_28847_occurrences_of_a_series_are_seen(desk):
    desk.booked()
    desk.sandbox.outlook(ADA).create_series("Daily", TEN, ELEVEN, {"type": "daily"})

    assert readback.read_back(only_link().pk) == 1


def test_whole_days_are_days_of_the_agent(desk):
    desk.booked()
    desk.sandbox.outlook(ADA).create_all_day("Holiday", DAY, showAs="oof")

    assert readback.read_back(only_link().pk) == 1


@pytest.mark.parametrize(("blocks", "found"), [(True, 1), (False, 0)])
def test_tentative_counts_as_the_setting_says(desk, settings, blocks, found):
    settings.CALENDAR_TENTATIVE_BLOCKS = blocks
    desk.booked()
    desk.sandbox.outlook(ADA).create("Perhaps", TEN, ELEVEN, showAs="tentative")

    assert readback.read_back(only_link().pk) == found


def test_an_event_that_was_moved_before_its_write_was_noted_is_followed(desk):
    appointment = desk.booked()
    desk.sandbox.outlook(ADA).move(desk.event().id, NOON)

    readback.read_back(only_link().pk)

    assert desk.fresh(appointment).starts_at == NOON


def test_an_unclear_answer_is_asked_again_by_the_task(desk):
    desk.booked()
    desk.sandbox.faults.add(Fault(Kind.UNAVAILABLE_BEFORE, method="GET"))

    with pytest.raises(TransientError):
        readback.read_back(only_link().pk)


def test_it_is_queued_after_each_write(desk, monkeypatch):
    queued = []
    monkeypatch.setattr("calendar_sync.tasks.read_back.delay", queued.append)

    desk.booked()

    assert queued == [only_link().pk]


def test_a_calendar_that_is_gone_does_not_hide_the_others(desk):
    desk.booked()
    connection = desk.agent.calendar_connection
    factories.calendar(connection, external_id="AAMkAGgone", name="A", is_read=True)
    desk.sandbox.outlook(ADA).create("Dentist", TEN, ELEVEN)

    assert readback.read_back(only_link().pk) == 1
    assert reconcile.compare(connection, now=timezone.now()) == []
