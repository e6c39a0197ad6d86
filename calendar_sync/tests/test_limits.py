"""Turns at Graph, counted in Valkey over all processes."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Barrier

import httpx
import pytest
import redis
from django.conf import settings as django_settings

from calendar_sync import limits
from calendar_sync.errors import Unavailable
from calendar_sync.graph import Graph
from calendar_sync.limits import turn
from calendar_sync.tests.conftest import ADA


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    monkeypatch.setattr(limits, "_alone", limits._Alone())


@pytest.fixture
def taken():
    """Hold turns until the test is over."""
    with ExitStack() as stack:
        yield stack


def is_free(mailbox):
    try:
        with turn(mailbox, patience=0):
            return True
    except Unavailable:
        return False


def test_three_requests_at_a_mailbox_and_no_fourth(taken):
    for _ in range(3):
        taken.enter_context(turn(1))

    assert not is_free(1)
    assert is_free(2)
    taken.close()
    assert is_free(1)


def test_all_mailboxes_together_have_a_limit(taken, settings):
    settings.GRAPH_REQUESTS_AT_ONCE = 5
    for mailbox in range(5):
        taken.enter_context(turn(mailbox))

    assert not is_free(9)
    taken.close()
    assert is_free(9)


def test_a_turn_is_given_back_when_the_request_fails():
    for _ in range(4):
        with pytest.raises(ZeroDivisionError), turn(1):
            raise ZeroDivisionError

    assert is_free(1)


def test_who_waits_gets_the_next_turn(taken):
    for _ in range(3):
        taken.enter_context(turn(1))
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(is_free_within, 5.0)
        taken.close()
        assert waiting.result()


def is_free_within(seconds):
    with turn(1, patience=seconds):
        return True


def test_processes_count_together():
    script = (
        "import sys, django; django.setup()\n"
        "from calendar_sync.limits import turn\n"
        "with turn(1), turn(1), turn(1):\n"
        "    print('held', flush=True); sys.stdin.readline()\n"
    )
    environment = {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "REDIS_URL": django_settings.REDIS_URL,
        "DATA_DIR": str(django_settings.DATA_DIR),
        "SECRET_KEY": "x" * 50,
    }
    holder = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    )
    try:
        assert holder.stdout.readline() == "held\n"
        assert not is_free(1)
    finally:
        holder.communicate("\n", timeout=20)
    assert is_free(1)


def test_the_leases_of_a_killed_process_run_out(monkeypatch, taken):
    with monkeypatch.context() as patch:
        patch.setattr(limits, "LEASE_SECONDS", 0.2)
        for number in range(2):
            assert limits._take(1, f"lease-{number}") == "valkey"
    taken.enter_context(turn(1))
    assert not is_free(1)

    with turn(1, patience=5), turn(1):
        assert not is_free(1)


def test_without_valkey_one_request_at_a_time_goes_on(taken, monkeypatch, settings):
    def away(*args, **kwargs):
        raise redis.ConnectionError("no")

    monkeypatch.setattr(limits._valkey(), "eval", away)
    taken.enter_context(turn(1))

    assert not is_free(1)
    assert is_free(2)
    taken.close()
    assert is_free(1)


def test_valkey_is_asked_again_after_a_pause(monkeypatch):
    asked = []

    def away(*args, **kwargs):
        asked.append(1)
        raise redis.ConnectionError("no")

    monkeypatch.setattr(limits._valkey(), "eval", away)
    assert is_free(1)
    assert is_free(1)
    assert len(asked) == 1

    limits._alone.until = 0.0
    assert is_free(1)
    assert len(asked) == 2


def test_a_valkey_that_goes_away_during_a_request_does_no_harm(monkeypatch):
    def away(*args, **kwargs):
        raise redis.ConnectionError("no")

    with turn(1):
        monkeypatch.setattr(limits._valkey(), "pipeline", away)


def test_many_calendars_at_once_never_meet_mailbox_concurrency(sandbox):
    """calcom/cal.diy#343: MailboxConcurrency when many calendars are read at once."""
    sandbox.graph.latency = 0.02
    together = Barrier(8)
    token = sandbox.entra.token_for(ADA)
    http = httpx.Client(transport=sandbox.transport())

    def read(_):
        together.wait()
        client = Graph(1, http=http, token_source=lambda connection_id, *, min_seconds=300: token)
        return len(client.list_calendars())

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(read, range(8))) == [1] * 8

    assert sandbox.graph.peak[ADA] <= 3
    assert {exchange.response.status for exchange in sandbox.graph.log} == {200}
