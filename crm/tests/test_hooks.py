from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from django.utils import timezone

from crm.errors import PermanentError
from crm.hooks import addresses, delivering
from crm.hooks.events import tell
from crm.hooks.secrets import renew_secret
from crm.lead_editing import edit_lead
from crm.models import DeliveryStatus, WebhookDelivery, WebhookEvent, WebhookSubscription
from crm.tests import factories

pytestmark = pytest.mark.django_db


class Subscriber(HTTPServer):
    """Takes what is sent to it and answers with the next of `answers`, then with 200."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.taken: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook"


class _Handler(BaseHTTPRequestHandler):
    server: Subscriber

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.taken.append((dict(self.headers), body))
        self.send_response(self.server.answers.pop(0) if self.server.answers else 200)
        self.send_header("Location", "http://127.0.0.1:1/elsewhere")
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def subscriber(settings) -> Iterator[Subscriber]:
    settings.WEBHOOKS_TO_LOCALHOST = True
    server = Subscriber()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def subscription(subscriber) -> WebhookSubscription:
    row = WebhookSubscription.objects.create(url=subscriber.url, events=["lead.changed", "call.ended"])
    renew_secret(row)
    return row


def later(row: WebhookDelivery) -> None:
    WebhookDelivery.objects.filter(pk=row.pk).update(next_attempt_at=timezone.now() - timedelta(seconds=1))


def test_what_happened_is_told_once_signed_and_in_order(subscriber, subscription) -> None:
    secret = renew_secret(subscription)
    lead = factories.lead()
    edit_lead(lead=lead, values={"pets": "dog"}, agent=factories.agent(), actor="staff")
    tell(WebhookEvent.CALL_ENDED, {"call": {"id": "c"}})
    tell(WebhookEvent.APPOINTMENT_BOOKED, {"appointment": {}})

    assert delivering.deliver(subscription.pk) == 2
    assert delivering.deliver(subscription.pk) == 0

    bodies = [json.loads(body) for _, body in subscriber.taken]
    headers, body = subscriber.taken[0]
    wanted = hmac.new(secret.encode(), f"{headers['X-Pete-Timestamp']}.".encode() + body, hashlib.sha256).hexdigest()
    assert [each["event"] for each in bodies] == ["lead.changed", "call.ended"]
    assert bodies[0]["data"]["lead"]["id"] == lead.pk
    assert bodies[0]["data"]["changed"] == ["pets"]
    assert headers["X-Pete-Signature"] == f"sha256={wanted}"
    assert secret.encode() not in bytes(WebhookSubscription.objects.get().secret)


@pytest.mark.parametrize("answer", [500, 404, 302])
def test_who_does_not_take_it_is_asked_again_and_nothing_overtakes(subscriber, subscription, answer: int) -> None:
    for name in "ab":
        tell(WebhookEvent.CALL_ENDED, {"call": {"id": name}})
    subscriber.answers = [answer]

    assert delivering.deliver(subscription.pk) == 0
    first = WebhookDelivery.objects.order_by("pk")[0]
    assert (first.status, first.attempts, first.response_status) == ("pending", 1, answer)
    assert delivering.deliver(subscription.pk) == 0
    later(first)
    assert delivering.due_subscriptions() == [subscription.pk]
    assert delivering.deliver(subscription.pk) == 2
    assert [json.loads(body)["data"]["call"]["id"] for _, body in subscriber.taken] == ["a", "a", "b"]


def test_who_never_takes_it_is_switched_off(subscriber, subscription) -> None:
    tell(WebhookEvent.CALL_ENDED, {})
    row = WebhookDelivery.objects.get()
    WebhookDelivery.objects.update(attempts=len(delivering.WAITS))
    subscriber.answers = [500]

    delivering.deliver(subscription.pk)

    row.refresh_from_db()
    subscription.refresh_from_db()
    assert row.status == DeliveryStatus.FAILED
    assert not subscription.is_active
    assert f"delivery {row.pk} failed" in subscription.disabled_reason
    assert tell(WebhookEvent.CALL_ENDED, {}) == 0


def test_two_workers_do_not_tell_at_once(subscriber, subscription) -> None:
    tell(WebhookEvent.CALL_ENDED, {})
    WebhookSubscription.objects.update(busy_until=timezone.now() + timedelta(minutes=1))

    assert delivering.deliver(subscription.pk) == 0
    assert delivering.due_subscriptions() == []
    WebhookSubscription.objects.update(busy_until=timezone.now() - timedelta(minutes=1))
    assert delivering.deliver(subscription.pk) == 1


def test_a_worker_that_lost_its_turn_neither_sends_on_nor_frees_the_other(
    subscriber, subscription, monkeypatch
) -> None:
    for _ in range(2):
        tell(WebhookEvent.CALL_ENDED, {})
    anothers = timezone.now() + timedelta(hours=1)
    send = delivering._send

    def slowly(*args: Any) -> int:
        WebhookSubscription.objects.update(busy_until=anothers)
        return send(*args)

    monkeypatch.setattr(delivering, "_send", slowly)

    assert delivering.deliver(subscription.pk) == 1
    assert WebhookSubscription.objects.get().busy_until == anothers


def test_a_secret_that_no_key_opens_is_an_error_that_says_so(subscriber, subscription) -> None:
    WebhookSubscription.objects.update(secret=b"x")
    tell(WebhookEvent.CALL_ENDED, {})

    assert delivering.deliver(subscription.pk) == 0
    assert "nothing sealed" in WebhookDelivery.objects.get().error


def test_nobody_there_is_an_error_that_says_so(subscriber, subscription) -> None:
    WebhookSubscription.objects.update(url="http://127.0.0.1:1/")
    tell(WebhookEvent.CALL_ENDED, {})

    delivering.deliver(subscription.pk)

    assert "did not answer" in WebhookDelivery.objects.get().error


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/", "https://10.0.0.1/", "https://127.0.0.1/", "https://[::1]/", "https://169.254.169.254/",
        "https://localhost/", "https://user:pw@example.com/", "https://[::ffff:10.0.0.1]/", "ftp://example.com",
        "https://pete.internal/", "https://", "x", "https://intranet/", "https://example.com:99999/", "https://[x/",
        "https://0.0.0.0/", "https://100.64.0.1/", "https://[64:ff9b::a00:1]/", "https://[2002:a00:1::]/",
    ],
)  # fmt: skip
def test_addresses_inside_are_refused(url: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        addresses.check_url(url)


def test_a_name_that_leads_inside_is_refused_when_it_is_used(monkeypatch, subscription) -> None:
    found = [(0, 0, 0, "", ("93.184.216.34", 443)), (0, 0, 0, "", ("10.0.0.7", 443))]
    monkeypatch.setattr(addresses.socket, "getaddrinfo", lambda *args, **kwargs: found)

    with pytest.raises(PermanentError):
        addresses.public_address("rebinding.example", 443)
    WebhookSubscription.objects.update(url="https://rebinding.example/")
    tell(WebhookEvent.CALL_ENDED, {})
    delivering.deliver(subscription.pk)

    assert "private network" in WebhookDelivery.objects.get().error
