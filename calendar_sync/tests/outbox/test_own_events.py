"""Pete's own events come back when calendars are read: never counted twice, handed on when they were changed."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from calendar_sync import own_events, reconcile
from calendar_sync.mirror import sync_calendar
from calendar_sync.models import Calendar, EventLink, MirroredEvent
from calendar_sync.remote import TAG_ID
from calendar_sync.sandbox import Fault, Kind
from calendar_sync.tests import factories
from calendar_sync.tests.conftest import ADA
from calendar_sync.tests.outbox.conftest import ELEVEN, HALF_HOUR, NOON, TEN
from crm.errors import TransientError
from crm.models import AppointmentStatus


@pytest.fixture
def calendar(desk):
    return desk.agent.calendar_connection.calendars.get()


@pytest.fixture
def outlook(sandbox):
    return sandbox.outlook(ADA)


@pytest.fixture
def handed(monkeypatch):
    """Record what is handed on instead of carrying it over."""
    seen = []
    monkeypatch.setattr(own_events.outlook_changes, "apply", lambda link, event: seen.append((link.pk, event)))
    return seen


def read(calendar):
    Calendar.objects.filter(pk=calendar.pk).update(next_sync_at=timezone.now())
    return sync_calendar(calendar.pk)


def mirrored():
    return factories.busy_times().count(), MirroredEvent.objects.count()


def test_a_viewing_in_outlook_is_no_busy_time(desk, calendar, handed):
    desk.booked()

    assert read(calendar)

    assert (mirrored(), handed) == ((0, 0), [])


def test_a_moved_viewing_is_handed_on_as_it_is_now(desk, calendar, outlook, handed):
    desk.booked()
    read(calendar)
    outlook.move(desk.event().id, ELEVEN)

    read(calendar)

    ((link_id, event),) = handed
    assert (link_id, event.starts_at) == (EventLink.objects.get().pk, ELEVEN)
    assert mirrored() == (0, 0)


def test_a_viewing_moved_in_outlook_moves_in_pete(desk, calendar, outlook):
    appointment = desk.booked()
    read(calendar)
    outlook.move(desk.event().id, ELEVEN)

    read(calendar)

    assert desk.fresh(appointment).starts_at == ELEVEN
    assert mirrored() == (0, 0)


@pytest.mark.parametrize("is_forgotten", [False, True])
def test_a_viewing_deleted_in_outlook_is_cancelled_in_pete(desk, calendar, outlook, sandbox, is_forgotten):
    appointment = desk.booked()
    read(calendar)
    outlook.delete(desk.event().id)
    if is_forgotten:
        sandbox.graph.delta.forget(ADA)

    read(calendar)

    assert desk.fresh(appointment).status == AppointmentStatus.CANCELLED


def test_a_viewing_moved_beyond_the_window_is_moved_and_not_cancelled(desk, calendar, outlook):
    appointment = desk.booked()
    read(calendar)
    outlook.move(desk.event().id, TEN + timedelta(days=200))

    read(calendar)

    fresh = desk.fresh(appointment)
    assert (fresh.status, fresh.starts_at) == (AppointmentStatus.BOOKED, TEN + timedelta(days=200))


def test_an_event_whose_answer_was_lost_is_known_by_its_tag(desk, calendar, sandbox):
    """Between the create and its repetition a round may see the event: it is Pete's all the same."""
    appointment = desk.book()
    sandbox.faults.add(Fault(Kind.DROP, method="POST"))
    own_push(desk)
    assert EventLink.objects.get().event_id == ""
    assert len(desk.events()) == 1

    read(calendar)

    assert mirrored() == (0, 0)
    desk.settle()
    assert len(desk.events()) == 1
    assert desk.fresh(appointment).external_id == desk.event().id


def own_push(desk):
    from calendar_sync.pushing import push_due

    push_due()


@pytest.mark.parametrize("is_all_read", [True, False])
def test_what_was_taken_for_somebody_elses_is_forgotten_once_it_is_known(
    desk, calendar, outlook, monkeypatch, is_all_read
):
    desk.booked()
    with monkeypatch.context() as patch:
        patch.setattr(own_events, "sort_out", lambda *args, **kwargs: set())
        read(calendar)
    assert mirrored() == (1, 1)
    if is_all_read:
        Calendar.objects.update(delta_link=b"")
    else:
        outlook.mailbox.touch(desk.event().id)

    read(calendar)

    assert mirrored() == (0, 0)


def test_an_event_of_another_product_blocks_whatever_its_transaction_id(desk, calendar, outlook):
    foreign = ["c0ffee00-0000-5000-8000-000000000001", "localevent:c0ffee00-0000-4000-8000-000000000001"]
    for n, transaction_id in enumerate(foreign):
        outlook.create("Theirs", TEN + n * HALF_HOUR, TEN + (n + 1) * HALF_HOUR, transactionId=transaction_id)

    read(calendar)

    assert mirrored() == (2, 2)


def test_a_copy_of_a_viewing_blocks(desk, calendar, outlook):
    desk.booked()
    original = desk.event()
    outlook.create(
        "Copy",
        NOON,
        NOON + HALF_HOUR,
        singleValueExtendedProperties=[{"id": k, "value": v} for k, v in original.properties.items()],
    )

    read(calendar)

    assert [row.starts_at for row in factories.busy_times().all()] == [NOON]


def test_a_change_that_cannot_be_carried_over_now_is_read_again(desk, calendar, outlook, monkeypatch):
    appointment = desk.booked()
    read(calendar)
    outlook.move(desk.event().id, ELEVEN)

    def busy(link, event):
        raise TransientError("later")

    with monkeypatch.context() as patch:
        patch.setattr(own_events.outlook_changes, "apply", busy)
        assert not read(calendar)

    assert read(calendar)
    assert desk.fresh(appointment).starts_at == ELEVEN


def test_one_change_that_fails_does_not_stop_the_reading(desk, calendar, outlook, monkeypatch, caplog):
    desk.booked()
    read(calendar)
    outlook.move(desk.event().id, ELEVEN)
    outlook.create("Dentist", NOON, NOON + HALF_HOUR)

    def broken(link, event):
        raise ZeroDivisionError

    monkeypatch.setattr(own_events.outlook_changes, "apply", broken)

    assert read(calendar)
    assert [row.starts_at for row in factories.busy_times().all()] == [NOON]
    assert "could not be taken over" in caplog.text


@pytest.mark.parametrize("tag", ["9" * 5000 + ":1", "9" * 19 + ":1", "1:" + "9" * 5000, "٣:1", "²:1"])
def test_a_tag_of_somebodys_own_making_is_a_foreign_event(desk, calendar, outlook, tag):
    """Anybody can write anything into their own events; the rest of the calendar must go on being read."""
    properties = [{"id": TAG_ID, "value": tag}]
    outlook.create(
        "x",
        TEN,
        ELEVEN,
        transactionId=str(uuid.uuid5(uuid.NAMESPACE_URL, "x")),
        singleValueExtendedProperties=properties,
    )

    assert read(calendar)

    assert factories.busy_times().filter(starts_at=TEN).exists()
    assert reconcile.reconcile(calendar.connection_id) == []
