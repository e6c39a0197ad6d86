"""Months in which nobody looks: tokens are renewed ahead, and what others mend is found mended."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from calendar_sync import tasks, upkeep
from calendar_sync.models import Connection, ConnectionStatus, Notice
from calendar_sync.sandbox.sandbox import utc_now
from calendar_sync.tests import factories
from calendar_sync.tests.conftest import ADA
from calendar_sync.tests.test_tokens import posts
from calendar_sync.tokens import access_token, mark_broken
from crm.errors import PermanentError


@pytest.fixture
def row(connected_agent) -> Connection:
    return connected_agent.calendar_connection


def change(row: Connection, **fields) -> None:
    Connection.objects.filter(pk=row.pk).update(**fields)


def stuck(row: Connection, code: str) -> None:
    """Break a connection as it would have been an hour ago."""
    mark_broken(row.pk, code)
    change(row, status_at=timezone.now() - timedelta(minutes=61))


def test_tokens_are_due_a_quarter_of_an_hour_ahead(row):
    now = timezone.now()

    for minutes, is_due in ((16, False), (14, True), (-5, True)):
        change(row, access_expires_at=now + timedelta(minutes=minutes))
        assert upkeep.due(now).exists() is is_due, minutes
    change(row, access_expires_at=None)
    assert upkeep.due(now).exists()


@pytest.mark.parametrize(
    ("status", "minutes", "is_due"),
    [
        (ConnectionStatus.NEEDS_RECONNECT, 600, False),
        (ConnectionStatus.ADMIN_ACTION, 61, True),
        (ConnectionStatus.ADMIN_ACTION, 59, False),
        (ConnectionStatus.ERROR, 61, True),
    ],
)
def test_what_others_mend_is_looked_at_each_hour(db, status, minutes, is_due):
    now = timezone.now()
    factories.connection(status=status, status_at=now - timedelta(minutes=minutes))

    assert upkeep.due(now).exists() is is_due


def test_a_week_without_use_is_too_long(row):
    now = timezone.now()

    for days, is_idle in ((6, False), (8, True)):
        change(row, refreshed_at=now - timedelta(days=days))
        assert upkeep.idle(now).exists() is is_idle
    change(row, status=ConnectionStatus.NEEDS_RECONNECT)
    assert not upkeep.idle(now).exists()


def test_a_token_is_renewed_before_anybody_waits_for_it(row, sandbox):
    old = access_token(row.pk)
    change(row, access_expires_at=timezone.now() + timedelta(minutes=10))

    assert upkeep.attend(row.pk)

    asked = posts(sandbox)
    assert access_token(row.pk) != old
    assert posts(sandbox) == asked


def test_a_token_that_is_good_is_left_alone(row, sandbox):
    asked = posts(sandbox)

    assert upkeep.attend(row.pk)

    assert posts(sandbox) == asked


def test_a_year_without_anybody_looking(row, sandbox):
    """Once a week the sign-in is used, so the ninety days never run out."""
    with time_machine.travel(utc_now(), tick=False) as clock:
        for _ in range(52):
            clock.shift(timedelta(days=7, hours=1))
            for pk in upkeep.idle(timezone.now()).values_list("pk", flat=True):
                assert upkeep.attend(pk, force=True)

        row.refresh_from_db()
        assert row.status == ConnectionStatus.CONNECTED
        assert sandbox.entra.access_tokens[access_token(row.pk)].address == ADA


def test_a_secret_that_was_renewed_heals_everybody(row, sandbox):
    sandbox.entra.revoke(ADA, 7000222)
    with pytest.raises(PermanentError):
        access_token(row.pk, min_seconds=10**6)
    for token in sandbox.entra.refresh_tokens.values():
        token.refused_with = 0

    assert upkeep.attend(row.pk)

    row.refresh_from_db()
    assert (row.status, row.status_code) == (ConnectionStatus.CONNECTED, "")
    assert Notice.objects.get().resolved_at is not None


def test_a_token_alone_does_not_prove_that_the_mailbox_opens(row, sandbox):
    sandbox.close_mailbox(ADA)
    stuck(row, "ErrorAccessDenied")
    before = Notice.objects.get()

    assert not upkeep.attend(row.pk)

    row.refresh_from_db()
    assert row.status == ConnectionStatus.ADMIN_ACTION
    assert row.status_at > timezone.now() - timedelta(minutes=1)
    notice = Notice.objects.get()
    assert (notice.created_at, notice.resolved_at) == (before.created_at, None)

    sandbox.close_mailbox(ADA, "")
    assert upkeep.attend(row.pk)
    row.refresh_from_db()
    assert row.status == ConnectionStatus.CONNECTED
    assert Notice.objects.get().resolved_at is not None


def test_entra_away_is_no_end(row, settings):
    change(row, access_expires_at=timezone.now())
    settings.MS_SANDBOX_URL = "http://127.0.0.1:9"

    assert not upkeep.attend(row.pk)

    row.refresh_from_db()
    assert row.status == ConnectionStatus.CONNECTED


def test_a_connection_that_was_forgotten_meanwhile_is_nobodys(db):
    assert not upkeep.attend(4711)


def test_the_tasks_wake_one_worker_for_each(row, monkeypatch):
    woken = []
    monkeypatch.setattr(
        tasks.attend_connection, "apply_async", lambda args, kwargs, expires: woken.append((args[0], kwargs, expires))
    )
    change(row, access_expires_at=timezone.now(), refreshed_at=timezone.now() - timedelta(days=8))
    factories.connection(access_expires_at=timezone.now() + timedelta(hours=1), refreshed_at=timezone.now())

    assert (tasks.renew_tokens(), tasks.keep_connections_alive()) == (1, 1)

    assert woken == [(row.pk, {"force": False}, 55), (row.pk, {"force": True}, 55)]
