"""Something else comes into Outlook at the time of a viewing long after it was written: told once, with other times."""

from __future__ import annotations

import pytest
from django.utils import timezone

from calendar_sync import pushing, readback
from calendar_sync.mirror import sync_calendar
from calendar_sync.models import Calendar, Notice
from calendar_sync.tests.conftest import ADA
from calendar_sync.tests.outbox.conftest import ELEVEN, HALF_HOUR, NOON, TEN, only_link, open_notices
from crm import booking

pytestmark = pytest.mark.django_db


@pytest.fixture
def outlook(desk):
    desk.booked()
    read()
    return desk.sandbox.outlook(ADA)


def read() -> None:
    Calendar.objects.update(next_sync_at=timezone.now())
    assert sync_calendar(Calendar.objects.get().pk)


def put_away() -> None:
    Notice.objects.update(resolved_at=timezone.now())


def test_what_comes_later_is_told_with_other_times(desk, outlook):
    event_id = outlook.create("Dentist", TEN - HALF_HOUR, TEN + HALF_HOUR / 2)
    read()

    (notice,) = open_notices()
    assert (notice.kind, notice.agent, notice.appointment) == ("clash", desk.agent, only_link().appointment)
    assert notice.data["events"] == [event_id]
    assert len(notice.data["alternatives"]) == 3
    assert "Dentist" not in notice.text + notice.cure


def test_what_only_touches_or_shows_as_free_is_nothing(desk, outlook):
    outlook.create("After", TEN + HALF_HOUR, NOON)
    outlook.create("Free", TEN, ELEVEN, showAs="free")
    read()

    assert open_notices() == []


def test_it_is_told_once(desk, outlook):
    outlook.create("Dentist", TEN, ELEVEN)
    read()
    said = Notice.objects.get()
    outlook.create("Later", NOON, NOON + HALF_HOUR)
    read()
    assert Notice.objects.get().created_at == said.created_at

    put_away()
    outlook.create("Later still", NOON, NOON + HALF_HOUR)
    read()
    readback.read_back(only_link().pk)
    assert open_notices() == []

    outlook.create("Another", TEN, ELEVEN)
    read()
    assert len(open_notices()) == 1


def test_it_is_over_once_one_of_them_is_gone_and_news_when_it_comes_again(desk, outlook):
    event_id = outlook.create("Dentist", TEN, ELEVEN)
    read()
    outlook.move(event_id, NOON)
    read()
    assert open_notices() == []

    outlook.move(event_id, TEN)
    read()
    assert len(open_notices()) == 1

    booking.reschedule(only_link().appointment_id, starts_at=ELEVEN)
    pushing.push_due()
    readback.read_back(only_link().pk)
    assert open_notices() == []


def test_it_is_over_once_the_viewing_is_cancelled(desk, outlook):
    outlook.create("Dentist", TEN, ELEVEN)
    read()

    booking.cancel(only_link().appointment_id)
    pushing.push_due()

    assert open_notices() == []


def test_viewings_that_meet_something_when_their_agent_connects_are_told(desk):
    desk.booked()
    desk.sandbox.outlook(ADA).create_series("Daily", TEN, ELEVEN, {"type": "daily"})

    read()

    assert [notice.kind for notice in open_notices()] == ["clash"]
