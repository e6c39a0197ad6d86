"""Many viewings gone from Outlook at once are not cancelled."""

from __future__ import annotations

import pytest
from django.utils import timezone

from calendar_sync import vanished
from calendar_sync.mirror import sync_calendar
from calendar_sync.models import Calendar
from calendar_sync.tests.conftest import ADA
from calendar_sync.tests.outbox.conftest import HALF_HOUR, TEN, open_notices
from crm.models import Appointment, OutgoingMessage

pytestmark = pytest.mark.django_db


def read() -> None:
    Calendar.objects.update(next_sync_at=timezone.now())
    assert sync_calendar(Calendar.objects.get().pk)


def book(desk, number: int) -> list[Appointment]:
    viewings = [desk.booked(TEN + n * HALF_HOUR) for n in range(number)]
    read()
    return viewings


def empty(desk) -> None:
    for event in desk.events():
        desk.sandbox.outlook(ADA).delete(event.id)


def cancelled() -> int:
    return Appointment.objects.filter(status="cancelled").count()


def stands(desk, viewings) -> bool:
    """Say whether each viewing is booked and has an event again, and nobody was told otherwise."""
    desk.settle()
    starts = sorted(event.start for event in desk.events() if event.transaction_id)
    states = {desk.state(viewing)[0] for viewing in viewings}
    is_quiet = OutgoingMessage.objects.count() == cancelled() == 0
    return starts == [viewing.starts_at for viewing in viewings] and states == {"synced"} and is_quiet


@pytest.mark.parametrize("is_full_round", [False, True])
def test_more_than_a_days_viewings_are_put_back_and_told_once(desk, is_full_round):
    viewings = book(desk, vanished.MOST_AT_ONCE + 1)
    empty(desk)
    if is_full_round:
        desk.sandbox.graph.delta.forget()

    read()

    (notice,) = open_notices()
    assert (notice.kind, notice.agent) == ("moved", desk.agent)
    assert notice.text.startswith("6 viewings of Ada Lovelace were gone")
    assert stands(desk, viewings)
    read()
    assert stands(desk, viewings)
    assert len(open_notices()) == 1


def test_a_days_viewings_are_cancelled_as_ever(desk):
    book(desk, vanished.MOST_AT_ONCE)
    empty(desk)

    read()

    assert (cancelled(), open_notices()) == (vanished.MOST_AT_ONCE, [])


def test_a_mailbox_that_came_back_empty_cancels_nothing_at_all(desk):
    desk.sandbox.outlook(ADA).create("Dentist", TEN - 4 * HALF_HOUR, TEN - 2 * HALF_HOUR)
    viewings = book(desk, 2)
    empty(desk)
    desk.sandbox.graph.delta.forget()

    read()

    assert stands(desk, viewings)
    assert len(open_notices()) == 1


def test_the_last_event_of_a_calendar_may_be_deleted(desk):
    book(desk, 1)
    empty(desk)
    desk.sandbox.graph.delta.forget()

    read()

    assert cancelled() == 1


def test_those_that_are_still_there_are_not_in_it(desk, monkeypatch):
    """A round may leave out what the mailbox has."""
    viewings = book(desk, vanished.MOST_AT_ONCE + 1)
    mailbox = desk.sandbox.mailboxes[ADA]
    monkeypatch.setattr(mailbox, "calendar_events", lambda calendar_id: [])
    desk.sandbox.graph.delta.forget()

    read()

    assert open_notices() == []
    assert cancelled() == 0
    assert len(desk.events()) == len(viewings)
