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

from calendar_sync import connect as connecting
from calendar_sync import tokens
from calendar_sync.models import Connection, ConnectionStatus, Notice, NoticeKind
from calendar_sync.sandbox.sandbox import utc_now
from calendar_sync.tests import factories
from calendar_sync.tests.conftest import ADA, connect
from calendar_sync.tests.leaks import everything_stored
from calendar_sync.tests.locks import bookable
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


@pytest.mark.django_db(transaction=True)
def test_refreshes_at_once_are_one(run_out, sandbox):
    """Issue 23: O365/python-o365#998, #1111: parallel refreshes confuse the cache. Eight threads, one POST."""
    asked = posts(sandbox)
    ready = threading.Barrier(8)

    def refresh(_: int) -> str:
        try:
            ready.wait()
            return access_token(run_out.pk)
        finally:
            database.close()

    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(refresh, range(8)))

    assert len(found) == 1
    assert posts(sandbox) == asked + 1
    assert access_token(run_out.pk) in found


@pytest.mark.django_db(transaction=True)
def test_nobody_who_books_waits_for_a_refresh(run_out, connected_agent, monkeypatch):
    ask, could_lock = tokens._ask, []

    def asking(cache):
        could_lock.append(bookable(connected_agent))
        return ask(cache)

    monkeypatch.setattr(tokens, "_ask", asking)

    renew(run_out.pk)

    assert could_lock == [True]


@pytest.mark.django_db(transaction=True)
def test_a_new_sign_in_is_not_overwritten_by_a_refresh_under_way(run_out, connected_agent, entra, sandbox, monkeypatch):
    """The refresh holds the row; the sign-in waits for it and has the last word."""
    asking, signed_in = threading.Event(), threading.Event()
    ask = tokens._ask

    def slowly(cache):
        asking.set()
        # The sign-in cannot get past the row: it is not over when this gives up waiting.
        assert not signed_in.wait(0.3)
        return ask(cache)

    monkeypatch.setattr(tokens, "_ask", slowly)
    query, session = _sign_in_under_way(connected_agent, entra)

    def sign_in() -> None:
        try:
            connecting.finish(connected_agent, session, query)
        finally:
            signed_in.set()
            database.close()

    def refresh() -> None:
        try:
            access_token(run_out.pk)
        finally:
            database.close()

    refreshing = threading.Thread(target=refresh)
    refreshing.start()
    assert asking.wait(5)
    signing_in = threading.Thread(target=sign_in)
    signing_in.start()
    refreshing.join()
    signing_in.join()

    newest = list(sandbox.entra.access_tokens)[-1]
    assert access_token(run_out.pk) in {newest, list(sandbox.entra.access_tokens)[-2]}
    run_out.refresh_from_db()
    kept = tokens.load_cache(run_out).serialize()
    by_code = [token for token in sandbox.entra.refresh_tokens if token in kept]
    assert len(by_code) == 1


def _sign_in_under_way(agent, entra) -> tuple[dict[str, str], str]:
    """Begin a sign-in and go to Microsoft; return what the browser brings back, and the session."""
    uri = connecting.start(agent, "session")
    return entra.browse(uri, ADA), "session"


@pytest.mark.parametrize(
    ("number", "status"),
    [
        (50173, ConnectionStatus.NEEDS_RECONNECT),
        (700082, ConnectionStatus.NEEDS_RECONNECT),
        (70043, ConnectionStatus.NEEDS_RECONNECT),
        (50076, ConnectionStatus.NEEDS_RECONNECT),
        (50079, ConnectionStatus.NEEDS_RECONNECT),
        (65001, ConnectionStatus.NEEDS_RECONNECT),
        (70008, ConnectionStatus.NEEDS_RECONNECT),
        (9002313, ConnectionStatus.NEEDS_RECONNECT),
        (53003, ConnectionStatus.ADMIN_ACTION),
        (50057, ConnectionStatus.ADMIN_ACTION),
    ],
)
def test_what_entra_answers_decides_how_a_connection_stands(run_out, sandbox, number, status):
    """Issue 24: calcom/cal.diy#7564, #5796: invalid_grant went unnoticed, and nobody was told."""
    sandbox.entra.revoke(ADA, number)

    with pytest.raises(ConnectionBroken) as refused:
        access_token(run_out.pk)

    run_out.refresh_from_db()
    assert (run_out.status, run_out.status_code) == (status, f"AADSTS{number}")
    notice = Notice.objects.get()
    assert (notice.kind, notice.agent, notice.resolved_at) == (NoticeKind.CONNECTION, run_out.agent, None)
    assert notice.text == refused.value.diagnosis.text
    assert notice.cure
    asked = posts(sandbox)
    with pytest.raises(ConnectionBroken):
        access_token(run_out.pk)
    assert posts(sandbox) == asked


