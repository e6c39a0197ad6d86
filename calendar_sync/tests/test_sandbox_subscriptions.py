"""Change notifications of the stand-in: the handshake, what is told, how long it lasts."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from time import monotonic, sleep
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import httpx
import pytest
import time_machine

from calendar_sync.sandbox.sandbox import utc_now
from calendar_sync.sandbox.zones import stamp
from calendar_sync.tests.conftest import ADA, HEADERS
from calendar_sync.tests.contract import check_schema

NINE = datetime(2026, 11, 24, 9, tzinfo=ZoneInfo("America/Chicago"))
HOUR = timedelta(hours=1)
URL = "https://pete.example/calendar/notifications"
COLLECTION = {"$ref": "#/components/schemas/microsoft.graph.changeNotificationCollection"}


class Receiver:
    """Stands for Pete's own address; `answers` are the statuses it gives to notifications."""

    def __init__(self) -> None:
        self.bodies: list[dict] = []
        self.urls: list[str] = []
        self.answers: list[int] = []
        self.echo = True

    def __call__(self, url, payload, seconds):
        self.urls.append(url)
        if payload is None:
            return 200, parse_qs(urlsplit(url).query)["validationToken"][0] if self.echo else "no"
        self.bodies.append(payload)
        return (self.answers.pop(0) if self.answers else 202), ""

    def told(self):
        return [entry for body in self.bodies for entry in body["value"]]


@pytest.fixture
def receiver(sandbox):
    receiver = Receiver()
    sandbox.subscriptions.post = receiver
    return receiver


def wish(**changes):
    return {
        "changeType": "created,updated,deleted",
        "notificationUrl": URL,
        "lifecycleNotificationUrl": f"{URL}?lifecycle=1",
        "resource": "me/events",
        "expirationDateTime": stamp(utc_now() + timedelta(days=6)),
        "clientState": "secret",
        **changes,
    }


def test_both_addresses_prove_themselves_before_anything_is_made(ada, sandbox, receiver):
    answer = ada.post("/subscriptions", json=wish())

    assert answer.status_code == 201
    assert [url.partition("validationToken")[0] for url in receiver.urls] == [f"{URL}?", f"{URL}?lifecycle=1&"]
    assert ada.get("/subscriptions").json()["value"] == [answer.json()]


def test_a_receiver_that_does_not_echo_gets_no_subscription(ada, receiver):
    receiver.echo = False

    answer = ada.post("/subscriptions", json=wish())

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "ValidationError")
    assert ada.get("/subscriptions").json()["value"] == []


@pytest.mark.parametrize(
    "changes",
    [
        {"notificationUrl": "http://pete.example/n"},
        {"changeType": "renamed"},
        {"clientState": "x" * 129},
        {"resource": "me/messages"},
        {"expirationDateTime": stamp(utc_now() + timedelta(days=8))},
        {"expirationDateTime": stamp(utc_now() - timedelta(days=1))},
        {"expirationDateTime": None},
    ],
)
def test_a_wrong_wish_is_refused(ada, receiver, recorder, changes):
    assert ada.post("/subscriptions", json=wish(**changes)).status_code == 400
    recorder.forgive()


def test_every_change_is_told_with_the_secret(ada, sandbox, receiver):
    subscription = ada.post("/subscriptions", json=wish()).json()
    outlook = sandbox.outlook(ADA)
    event_id = outlook.create("Event", NINE, NINE + HOUR)
    outlook.move(event_id, NINE + HOUR)
    outlook.delete(event_id)

    assert sandbox.subscriptions.deliver() == 3
    assert [entry["changeType"] for entry in receiver.told()] == ["created", "updated", "deleted"]
    for entry in receiver.told():
        assert entry["subscriptionId"] == subscription["id"]
        assert entry["clientState"] == "secret"
        assert entry["resourceData"]["id"] == event_id
    assert [wrong for body in receiver.bodies for wrong in check_schema(body, COLLECTION)] == []


def test_a_notification_has_the_documented_names(ada, sandbox, receiver):
    ada.post("/subscriptions", json=wish())
    sandbox.outlook(ADA).create("Event", NINE, NINE + HOUR)
    sandbox.subscriptions.deliver()
    documented = json.loads((Path(__file__).parent / "payloads" / "notification_change.json").read_text())

    [expected] = documented["payload"]["value"]
    [sent] = receiver.told()
    assert set(sent) == set(expected) - {"id"}
    assert set(sent["resourceData"]) == set(expected["resourceData"])


def test_our_own_writes_come_back_and_one_change_may_be_told_often(ada, sandbox, receiver):
    ada.post("/subscriptions", json=wish())
    sandbox.subscriptions.echoes, sandbox.subscriptions.duplicates = 3, 2
    times = {"start": {"dateTime": "2026-11-24T15:00:00"}, "end": {"dateTime": "2026-11-24T16:00:00"}}
    ada.post("/me/events", json={"subject": "Viewing", **times})
    sandbox.subscriptions.coalesce = True

    sandbox.subscriptions.deliver()

    assert len(receiver.bodies) == 1
    assert [entry["changeType"] for entry in receiver.told()] == ["created"] * 2 + ["updated"] * 4


