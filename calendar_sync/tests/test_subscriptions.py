"""Subscriptions: made, renewed ahead, made anew; and that nothing depends on them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from calendar_sync import poll, subscriptions, tasks
from calendar_sync.mirror import due, sync_calendar
from calendar_sync.models import Calendar, ConnectionStatus
from calendar_sync.sandbox import Fault, Kind
from calendar_sync.subscriptions import LIFETIME, maintain
from calendar_sync.tests import factories
from calendar_sync.tests.conftest import ADA

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture
def now():
    return timezone.now().replace(microsecond=0)


@pytest.fixture
def door(sandbox, monkeypatch):
    """Let the stand-in post to our own view, without sockets; nothing is queued."""
    client = Client()

    def post(url, payload, seconds):
        path = url.partition("testserver")[2]
        answer = client.post(path, payload or "", content_type="application/json")
        return answer.status_code, answer.content.decode()

    monkeypatch.setattr(sandbox.subscriptions, "post", post)
    for task in (tasks.sync_calendar, tasks.maintain_subscription):
        monkeypatch.setattr(task, "apply_async", lambda *args, **kwargs: None)
    # Its own thread would deliver in the middle of a test.
    sandbox.subscriptions.stop()


@pytest.fixture
def calendar(connected_agent, door, settings):
    settings.PUBLIC_URL = "http://testserver"
    return connected_agent.calendar_connection.calendars.get()


def test_a_subscription_is_made_and_its_secret_is_not_kept(calendar, sandbox, now):
    assert maintain(calendar.pk, now=now)

    (made,) = sandbox.subscriptions.active.values()
    calendar.refresh_from_db()
    assert calendar.subscription_id == made.id
    assert calendar.subscription_expires_at == made.expires_at == now + LIFETIME
    assert made.values["resource"] == f"me/calendars/{calendar.external_id}/events"
    assert made.values["lifecycleNotificationUrl"] == made.values["notificationUrl"]
    assert calendar.client_state_digest == subscriptions.digest(made.values["clientState"])
    assert made.values["clientState"] not in str(Calendar.objects.values())
    assert not maintain(calendar.pk, now=now)


def test_a_change_in_outlook_is_told_believed_and_read(calendar, sandbox, now):
    maintain(calendar.pk, now=now)
    sync_calendar(calendar.pk)
    assert list(due(timezone.now())) == []

    sandbox.outlook(ADA).create("Dentist", now + DAY, now + DAY + HOUR)
    assert sandbox.subscriptions.deliver() == 1

    assert list(due(timezone.now())) == [calendar]
    assert sync_calendar(calendar.pk)
    assert factories.busy_times().get().starts_at == now + DAY


def test_it_is_renewed_a_day_ahead(calendar, sandbox, now):
    maintain(calendar.pk, now=now)
    (made,) = sandbox.subscriptions.active.values()

    assert not maintain(calendar.pk, now=now + LIFETIME - DAY - HOUR)
    assert maintain(calendar.pk, now=now + LIFETIME - DAY + HOUR)

    (renewed,) = sandbox.subscriptions.active.values()
    assert (renewed.id, renewed.expires_at) == (made.id, now + 2 * LIFETIME - DAY + HOUR)
    calendar.refresh_from_db()
    assert calendar.subscription_expires_at == renewed.expires_at


def test_one_that_is_gone_is_made_anew(calendar, sandbox, now):
    maintain(calendar.pk, now=now)
    sandbox.subscriptions.active.clear()

    assert maintain(calendar.pk, now=now + LIFETIME)

    (made,) = sandbox.subscriptions.active.values()
    calendar.refresh_from_db()
    assert calendar.subscription_id == made.id


def test_what_is_left_of_earlier_ones_is_tidied_up(calendar, sandbox, now):
    maintain(calendar.pk, now=now)
    Calendar.objects.update(subscription_id="", subscription_expires_at=None)

    assert maintain(calendar.pk, now=now)

    assert len(sandbox.subscriptions.active) == 1


def test_lifecycle_events_are_followed(calendar, sandbox, now):
    maintain(calendar.pk, now=now)
    sync_calendar(calendar.pk)

    sandbox.subscriptions.lifecycle("subscriptionRemoved", ADA)
    sandbox.subscriptions.deliver()
    assert maintain(calendar.pk)

    calendar.refresh_from_db()
    assert [made.id for made in sandbox.subscriptions.active.values()] == [calendar.subscription_id]
    assert bytes(calendar.delta_link) == b""


def test_what_is_refused_is_tried_again_in_an_hour(calendar, sandbox, settings, now):
    settings.PUBLIC_URL = "http://pete.example"
    assert not maintain(calendar.pk, now=now)
    asked = len(sandbox.graph.log)

    assert not maintain(calendar.pk, now=now)

    assert len(sandbox.graph.log) == asked
    calendar.refresh_from_db()
    assert calendar.failures == 0


def test_what_fails_is_tried_again_in_a_few_minutes(calendar, sandbox, now):
    sandbox.faults.add(Fault(Kind.UNAVAILABLE_BEFORE))
    assert not maintain(calendar.pk, now=now)
    assert not maintain(calendar.pk, now=now)
    assert len(sandbox.graph.log) == 1

    cache.clear()
    assert maintain(calendar.pk, now=now)


@pytest.mark.parametrize(
    ("public_url", "sandbox_url", "wanted"),
    [
        ("https://pete.example", "", True),
        ("http://127.0.0.1:8000", "", False),
        ("http://127.0.0.1:8000", "http://127.0.0.1:9000", True),
    ],
)
def test_they_are_only_asked_for_where_microsoft_can_reach_us(settings, public_url, sandbox_url, wanted):
    settings.PUBLIC_URL, settings.MS_SANDBOX_URL = public_url, sandbox_url

    assert subscriptions.are_wanted() is wanted


def test_a_broken_connection_and_an_unread_calendar_have_none(calendar, now):
    Calendar.objects.update(is_read=False)
    assert not maintain(calendar.pk, now=now)
    Calendar.objects.update(is_read=True)
    calendar.connection.status = ConnectionStatus.NEEDS_RECONNECT
    calendar.connection.save()
    assert not maintain(calendar.pk, now=now)


def test_when_notifications_fall_silent_the_poll_finds_everything(calendar, sandbox, now, settings):
    """microsoftgraph/msgraph-training-changenotifications#26, microsoft-graph-docs#6709: they stop silently."""
    maintain(calendar.pk, now=now)
    sync_calendar(calendar.pk)
    sandbox.subscriptions.enabled = False
    sandbox.outlook(ADA).create("Dentist", now + DAY, now + DAY + HOUR)
    assert sandbox.subscriptions.deliver() == 0
    assert not sync_calendar(calendar.pk)

    later = timezone.now() + timedelta(seconds=settings.CALENDAR_POLL_SECONDS + 1)
    assert sync_calendar(calendar.pk, now=later)

    assert factories.busy_times().get().starts_at == now + DAY


@pytest.mark.django_db(transaction=True)
def test_all_that_are_due_are_made_in_one_go(calendar, sandbox):
    assert tasks.maintain_subscriptions() == 1
    assert tasks.maintain_subscriptions() == 0


@pytest.mark.django_db(transaction=True)
def test_a_poll_reads_all_that_is_due_at_once(calendar, sandbox, now):
    assert poll.poll() == 1
    assert poll.poll() == 0
    Calendar.objects.update(next_sync_at=timezone.now())
    assert tasks.poll_calendars() == 1


@pytest.mark.django_db(transaction=True)
def test_one_poll_runs_at_a_time(calendar):
    cache.set("calendar_sync:polling", True)
    assert poll.poll() == 0
    calendar.refresh_from_db()
    assert calendar.last_synced_at is None


def test_one_that_fails_stops_no_other(caplog):
    def work(number):
        if number == 2:
            raise ZeroDivisionError
        return True

    assert poll.each(work, [1, 2, 3]) == 2
    assert "Calendar 2" in caplog.text


def test_what_is_not_begun_in_time_is_left_to_the_next_run(monkeypatch):
    monkeypatch.setattr(poll, "RUN_SECONDS", 0.0)

    assert poll.each(lambda number: True, [1, 2, 3]) == 0
