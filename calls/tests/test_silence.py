from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx
import pytest
import redis
from django.conf import settings
from django.db import connection
from django.utils import timezone

from calls import phases, tasks
from calls.client import VapiClient
from calls.models import Call, WebhookEvent
from calls.refold import project_many
from calls.silence import close_silent_calls
from calls.stages import close_store, stage_store
from calls.stages.rebuild import load_state
from calls.tests.ledger import call, conversation, deliver, tool_call
from crm.errors import PermanentError, TransientError
from crm.models import AppointmentStatus, Task
from crm.tests import factories

pytestmark = pytest.mark.django_db

LONG_AGO = timedelta(seconds=settings.CALL_TTL_SECONDS + 60)


def silent_call(name: str = "", **ids: Any) -> Call:
    """Return a live call of which nothing has been heard for longer than the time to live."""
    row = call(name)
    conversation(row, **ids)
    WebhookEvent.objects.filter(call=row).update(received_at=timezone.now() - LONG_AGO)
    project_many([row.pk])
    row.refresh_from_db()
    return row


def vapi(*answers: httpx.Response | Exception) -> tuple[VapiClient, list[httpx.Request]]:
    """Return a client of a Vapi that answers so, one answer after the other, and what it was asked."""
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        found = answers[min(len(asked), len(answers)) - 1]
        if isinstance(found, Exception):
            raise found
        return found

    return VapiClient(httpx.MockTransport(answer)), asked


def test_a_silent_call_is_closed_with_its_hold_and_leaves_a_task():
    row = silent_call()
    of, soon = factories.agent(), timezone.now() + timedelta(minutes=3)
    held = factories.hold(of, factories.listing(of), soon, expires_at=soon, lead=row.lead, call_id=row.pk)

    assert close_silent_calls() == 1

    row.refresh_from_db()
    assert (row.status, row.phase, row.ended_class) == ("ended", "ENDED", "expired")
    held.refresh_from_db()
    assert held.status == AppointmentStatus.CANCELLED
    assert [task.call_id for task in Task.objects.all()] == [row.pk]
    assert close_silent_calls() == 0


def test_a_call_that_speaks_and_one_that_has_ended_are_left_alone():
    talking, over = call(), silent_call()
    conversation(talking)
    project_many([talking.pk])
    deliver(over, "status-update", 90, status="ended")
    project_many([over.pk])

    assert close_silent_calls() == 0
    assert not WebhookEvent.objects.filter(type=phases.EXPIRED).exists()


def test_a_call_whose_columns_lag_behind_its_ledger_is_not_closed():
    row = silent_call()
    deliver(row, "transcript", 99, role="user", transcriptType="final", transcript="Still here.")

    assert close_silent_calls() == 0
    row.refresh_from_db()
    assert row.phase == "THINKING"


def test_a_closed_call_goes_on_where_it_was_with_its_next_message():
    row = silent_call()
    tool_call(row, stage="BOOKING", facts={"budget": 1500})
    WebhookEvent.objects.filter(call=row).update(received_at=timezone.now() - LONG_AGO)
    assert close_silent_calls() == 1
    assert load_state(row.pk).ended is False

    deliver(row, "transcript", 99, role="user", transcriptType="final", transcript="Sorry, I was away.")
    project_many([row.pk])

    row.refresh_from_db()
    assert (row.status, row.phase, row.stage, row.context) == ("in-progress", "THINKING", "BOOKING", {"budget": 1500})
    assert (row.ended_at, row.ended_class) == (None, "")


def test_the_state_of_the_stages_is_forgotten():
    row = silent_call()

    async def with_store(what: Any) -> Any:
        try:
            return await what(stage_store())
        finally:
            await close_store()

    async def advance(store: Any) -> None:
        await store.advance(row.pk, "BOOKING", {}, fingerprint=b"1" * 16)

    asyncio.run(with_store(advance))
    close_silent_calls()

    assert asyncio.run(with_store(lambda store: store.get(row.pk))) is None


@pytest.mark.parametrize("status", ["in-progress", "forwarding", "ringing", "queued"])
def test_a_call_that_goes_on_at_vapi_stays_open(status):
    row = silent_call("vapi/1")
    client, asked = vapi(httpx.Response(200, json={"id": "vapi/1", "status": status}))

    assert close_silent_calls(client) == 0
    assert [request.url.raw_path for request in asked] == [b"/call/vapi%2F1"]
    row.refresh_from_db()
    assert row.phase != "ENDED"


