"""Microsoft's notifications at our door: hints, and proofs that we are there."""

from __future__ import annotations

import json
from datetime import timedelta
from time import perf_counter

import pytest
from django.utils import timezone
from kombu.exceptions import OperationalError

from calendar_sync import notifications, subscriptions, tasks
from calendar_sync.models import Calendar
from calendar_sync.tests import factories

pytestmark = pytest.mark.django_db
URL = "/calendar/notifications"


@pytest.fixture
def queued(monkeypatch):
    """Record what is queued: (task, calendar, countdown)."""
    seen = []
    for name in ("sync_calendar", "maintain_subscription"):
        monkeypatch.setattr(
            getattr(tasks, name),
            "apply_async",
            lambda args, countdown, name=name: seen.append((name, *args, countdown)),
        )
    return seen


@pytest.fixture
def calendar():
    return factories.calendar(
        is_read=True,
        subscription_id="subscription-1",
        subscription_expires_at=timezone.now() + timedelta(days=2),
        client_state_digest=subscriptions.digest("secret"),
        delta_link=b"sealed",
    )


def entry(**changes):
    values = {
        "subscriptionId": "subscription-1",
        "clientState": "secret",
        "changeType": "updated",
        "resource": "Users/x/Events/y",
        "tenantId": "tenant",
        "resourceData": {"@odata.type": "#Microsoft.Graph.Event", "id": "y"},
    }
    return values | changes


def post(client, *entries):
    return client.post(URL, json.dumps({"value": list(entries)}), content_type="application/json")


def hinted(calendar):
    calendar.refresh_from_db()
    return calendar.hinted_at is not None


@pytest.mark.parametrize(
    "token", ["Validation: Testing client application reachability", "<script>x</script>", "ü+ %", ""]
)
def test_the_handshake_gets_its_token_back_as_plain_text(client, token):
    answer = client.post(f"{URL}?lifecycle=1", query_params={"validationToken": token})

    assert (answer.status_code, answer.content.decode()) == (200, token)
    assert answer["Content-Type"] == "text/plain"
    assert answer["X-Content-Type-Options"] == "nosniff"


def test_an_endless_token_is_not_echoed(client):
    assert client.post(URL, query_params={"validationToken": "x" * 3000}).status_code == 400


def test_a_notification_hints_and_queues_one_round(client, calendar, queued):
    started = perf_counter()

    assert post(client, entry(), entry(), entry(changeType="deleted")).status_code == 202
    assert post(client, entry()).status_code == 202

    assert perf_counter() - started < 3
    assert hinted(calendar)
    assert queued == [("sync_calendar", calendar.pk, 3)]


def test_a_hint_that_nobody_followed_is_queued_again(client, calendar, queued):
    Calendar.objects.update(hinted_at=timezone.now() - timedelta(minutes=2))

    post(client, entry())

    assert queued == [("sync_calendar", calendar.pk, 3)]


@pytest.mark.parametrize(
    "forged",
    [
        {"clientState": "Secret"},
        {"clientState": None},
        {"clientState": 7},
        {"clientState": ""},
        {"clientState": "\0"},
        {"clientState": "\ud800"},
        {"subscriptionId": "subscription-2"},
        {"subscriptionId": ""},
        {"subscriptionId": None},
        {"subscriptionId": ["subscription-1"]},
        {"subscriptionId": "\0"},
        {"subscriptionId": "\ud800"},
        {"tenantId": "another"},
    ],
)
def test_what_is_not_from_our_subscription_is_dropped(client, calendar, queued, forged):
    assert post(client, entry(**forged)).status_code == 202

    assert not hinted(calendar)
    assert queued == []


def test_the_genuine_one_among_forged_ones_counts(client, calendar, queued):
    assert post(client, entry(clientState="no"), entry(), "nonsense", 7).status_code == 202

    assert hinted(calendar)


def test_a_calendar_that_is_not_read_any_more_is_left_alone(client, calendar, queued):
    Calendar.objects.update(is_read=False)

    assert post(client, entry()).status_code == 202
    assert not hinted(calendar)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"7", b'{"value": {}}', b"\xff\xfe", b"[" * 100_000])
def test_nonsense_is_refused_politely(client, calendar, body):
    answer = client.post(URL, body, content_type="application/json")

    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert client.get(URL).status_code == 405


def test_a_renewal_is_asked_for_once(client, calendar, queued):
    post(client, entry(lifecycleEvent="reauthorizationRequired"))
    assert queued[0] == ("maintain_subscription", calendar.pk, 0)

    Calendar.objects.update(subscription_expires_at=timezone.now() + subscriptions.LIFETIME)
    queued.clear()
    post(client, entry(lifecycleEvent="reauthorizationRequired"))

    assert queued == []
    calendar.refresh_from_db()
    assert bytes(calendar.delta_link) == b"sealed"


def test_a_removed_subscription_is_made_anew_and_all_is_read(client, calendar, queued):
    post(client, entry(lifecycleEvent="subscriptionRemoved"))

    calendar.refresh_from_db()
    assert (calendar.subscription_id, calendar.client_state_digest, bytes(calendar.delta_link)) == ("", "", b"")
    assert queued == [("maintain_subscription", calendar.pk, 0), ("sync_calendar", calendar.pk, 3)]


@pytest.mark.parametrize("event", ["missed", "somethingNew"])
def test_missed_notifications_mean_to_read_all(client, calendar, queued, event):
    post(client, entry(lifecycleEvent=event))

    calendar.refresh_from_db()
    assert (calendar.subscription_id, bytes(calendar.delta_link)) == ("subscription-1", b"")
    assert queued == [("sync_calendar", calendar.pk, 3)]


def test_without_the_broker_the_hint_waits_for_the_poll(client, calendar, monkeypatch):
    def away(*args, **kwargs):
        raise OperationalError("no broker")

    monkeypatch.setattr(tasks.sync_calendar, "apply_async", away)

    assert post(client, entry()).status_code == 202
    assert hinted(calendar)


def test_the_secret_is_compared_in_constant_time(client, calendar, queued, monkeypatch):
    compared = []
    compare = notifications.hmac.compare_digest
    monkeypatch.setattr(notifications.hmac, "compare_digest", lambda a, b: compared.append((a, b)) or compare(a, b))

    post(client, entry(clientState="guess"))

    assert compared == [(subscriptions.digest("guess"), subscriptions.digest("secret"))]