@pytest.mark.parametrize("number", [700016, 7000215, 7000222])
def test_a_fault_of_the_installation_is_told_once_and_asks_nobody_to_reconnect(run_out, entra, sandbox, number, caplog):
    sandbox.add_person("bob@northside.example")
    other = connect(crm.agent(), entra, "bob@northside.example")
    for address, row in ((ADA, run_out), ("bob@northside.example", other)):
        sandbox.entra.revoke(address, number)
        with pytest.raises(ConnectionBroken):
            renew(row.pk, force=True)

    notice = Notice.objects.get()
    assert notice.key == f"application:AADSTS{number}"
    assert "Nobody needs to reconnect" in notice.cure
    assert Connection.objects.filter(status=ConnectionStatus.ADMIN_ACTION).count() == 2
    assert [record.levelno for record in caplog.records if record.name == "calendar_sync.tokens"] == [logging.ERROR] * 2


@pytest.mark.parametrize("failure", ["429", "503", "html", "dropped"])
def test_a_passing_failure_leaves_the_connection_as_it_is(run_out, sandbox, failure):
    old = bytes(run_out.blob)
    match failure:
        case "429" | "503":
            sandbox.entra.fail_next(int(failure))
        case "html":
            sandbox.entra.fail_next(200, text="<html>Sorry</html>")
        case "dropped":
            sandbox.entra.drop_next()

    with pytest.raises(TransientError):
        access_token(run_out.pk)

    run_out.refresh_from_db()
    assert (run_out.status, bytes(run_out.blob)) == (ConnectionStatus.CONNECTED, old)
    assert not Notice.objects.exists()


def test_entra_out_of_reach_is_a_passing_failure(run_out, settings):
    settings.MS_SANDBOX_URL = "http://127.0.0.1:9"

    with pytest.raises(TransientError):
        access_token(run_out.pk)


def test_a_valid_token_is_used_while_entra_is_away(row, settings):
    settings.MS_SANDBOX_URL = "http://127.0.0.1:9"

    assert access_token(row.pk)


def test_what_the_key_no_longer_opens_needs_a_new_sign_in(row, settings):
    settings.TOKEN_ENCRYPTION_KEYS = ["another key, long enough"]

    with pytest.raises(ConnectionBroken, match="no_token"):
        access_token(row.pk)

    row.refresh_from_db()
    assert row.status == ConnectionStatus.NEEDS_RECONNECT


def test_graphs_refusals_are_kept_and_told(row):
    diagnosis = mark_broken(row.pk, "MailboxNotEnabledForRESTAPI")

    row.refresh_from_db()
    assert (row.status, row.status_code) == (ConnectionStatus.ADMIN_ACTION, "MailboxNotEnabledForRESTAPI")
    assert Notice.objects.get().cure == diagnosis.cure


def test_a_connection_that_is_gone_gives_no_tokens(row):
    row.delete()

    for ask in (access_token, renew):
        with pytest.raises(ConnectionBroken, match="disconnected"):
            ask(4711)
    mark_broken(4711, "ErrorAccessDenied")
    assert not Notice.objects.exists()


def test_ninety_days_of_rest_are_the_end(row, sandbox):
    """Issue 22: O365/python-o365#942, betagouv/rdv-service-public#5041."""
    with time_machine.travel(utc_now() + timedelta(days=91), tick=False):
        with pytest.raises(ConnectionBroken, match="AADSTS700082"):
            access_token(row.pk)


def test_errors_and_logs_say_nothing_secret(run_out, sandbox, caplog):
    caplog.set_level(logging.DEBUG)
    sandbox.entra.revoke(ADA)
    with pytest.raises(ConnectionBroken) as refused:
        access_token(run_out.pk)

    text = f"{caplog.text} {refused.value!r} {refused.getrepr(showlocals=False)} {everything_stored()}"
    secrets = sandbox.entra.secrets_issued()
    assert secrets
    assert [secret for secret in secrets if secret in text] == []
