"""Real MSAL over the stand-in's sockets; tokens are looked for wherever they could have leaked."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from django.db import connection as database
from django.utils import timezone

from calendar_sync import tokens, vault
from calendar_sync.models import Connection, ConnectionStatus, Notice, NoticeKind
from calendar_sync.tests import factories
from calendar_sync.tests.conftest import ADA, connect
from calendar_sync.tokens import ConnectionBroken, access_token, mark_broken, renew
from crm.errors import TransientError
from crm.tests import factories as crm


def posts(sandbox) -> int:
    """Return how often the token endpoint was asked."""
    return sum(path.endswith("/token") for _, path in sandbox.entra.requests)


@pytest.fixture
def row(connected_agent) -> Connection:
    return connected_agent.calendar_connection


@pytest.fixture
def run_out(row) -> Connection:
    """Give Ada's connection a token that has run out."""
    row.access_expires_at = timezone.now()
    row.save()
    return row


def test_a_stored_token_costs_no_request(row, sandbox):
    asked = posts(sandbox)

    token = access_token(row.pk)

    assert sandbox.entra.access_tokens[token].address == ADA
    assert posts(sandbox) == asked


def test_a_token_that_has_run_out_is_renewed_and_kept(run_out, sandbox):
    old = bytes(run_out.blob)

    token = access_token(run_out.pk)

    assert sandbox.entra.access_tokens[token].address == ADA
    assert access_token(run_out.pk) == token
    run_out.refresh_from_db()
    assert bytes(run_out.blob) != old
    assert timedelta(minutes=60) < run_out.access_expires_at - timezone.now() <= timedelta(minutes=65)


def test_more_time_than_is_left_is_asked_for(row, sandbox):
    asked = posts(sandbox)

    first = access_token(row.pk, min_seconds=864_000)

    assert posts(sandbox) == asked + 1
    assert access_token(row.pk) == first


def test_tokens_are_sealed_for_their_row_only(row, sandbox):
    secrets = [secret.encode() for secret in sandbox.entra.secrets_issued()]
    assert secrets
    assert not any(secret in bytes(row.blob) for secret in secrets)
    other = factories.connection(blob=bytes(row.blob))

    with pytest.raises(ConnectionBroken) as refused:
        renew(other.pk)

    assert refused.value.code == "no_token"
    other.refresh_from_db()
    assert other.status == ConnectionStatus.NEEDS_RECONNECT
