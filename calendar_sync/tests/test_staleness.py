"""A calendar that cannot be read is never free, and whoever must know is told."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from calendar_sync import staleness
from calendar_sync.mirror import sync_calendar
from calendar_sync.models import Calendar, Connection, ConnectionStatus, Notice
from calendar_sync.sandbox import Fault, Kind
from calendar_sync.tests import factories
from calendar_sync.tests.conftest import ADA
from crm.availability import explain, find_slots
from crm.tests import factories as crm

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


@pytest.fixture
def now():
    return timezone.now()


@pytest.fixture
def agent():
    return crm.agent(hours=(0, 24))


@pytest.fixture
def calendar(agent, now):
    """Return a calendar that was read just now."""
    connection = factories.connection(agent, created_at=now - 10 * DAY)
    return factories.calendar(connection, is_read=True, last_synced_at=now, window_ends_at=now + 120 * DAY)


def slots(agent, now):
    return find_slots(start=now, end=now + 90 * DAY, agent_ids=[agent.pk], limit=1, now=now)


def open_notices():
    return [(notice.kind, notice.agent) for notice in Notice.objects.filter(resolved_at=None)]


def aged(calendar, now, minutes):
    Calendar.objects.filter(pk=calendar.pk).update(last_synced_at=now - minutes * MINUTE)


def test_a_silently_unread_calendar_is_not_free(agent, calendar, now):
    """calcom/cal.diy#3462: one person's calendar silently not read, all slots free."""
    assert staleness.sweep(now=now) == 0
    assert slots(agent, now) != []

    aged(calendar, now, 61)
    assert staleness.sweep(now=now) == 1

    assert slots(agent, now) == []
    assert {row.rule for row in explain(start=now + DAY, end=now + 2 * DAY, agent_ids=[agent.pk], now=now)} == {"busy"}
    row = factories.busy_times().get()
    assert (row.external_id, row.reason) == (f"unreadable:{calendar.connection_id}", "calendar unreadable")
    assert open_notices() == [("unreadable", agent)]
    assert calendar.name in Notice.objects.get().text


def test_the_age_is_a_setting(calendar, now, settings):
    settings.CALENDAR_STALE_MINUTES = 15
    aged(calendar, now, 16)

    assert staleness.sweep(now=now) == 1


def test_it_is_free_again_once_it_is_read(agent, calendar, now):
    aged(calendar, now, 61)
    staleness.sweep(now=now)
    aged(calendar, now, 0)

    assert staleness.sweep(now=now) == 0

    assert factories.busy_times().count() == 0
    assert open_notices() == []
    assert slots(agent, now) != []


def test_nothing_is_free_before_the_first_reading_and_nobody_is_alarmed(agent, calendar, now):
    Calendar.objects.update(last_synced_at=None)
    Connection.objects.update(created_at=now)

    assert staleness.sweep(now=now) == 1
    assert (slots(agent, now), open_notices()) == ([], [])
    assert staleness.sweep(now=now + 61 * MINUTE) == 1
    assert open_notices() == [("unreadable", agent)]


def test_one_of_two_calendars_is_enough_to_block(agent, calendar, now):
    factories.calendar(calendar.connection, is_read=True, last_synced_at=now - 61 * MINUTE, name="Family")

    assert staleness.sweep(now=now) == 1
    assert "Family" in Notice.objects.get().text


def test_without_any_calendar_to_read_nothing_is_free(agent, calendar, now):
    Calendar.objects.update(is_read=False)

    assert staleness.sweep(now=now) == 1

    assert slots(agent, now) == []
    assert open_notices() == [("unreadable", agent)]
    Calendar.objects.update(is_read=True)
    assert staleness.sweep(now=now) == 0
    assert open_notices() == []


def test_who_must_sign_in_again_is_not_told_a_second_time(calendar, now):
    Connection.objects.update(status=ConnectionStatus.NEEDS_RECONNECT)
    aged(calendar, now, 61)

    assert staleness.sweep(now=now) == 1
    assert open_notices() == []


