"""Access tokens: one MSAL cache for each connection, encrypted, renewed by one process at a time.

What Entra answers decides how the connection stands, and whoever must know is told.
"""

from __future__ import annotations

import logging
import time
from datetime import datetime, timedelta
from typing import Any

import msal
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from calendar_sync import entra, vault
from calendar_sync.clouds import cloud
from calendar_sync.diagnosis import Diagnosis, diagnose, diagnose_entra, is_entras, is_transient
from calendar_sync.models import Connection, ConnectionStatus, Notice, NoticeKind
from calendar_sync.notices import raise_notice, resolve_notice
from crm.errors import PermanentError, TransientError

logger = logging.getLogger(__name__)

# What the key of a notice about this installation's application at Microsoft begins with.
APPLICATION = "application:"


class ConnectionBroken(PermanentError):
    """This connection gives no tokens until somebody does something. `diagnosis` says who and what."""

    def __init__(self, connection_id: int, diagnosis: Diagnosis) -> None:
        super().__init__(f"connection {connection_id}: {diagnosis.code}")
        self.code = diagnosis.code
        self.diagnosis = diagnosis


def access_token(connection_id: int, *, min_seconds: int = 300) -> str:
    """Return a token that is good for at least `min_seconds`, from our own tables if they hold one.

    Raises TransientError when Entra does not answer, PermanentError (ConnectionBroken) when a person must act; the
    connection's status then says so.
    """
    connection = _found(Connection.objects.all(), connection_id)
    if connection.status != ConnectionStatus.CONNECTED:
        raise ConnectionBroken(connection_id, diagnose(connection.status_code))
    return _stored_token(connection, min_seconds) or renew(connection_id, min_seconds=min_seconds)


def renew(connection_id: int, *, min_seconds: int = 300, force: bool = False) -> str:
    """Return a token of at least `min_seconds`, asking Entra unless another process has just done so.

    `force` asks in any case. Raises as `access_token` does.
    """
    # The row stays locked over one call to Entra: of all who find an old token, one renews it and the others read.
    with transaction.atomic():
        connection = _found(locked(), connection_id)
        token = "" if force else _stored_token(connection, min_seconds)
        if token:
            return token
        cache = load_cache(connection)
        result = _ask(cache) or {}
        token = str(result.get("access_token", ""))
        if token:
            keep(connection, cache, entra.lifetime_of(result))
            if is_entras(connection.status_code):
                note_success(connection)
        elif not is_transient(result):
            note_failure(connection, diagnose_entra(result))
    if token:
        return token
    if is_transient(result):
        raise TransientError(f"connection {connection_id}: Microsoft's sign-in is busy")
    raise ConnectionBroken(connection_id, diagnose_entra(result))


def locked() -> QuerySet[Connection]:
    """Return connections, to be locked as they are read; not their agents too, whom the usual order joins.

    A refresh keeps the lock while Entra answers, and whoever books an agent's time waits for the agent's row.
    """
    return Connection.objects.select_for_update(no_key=True, of=("self",))


def _found(connections: QuerySet[Connection], connection_id: int) -> Connection:
    """Return the connection; to whoever still works for one that was disconnected meanwhile, it is broken."""
    connection = connections.filter(pk=connection_id).first()
    if connection is None:
        raise ConnectionBroken(connection_id, diagnose("disconnected"))
    return connection


def _ask(cache: msal.TokenCache) -> dict[str, Any] | None:
    """Ask Entra for a new token; None when the cache holds nothing to ask with."""
    with entra.speaking_to_entra():
        app = entra.application(cache)
        accounts = app.get_accounts()
        if not accounts:
            return None
        try:
            result: dict[str, Any] | None = app.acquire_token_silent_with_error(
                cloud().scopes, accounts[0], force_refresh=True
            )
        except ValueError as exc:
            # A lifetime that is no number, or not even JSON. MSAL's words may repeat what was sent.
            raise TransientError(f"Microsoft's sign-in does not answer: {type(exc).__name__}") from None
    return result


def load_cache(connection: Connection) -> msal.SerializableTokenCache:
    """Return the connection's tokens; an empty cache when they cannot be opened."""
    cache = msal.SerializableTokenCache()
    try:
        cache.deserialize(vault.open_sealed(vault.TOKEN_CACHE, connection.pk, connection.blob).decode())
    except vault.VaultError as exc:
        logger.error("Connection %s: %s", connection.pk, exc)
    return cache


def _stored_token(connection: Connection, min_seconds: int) -> str:
    """Return the stored access token if it is good for `min_seconds` more, else ""."""
    if connection.access_expires_at is None or _seconds_left(connection.access_expires_at) < min_seconds:
        return ""
    cache = load_cache(connection)
    found = cache.search(msal.TokenCache.CredentialType.ACCESS_TOKEN, target=cloud().scopes)
    now = time.time()
    return next((entry["secret"] for entry in found if int(entry["expires_on"]) - now >= min_seconds), "")


def _seconds_left(until: datetime) -> float:
    return (until - timezone.now()).total_seconds()


def keep(connection: Connection, cache: msal.SerializableTokenCache, expires_in: int) -> None:
    """Keep the tokens of a locked connection."""
    now = timezone.now()
    connection.blob = vault.seal(vault.TOKEN_CACHE, connection.pk, cache.serialize().encode())
    connection.access_expires_at = now + timedelta(seconds=expires_in)
    connection.refreshed_at = now
    connection.save(update_fields=["blob", "access_expires_at", "refreshed_at"])


def note_success(connection: Connection) -> None:
    """Set that a locked connection works; what was said about it is over."""
    if connection.status != ConnectionStatus.CONNECTED or connection.status_code:
        connection.status, connection.status_code = ConnectionStatus.CONNECTED, ""
        connection.status_at = timezone.now()
        connection.save(update_fields=["status", "status_code", "status_at"])
    resolve_notice(notice_key(connection))
    # That somebody can sign in shows that the application itself is in order.
    Notice.objects.filter(key__startswith=APPLICATION, resolved_at=None).update(resolved_at=timezone.now())


def note_failure(connection: Connection, diagnosis: Diagnosis) -> None:
    """Set how a connection stands and tell exactly those concerned."""
    connection.status, connection.status_code = diagnosis.status, diagnosis.code[:100]
    connection.status_at = timezone.now()
    connection.save(update_fields=["status", "status_code", "status_at"])
    # One fault of the installation is one notice, however many connections it stops.
    key = f"{APPLICATION}{diagnosis.code}" if diagnosis.is_operators else notice_key(connection)
    raise_notice(
        NoticeKind.CONNECTION,
        connection.agent,
        key=key,
        text=lambda: diagnose(diagnosis.code, diagnosis.error).text,
        cure=lambda: diagnose(diagnosis.code, diagnosis.error).cure,
        data={"code": diagnosis.code, "status": diagnosis.status.value},
    )
    level = logging.ERROR if diagnosis.is_operators else logging.WARNING
    logger.log(level, "Connection %s is now %s: %s", connection.pk, diagnosis.status.value, diagnosis.code)


def mark_broken(connection_id: int, code: str) -> Diagnosis:
    """Set how a connection stands after Graph refused with `code`, such as ErrorAccessDenied; tell who must know."""
    diagnosis = diagnose(code)
    with transaction.atomic():
        connection = locked().filter(pk=connection_id).first()
        # None: it was disconnected meanwhile.
        if connection is not None:
            note_failure(connection, diagnosis)
    return diagnosis


def notice_key(connection: Connection) -> str:
    """Return the key of the notice about this connection."""
    return f"connection:{connection.agent_id}"