def test_a_calendars_subscription_tells_of_that_calendar_only(ada, sandbox, receiver):
    outlook = sandbox.outlook(ADA)
    family = outlook.add_calendar("Family")
    ada.post("/subscriptions", json=wish(resource=f"me/calendars/{family.id}/events"))
    outlook.create("Mine", NINE, NINE + HOUR)
    ours = outlook.create("Ours", NINE, NINE + HOUR, calendar_id=family.id)

    sandbox.subscriptions.deliver()

    assert [entry["resourceData"]["id"] for entry in receiver.told()] == [ours]


def test_what_is_refused_is_sent_three_times(ada, sandbox, receiver):
    ada.post("/subscriptions", json=wish())
    sandbox.outlook(ADA).create("Event", NINE, NINE + HOUR)
    receiver.answers = [500, 500, 500, 500]

    assert [sandbox.subscriptions.deliver() for _ in range(4)] == [0, 0, 0, 0]
    assert len(receiver.bodies) == 3


def test_subscriptions_are_renewed_run_out_and_are_removed(ada, sandbox, receiver):
    with time_machine.travel(utc_now(), tick=False) as clock:
        subscription = ada.post("/subscriptions", json=wish()).json()
        path = f"/subscriptions/{subscription['id']}"
        headers = {"Authorization": f"Bearer {sandbox.entra.token_for(ADA, seconds=10_000_000)}"}
        clock.shift(timedelta(days=5))
        later = stamp(utc_now() + timedelta(days=6))
        assert ada.patch(path, json={"expirationDateTime": later}, headers=headers).status_code == 200
        clock.shift(timedelta(days=5))
        assert ada.get(path, headers=headers).json()["expirationDateTime"] == later
        clock.shift(timedelta(days=2))
        answer = ada.patch(path, json={"expirationDateTime": stamp(utc_now() + timedelta(days=6))}, headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "ResourceNotFound")
        sandbox.outlook(ADA).create("Event", NINE, NINE + HOUR)
        assert sandbox.subscriptions.deliver() == 0


def test_a_short_life_is_made_longer_and_deletion_ends_it(ada, receiver):
    soon = stamp(utc_now() + timedelta(minutes=5))
    subscription = ada.post("/subscriptions", json=wish(expirationDateTime=soon)).json()

    assert subscription["expirationDateTime"] > stamp(utc_now() + timedelta(minutes=44))
    assert ada.delete(f"/subscriptions/{subscription['id']}").status_code == 204
    assert ada.delete(f"/subscriptions/{subscription['id']}").status_code == 404


def test_nobody_touches_anothers_subscription(ada, sandbox, receiver):
    subscription = ada.post("/subscriptions", json=wish()).json()
    sandbox.add_person("bob@northside.example")
    bob = {"Authorization": f"Bearer {sandbox.entra.token_for('bob@northside.example')}"}

    assert ada.delete(f"/subscriptions/{subscription['id']}", headers=bob).status_code == 404


@pytest.mark.parametrize("event", ["reauthorizationRequired", "subscriptionRemoved", "missed"])
def test_lifecycle_events_are_told_on_demand(ada, sandbox, receiver, event):
    ada.post("/subscriptions", json=wish())

    assert sandbox.subscriptions.lifecycle(event, ADA) == 1
    sandbox.subscriptions.deliver()

    assert receiver.urls[-1] == f"{URL}?lifecycle=1"
    [entry] = receiver.told()
    assert (entry["lifecycleEvent"], entry["clientState"]) == (event, "secret")
    assert len(sandbox.subscriptions.active) == (0 if event == "subscriptionRemoved" else 1)


def test_over_http_the_handshake_is_answered_and_notifications_arrive(graph, sandbox):
    received = []

    class Web(BaseHTTPRequestHandler):
        def do_POST(self):
            token = parse_qs(urlsplit(self.path).query).get("validationToken", [""])[0]
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            received.extend(json.loads(body)["value"] if body else [])
            self.send_response(200)
            self.end_headers()
            self.wfile.write(token.encode())

        def log_message(self, *_):
            """Keep quiet."""

    web = HTTPServer(("127.0.0.1", 0), Web)
    Thread(target=web.serve_forever, args=(0.01,), daemon=True).start()
    url = f"http://127.0.0.1:{web.server_port}/calendar/notifications"
    headers = {**HEADERS, "Authorization": f"Bearer {sandbox.entra.token_for(ADA)}"}
    answer = httpx.post(
        f"{graph.graph_url}/subscriptions",
        json=wish(notificationUrl=url, lifecycleNotificationUrl=url),
        headers=headers,
    )
    assert answer.status_code == 201, answer.text

    sandbox.outlook(ADA).create("Event", NINE, NINE + HOUR)

    patience = monotonic() + 3
    while not received and monotonic() < patience:
        sleep(0.01)
    web.shutdown()
    web.server_close()
    assert [entry["changeType"] for entry in received] == ["created"]
