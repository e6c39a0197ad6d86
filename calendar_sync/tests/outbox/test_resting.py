"""Whose Outlook is left in peace while they are switched off, and taken up again afterwards."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from calendar_sync import adoption, mirror, pushing, reconcile, resting, staleness, subscriptions, tasks, upkeep
from calendar_sync.health import person
from calendar_sync.models import Calendar
from calendar_sync.tests.conftest import ADA
from calendar_sync.tests.outbox.conftest import ELEVEN, NOON, TEN, open_notices, reassign
from crm.availability import find_slots

pytestmark = pytest.mark.django_db
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def calendar(desk):
    """Ada's calendar, read and subscribed to, with one viewing in it."""
    calendar = desk.agent.calendar_connection.calendars.get()
    assert desk.booked()
    assert mirror.sync_calendar(calendar.pk)
    Calendar.objects.update(subscription_id="sub", subscription_expires_at=timezone.now() + DAY)
    return calendar


def switch(desk, *, on: bool) -> None:
    desk.agent.is_active = on
    desk.agent.save()
    resting.sweep()


def slots(desk) -> list:
    return find_slots(start=TEN - DAY, end=TEN + DAY, agent_ids=[desk.agent.pk])


def asked(desk) -> int:
    return len(desk.sandbox.graph.log) + len(desk.sandbox.entra.requests)


def work(desk) -> None:
    """Do everything that runs by itself, tomorrow."""
    later = timezone.now() + DAY
    adoption.settle()
    pushing.push_due(later)
    for pk in mirror.due(later).values_list("pk", flat=True):
        mirror.sync_calendar(pk, now=later)
    for rows in (upkeep.due(later), upkeep.idle(later + 8 * DAY)):
        for pk in rows.values_list("pk", flat=True):
            upkeep.attend(pk, force=True)
    for pk in subscriptions.due(later).values_list("pk", flat=True):
        subscriptions.maintain(pk, now=later)
    tasks.compare_all()
    assert list(reconcile.awaited()) == []
    staleness.sweep(now=later)


def test_nothing_is_asked_of_microsoft_for_who_is_switched_off(desk, calendar):
    appointment = desk.book(NOON)
    switch(desk, on=False)
    before = asked(desk)

    work(desk)

    assert asked(desk) == before
    assert desk.state(appointment) == ("pending", "")
    assert open_notices() == []
    calendar.refresh_from_db()
    assert (calendar.subscription_id, bytes(calendar.delta_link)) == ("", b"")


def test_the_subscription_is_ended(desk, calendar):
    Calendar.objects.update(subscription_id="gone-sub")

    switch(desk, on=False)

    assert [path for path in desk.asked("DELETE") if path.endswith("/subscriptions/gone-sub")] != []


def test_it_is_said_on_the_page_and_is_no_trouble(desk, calendar):
    switch(desk, on=False)

    found = person(desk.agent.pk)

    assert (found.state.key, found.state.is_trouble, found.can_sync) == ("switched_off", False, False)
    assert "switched off" in found.troubles[0].text


def test_back_again_everything_is_read_anew_before_anything_is_offered(desk, calendar):
    viewing = desk.book(NOON)
    switch(desk, on=False)
    desk.sandbox.outlook(ADA).create("Dentist", ELEVEN, ELEVEN + HOUR)

    switch(desk, on=True)
    assert slots(desk) == []
    assert mirror.sync_calendar(calendar.pk)
    desk.settle()

    starts = {offer.starts_at for offer in slots(desk)}
    assert starts
    assert ELEVEN not in starts
    assert desk.state(viewing)[0] == "synced"
    assert list(reconcile.awaited()) == [desk.agent.calendar_connection]


def test_before_anybody_noticed_that_they_are_back_nothing_is_offered(desk, calendar):
    switch(desk, on=False)

    desk.agent.is_active = True
    desk.agent.save()

    assert slots(desk) == []


def test_a_round_under_way_is_lost(desk, calendar, monkeypatch):
    store = mirror.own_events.sort_out

    def meanwhile(*args, **kwargs):
        switch(desk, on=False)
        return store(*args, **kwargs)

    monkeypatch.setattr(mirror.own_events, "sort_out", meanwhile)
    desk.sandbox.outlook(ADA).create("Dentist", ELEVEN, ELEVEN + HOUR)
    Calendar.objects.update(next_sync_at=timezone.now())

    assert not mirror.sync_calendar(calendar.pk)
    assert Calendar.objects.get().last_synced_at is None


@pytest.mark.django_db(transaction=True)
def test_a_viewing_that_went_to_a_colleague_does_not_wait_for_who_is_switched_off(desk, calendar, bob):
    viewing = desk.book(NOON)
    pushing.push_due()
    switch(desk, on=False)

    reassign(viewing, bob)
    desk.settle()

    assert desk.state(viewing)[0] == "synced"
    assert len(desk.events()) == 2
    switch(desk, on=True)
    desk.settle()
    assert len(desk.events()) == 1