def test_of_a_call_that_ended_at_vapi_the_end_is_recorded():
    row = silent_call()
    record = {
        "id": row.vapi_id,
        "status": "ended",
        "endedReason": "customer-ended-call",
        "cost": 0.5,
        "startedAt": "2027-03-01T15:00:00Z",
        "endedAt": "2027-03-01T15:04:00Z",
        "analysis": {"summary": "Wants a flat."},
        "serverUrlSecret": "hush-hush-hush",
    }
    client, _ = vapi(httpx.Response(200, json=record))

    assert close_silent_calls(client) == 1

    row.refresh_from_db()
    assert (row.ended_reason, row.ended_class, row.summary) == (
        "customer-ended-call",
        "customer_ended",
        "Wants a flat.",
    )
    assert row.ended_at is not None
    assert row.ended_at.isoformat() == "2027-03-01T15:04:00+00:00"
    assert b"hush" not in bytes(WebhookEvent.objects.get(type=phases.CALL_RECORD).body)


def test_a_call_that_vapi_does_not_know_is_closed():
    row = silent_call()
    client, _ = vapi(httpx.Response(404))

    assert close_silent_calls(client) == 1
    row.refresh_from_db()
    assert row.ended_class == "expired"


@pytest.mark.parametrize("trouble", [httpx.Response(503), httpx.Response(429), httpx.ReadTimeout("slow")])
def test_nothing_is_closed_while_vapi_does_not_answer(trouble):
    row = silent_call()
    client, _ = vapi(trouble)

    assert close_silent_calls(client) == 0
    row.refresh_from_db()
    assert row.phase != "ENDED"


def test_a_wrong_key_does_not_keep_calls_open_for_ever(caplog):
    silent_call()
    client, _ = vapi(httpx.Response(401))

    assert close_silent_calls(client) == 1
    assert "refuses to tell" in caplog.text


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (httpx.Response(500), TransientError),
        (httpx.Response(429), TransientError),
        (httpx.ConnectError("no route"), TransientError),
        (httpx.Response(401), PermanentError),
        (httpx.Response(200, text="<html>"), PermanentError),
        (httpx.Response(200, json=[]), PermanentError),
    ],
)
def test_the_client_raises_two_kinds_of_errors(answer, error):
    client, asked = vapi(answer)

    with pytest.raises(error):
        client.call("c")
    assert len(asked) == 1


def test_the_client_shows_the_private_key(settings):
    settings.VAPI_API_KEY = "key-1"
    client, asked = vapi(httpx.Response(200, text=json.dumps({"status": "ended"})))

    assert client.call("c") == {"status": "ended"}
    assert asked[0].headers["authorization"] == "Bearer key-1"


@pytest.mark.django_db(transaction=True)
def test_the_task_at_once_in_several_workers_closes_each_call_once():
    rows = [silent_call() for _ in range(5)]

    def work(_: int) -> None:
        try:
            tasks.close_silent()
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))

    assert not Call.objects.exclude(phase="ENDED").exists()
    assert WebhookEvent.objects.filter(type=phases.EXPIRED).count() == len(rows)
    assert Task.objects.count() == len(rows)


def test_stragglers_are_folded_and_not_looked_at_for_ever(django_assert_max_num_queries):
    row = call()
    conversation(row)

    assert (tasks.project_stragglers(), tasks.project_stragglers()) == (1, 0)
    row.refresh_from_db()
    assert row.phase == "THINKING"
    with django_assert_max_num_queries(2):
        tasks.project_stragglers()


def test_stragglers_are_found_when_valkey_has_forgotten_how_far_it_was():
    row = call()
    conversation(row)
    tasks.project_stragglers()
    deliver(row, "status-update", 99, status="ended")
    with redis.from_url(settings.REDIS_URL) as client:
        client.flushdb()

    assert tasks.project_stragglers() == 1


def test_calls_that_ended_leave_the_board():
    assert tasks.drop_ended_calls() == 0


def test_the_work_of_every_minute_is_scheduled():
    from config.celery import app

    app.loader.import_default_modules()
    schedule = {entry["task"]: entry["schedule"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}

    assert set(schedule) <= set(app.tasks)
    names = ["close_silent", "project_stragglers", "drop_ended_calls"]
    assert [schedule[f"calls.tasks.{name}"] for name in names] == [60.0] * 3
    names = ["release_expired_holds", "send_queued_messages", "clear_sessions"]
    assert [schedule[f"crm.tasks.{name}"] for name in names] == [60.0] * 3