def test_the_block_reaches_over_all_that_is_offered_for_as_long_as_it_lasts(agent, calendar, now):
    crm.office(horizon_days=90)
    aged(calendar, now, 61)
    staleness.sweep(now=now)
    first = factories.busy_times().get()
    assert first.starts_at <= now
    assert first.ends_at >= now + 90 * DAY

    staleness.sweep(now=now + 30 * DAY)

    row = factories.busy_times().get()
    assert row.pk == first.pk
    assert row.ends_at >= now + 120 * DAY


def test_an_agent_without_a_connection_uses_petes_calendar(now):
    local = crm.agent(hours=(0, 24))

    assert staleness.sweep(now=now) == 0
    assert slots(local, now) != []


def test_what_no_connected_calendar_accounts_for_is_freed(agent, calendar, now):
    kept = crm.busy_time(agent, now, now + DAY)
    mirrored = crm.busy_time(agent, now, now + DAY, source="microsoft", external_id="1:known")
    factories.mirrored_event(calendar, busy_time=mirrored)
    crm.busy_time(agent, now, now + DAY, source="microsoft", external_id="1:lost")
    crm.busy_time(agent, now, now + DAY, source="microsoft", external_id="unreadable:0")

    staleness.sweep(now=now)

    assert set(factories.busy_times().all()) == {kept, mirrored}


def test_the_first_round_ends_the_block_at_once(connected_agent, sandbox):
    calendar = connected_agent.calendar_connection.calendars.get()
    staleness.sweep()
    assert factories.busy_times().filter(agent=connected_agent).count() == 1

    assert sync_calendar(calendar.pk)

    assert factories.busy_times().filter(agent=connected_agent).count() == 0


def test_a_mailbox_that_fails_for_an_hour_blocks_and_recovers(connected_agent, sandbox):
    calendar = connected_agent.calendar_connection.calendars.get()
    sync_calendar(calendar.pk)
    sandbox.faults.add(Fault(Kind.UNAVAILABLE_BEFORE), times=5)
    start = timezone.now()
    for minutes in (15, 30, 45, 62):
        Calendar.objects.update(next_sync_at=start)
        assert not sync_calendar(calendar.pk, now=start + minutes * MINUTE)
    staleness.sweep(now=start + 62 * MINUTE)
    assert slots(connected_agent, start + 62 * MINUTE) == []

    sandbox.faults.clear()
    Calendar.objects.update(next_sync_at=start)
    assert sync_calendar(calendar.pk, now=start + 63 * MINUTE)

    assert slots(connected_agent, start + 63 * MINUTE) != []
    assert open_notices() == []


def test_what_lies_beyond_the_window_is_not_free_when_the_horizon_is_raised(connected_agent, sandbox, now):
    calendar = connected_agent.calendar_connection.calendars.get()
    office = crm.office(horizon_days=60)
    sync_calendar(calendar.pk)
    sandbox.outlook(ADA).create("Holiday", now + 80 * DAY, now + 100 * DAY)

    office.horizon_days = 120
    office.save()

    def late():
        end = now + 120 * DAY
        return find_slots(start=now + 70 * DAY, end=end, agent_ids=[connected_agent.pk], limit=1_000, now=now)

    assert slots(connected_agent, now) != []
    assert late() == []
    # Nor while it cannot be read.
    staleness.sweep(now=now)
    assert late() == []

    Calendar.objects.update(next_sync_at=now)
    assert sync_calendar(calendar.pk)
    assert late() != []
    assert all(not now + 80 * DAY < offer.starts_at < now + 100 * DAY for offer in late())


def test_a_calendar_that_was_never_read_is_not_free_however_far_ahead(connected_agent, now):
    staleness.sweep(now=now)

    crm.office(horizon_days=700)

    far = find_slots(start=now, end=now + 700 * DAY, agent_ids=[connected_agent.pk], limit=1, now=now)
    assert far == []


def test_a_second_calendar_is_read_before_anything_is_free(connected_agent, now):
    connection = connected_agent.calendar_connection
    sync_calendar(connection.calendars.get().pk)

    factories.calendar(connection, external_id="other", is_read=True)
    staleness.refresh([connection.pk], now=now)

    assert slots(connected_agent, now) == []
