"""Where a call can be steered: taken from any message, kept sealed, for as long as the call lives."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest
import redis
from asgiref.sync import sync_to_async
from django.conf import settings as django_settings

from calls.models import ToolCall, WebhookEvent, call_pk
from calls.tests.webhook.client import DoorClient, envelope, new_call, tool_call
from calls.tests.webhook.conftest import _secret, client, touched  # noqa: F401
from calls.tower import keyring
from calls.webhook.decode import Monitor, decode

HOST = "phone-call-websocket.aws-us-west-2-backend-production1.vapi.ai"
CANARY = "canary-7420f27a"
CONTROL, LISTEN = f"https://{HOST}/{CANARY}/control", f"wss://{HOST}/{CANARY}/listen"


@pytest.fixture(autouse=True)
def _fresh():
    keyring._known.clear()


def with_monitor(kind, call, *, control=CONTROL, listen=LISTEN, **fields):
    message = envelope(kind, call, **fields)
    message["call"]["monitor"] = {"controlUrl": control, "listenUrl": listen}
    return {"message": message}


async def found(call, *, gone=False):
    for _ in range(100):
        kept = await sync_to_async(keyring.find)(call_pk(call))
        if (kept is None) == gone:
            break
        await asyncio.sleep(0.02)
    return kept


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("status-update", {"status": "in-progress"}),
        ("transcript", {"role": "user", "transcriptType": "final", "transcript": "Hello"}),
        ("tool-calls", {"toolCallList": [tool_call("update_system_prompt", {"new_state": "BOOKING"})]}),
        ("transfer-update", {"destination": {"type": "number"}}),
        ("something-new", {}),
    ],
)
async def test_any_message_tells_where_the_call_is_steered(client: DoorClient, kind, fields):  # noqa: F811
    call = new_call()

    assert (await client.send(with_monitor(kind, call, **fields))).status == 200

    kept = await found(call)
    assert (kept.control, kept.listen) == (CONTROL, LISTEN)


async def test_the_end_of_the_call_forgets_it(client: DoorClient):  # noqa: F811
    call = new_call()
    await client.send(with_monitor("status-update", call, status="in-progress"))
    assert await found(call) is not None

    await client.send(with_monitor("end-of-call-report", call, endedReason="customer-ended-call"))

    assert await found(call, gone=True) is None


@pytest.mark.parametrize("control", ["https://evilvapi.ai/x/control", "http://a.vapi.ai/x", 7, None, ["x"], {"a": 1}])
async def test_another_address_is_not_kept_and_the_message_is(client: DoorClient, control):  # noqa: F811
    call = new_call()

    reply = await client.send(with_monitor("status-update", call, control=control, status="in-progress"))

    assert reply.status == 200
    await asyncio.sleep(0.1)
    kept = await sync_to_async(keyring.find)(call_pk(call))
    # Where no address was given the call can still be heard; with a stranger's neither is believed.
    assert kept is None or (isinstance(control, str), kept.control) == (False, "")


@pytest.mark.parametrize("monitor", [None, "text", [], 7, {"controlUrl": None, "listenUrl": None}])
def test_a_monitor_of_another_shape_is_none(monitor):
    message = envelope("status-update", "call-1", status="in-progress")
    message["call"]["monitor"] = monitor

    found = decode(json.dumps({"message": message}).encode()).monitor

    assert found is None or (found.control_url, found.listen_url) == (None, None)


async def test_a_store_that_is_away_refuses_no_message(client: DoorClient, settings, monkeypatch):  # noqa: F811
    def away(*args, **kwargs):
        raise redis.ConnectionError("away")

    monkeypatch.setattr(keyring.cache, "set", away)

    assert (await client.send(with_monitor("status-update", new_call(), status="in-progress"))).status == 200


async def test_the_address_is_nowhere_in_the_open(client: DoorClient, caplog):  # noqa: F811
    caplog.set_level(logging.DEBUG)
    call = new_call()
    await client.send(with_monitor("status-update", call, status="in-progress"))
    arguments = {"toolCallList": [tool_call("save_lead", {"full_name": "Maria"})]}
    reply = await client.send(with_monitor("tool-calls", call, **arguments))
    assert await found(call) is not None

    def everywhere():
        with redis.from_url(django_settings.REDIS_URL) as stores:
            keys = list(stores.scan_iter("*"))
            stored = [stores.dump(key) or b"" for key in keys]
        rows = [bytes(row.body) for row in WebhookEvent.objects.all()]
        tools = [json.dumps(row.arguments).encode() for row in ToolCall.objects.all()]
        return [*keys, *stored, *rows, *tools, reply.body, caplog.text.encode()]

    held = await sync_to_async(everywhere)()
    assert [part for part in held if CANARY.encode() in part] == []


def test_what_is_kept_opens_for_its_own_call_only(db):
    keyring.keep(call_pk("a"), Monitor(CONTROL, LISTEN))
    keyring.cache.set(keyring._key(call_pk("b")), keyring.cache.get(keyring._key(call_pk("a"))))

    assert keyring.find(call_pk("a")) is not None
    assert keyring.find(call_pk("b")) is None


def test_what_the_store_holds_is_judged_again(db):
    sealed = keyring.vault.seal(keyring.PURPOSE, call_pk("a"), b'{"control": "https://evil.com/x", "listen": ""}')
    keyring.cache.set(keyring._key(call_pk("a")), sealed)

    assert keyring.find(call_pk("a")) is None


def test_it_lives_no_longer_than_the_call(db, settings):
    settings.CALL_TTL_SECONDS = 100
    keyring.keep(call_pk("a"), Monitor(CONTROL, LISTEN))

    with redis.from_url(django_settings.REDIS_URL) as stores:
        (key,) = stores.scan_iter("*call-monitor*")
        assert 90 < stores.ttl(key) <= 100


def test_neither_is_shown_by_accident():
    assert CANARY not in repr(Monitor(CONTROL, LISTEN)) + repr(keyring.Addresses(CONTROL, LISTEN))
    body = json.dumps(with_monitor("status-update", "call-1", status="in-progress")).encode()
    assert CANARY not in repr(decode(body))
