"""Connecting an agent's Microsoft 365 account: there to Microsoft, and back with a code.

A sign-in is bound to the person and the session that began it, is good once, and for ten minutes.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import msal
from django.conf import settings
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from calendar_sync import entra, staleness, tokens, vault
from calendar_sync.clouds import cloud
from calendar_sync.diagnosis import OPERATORS, entra_code, is_transient
from calendar_sync.models import AuthFlow, Connection
from calendar_sync.outcomes import ConnectRefused
from crm.errors import TransientError
from crm.models import Agent

logger = logging.getLogger(__name__)

GOOD_FOR = timedelta(minutes=10)
# A sign-in that is over is still known for this long, to be told from one that never was.
REMEMBERED_FOR = timedelta(days=1)
_NEEDS_ADMIN = ("AADSTS90094", "AADSTS90095", "AADSTS90093")
_USED, _LATE = "AADSTS54005", "AADSTS70008"


def redirect_uri() -> str:
    """Return the address Microsoft sends people back to: from the settings, never from what a request says."""
    return f"{settings.PUBLIC_URL}{reverse('calendar-auth-callback')}"


def shareable_link(agent: Agent) -> str:
    """Return the link with which this agent, and nobody else, connects: it leads through their own sign-in."""
    return f"{settings.PUBLIC_URL}{reverse('calendar-auth-start')}?user_id={agent.pk}"


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def start(agent: Agent, session_key: str) -> str:
    """Begin a sign-in of this person in this session; return Microsoft's page. Raises ConnectRefused."""
    connection = Connection.objects.filter(agent=agent).first()
    hint = (connection.email if connection else "") or agent.email
    try:
        flow = entra.begin(msal.TokenCache(), redirect_uri=redirect_uri(), login_hint=hint)
    except entra.NotConfigured as exc:
        raise ConnectRefused("not_configured") from exc
    except TransientError as exc:
        logger.warning("A sign-in of agent %s could not begin: %s", agent.pk, exc)
        raise ConnectRefused("unreachable") from exc
    state = digest(flow["state"])
    AuthFlow.objects.create(
        state_digest=state,
        agent=agent,
        session_digest=digest(session_key),
        flow=vault.seal(vault.SIGN_IN, state, json.dumps(flow).encode()),
        expires_at=timezone.now() + GOOD_FOR,
    )
    return str(flow["auth_uri"])


def finish(agent: Agent, session_key: str, query: Mapping[str, str]) -> Connection:
    """Take what Microsoft sent back; return the connection that now works. Raises ConnectRefused."""
    flow = _take_flow(agent, session_key, query.get("state", ""))
    cache = msal.SerializableTokenCache()
    result = _redeem(cache, flow, query)
    if "access_token" not in result:
        raise _refusal(agent, result)
    claims = result.get("id_token_claims") or {}
    tenant_id, object_id = str(claims.get("tid", "")), str(claims.get("oid", ""))
    account = str(claims.get("preferred_username", ""))[:254]
    if not tenant_id or not object_id:
        raise ConnectRefused("refused", microsoft="no_identity")
    if not cloud().accepts(tenant_id):
        raise ConnectRefused("wrong_company", account=account)
    if not cloud().grants_calendar(str(result.get("scope", ""))):
        raise ConnectRefused("missing_scope", account=account)
    if account and Agent.objects.filter(email__iexact=account).exclude(pk=agent.pk).exists():
        raise ConnectRefused("colleagues_account", account=account)
    return _store(agent, (tenant_id, object_id), account, cache, entra.lifetime_of(result))


def _take_flow(agent: Agent, session_key: str, state: str) -> dict[str, Any]:
    """Return the sign-in that `state` names, and forget it: whatever happens next, it cannot be used again."""
    with transaction.atomic():
        row = AuthFlow.objects.select_for_update().filter(state_digest=digest(state)).first()
        if row is None:
            raise ConnectRefused("wrong_state")
        # Left as it is: somebody else's attempt takes nothing from the person who began it.
        if row.agent_id != agent.pk or row.session_digest != digest(session_key):
            raise ConnectRefused("another_session")
        if not row.flow:
            raise ConnectRefused("already_used")
        sealed = bytes(row.flow)
        row.flow = b""
        row.save(update_fields=["flow"])
    if row.expires_at <= timezone.now():
        raise ConnectRefused("expired")
    try:
        flow: dict[str, Any] = json.loads(vault.open_sealed(vault.SIGN_IN, row.state_digest, sealed))
    except vault.VaultError as exc:
        logger.error("A sign-in of agent %s cannot be opened: %s", agent.pk, exc)
        raise ConnectRefused("wrong_state") from exc
    return flow


def _redeem(cache: msal.TokenCache, flow: dict[str, Any], query: Mapping[str, str]) -> dict[str, Any]:
    """Exchange the code for tokens; return MSAL's result, an error of Microsoft's included."""
    try:
        with entra.speaking_to_entra():
            app = entra.application(cache)
            result: dict[str, Any] = app.acquire_token_by_auth_code_flow(flow, dict(query))
    except entra.NotConfigured as exc:
        raise ConnectRefused("not_configured") from exc
    except TransientError as exc:
        raise ConnectRefused("unreachable") from exc
    except (ValueError, RuntimeError) as exc:
        # The answer does not fit what was asked: another state or nonce. MSAL's words repeat both.
        logger.warning("A sign-in came back not as it was begun: %s", type(exc).__name__)
        raise ConnectRefused("wrong_state") from None
    return result


def _refusal(agent: Agent, result: Mapping[str, Any]) -> ConnectRefused:
    """Return what an error that came back means for the person. Nothing of it but its codes is passed on."""
    described = str(result.get("error_description", ""))
    code = entra_code(result)
    if code == "access_denied":
        # The browser brings no error_codes, only a sentence that begins with the number.
        code = next((word for word in _NEEDS_ADMIN if described.startswith(word)), code)
    logger.info("The sign-in of agent %s was refused: %s", agent.pk, code)
    if code in OPERATORS:
        logger.error("Microsoft does not accept this installation's application: %s", code)
        return ConnectRefused("application_refused", microsoft=code)
    if code in _NEEDS_ADMIN:
        return ConnectRefused("admin_approval")
    if is_transient(result):
        return ConnectRefused("unreachable")
    known = {"access_denied": "declined", "AADSTS65004": "declined", _USED: "already_used", _LATE: "expired"}
    return ConnectRefused(known.get(code, "refused"), microsoft=code)


def _store(
    agent: Agent, key: tuple[str, str], account: str, cache: msal.SerializableTokenCache, expires_in: int
) -> Connection:
    """Keep the tokens with the agent's connection, a new one or the one there is. Raises ConnectRefused."""
    try:
        with transaction.atomic():
            # A refresh has the connection's row for as long as Entra takes; bookings, which need the agent's, do not
            # wait for it behind this.
            tokens.locked().filter(agent=agent).first()
            # Two windows of one person come one after the other.
            Agent.objects.select_for_update(no_key=True).get(pk=agent.pk)
            connection = tokens.locked().filter(agent=agent).first()
            if connection is None:
                connection = Connection.objects.create(agent=agent, tenant_id=key[0], object_id=key[1])
            elif (connection.tenant_id, connection.object_id) != key:
                raise ConnectRefused("other_account", account=account, before=connection.email)
            connection.email, connection.compared_at = account, None
            connection.save(update_fields=["email", "compared_at"])
            tokens.keep(connection, cache, expires_in)
            tokens.note_success(connection)
            # Until the calendars have been read nothing is known to be free.
            staleness.refresh([connection.pk])
    except IntegrityError as exc:
        if getattr(getattr(exc.__cause__, "diag", None), "constraint_name", "") != "connection_account_unique":
            raise
        raise ConnectRefused("already_connected", account=account) from None
    logger.info("Agent %s connected Microsoft 365 as connection %s", agent.pk, connection.pk)
    return connection


def forget_flows() -> int:
    """Remove sign-ins that are long over; return how many."""
    return AuthFlow.objects.filter(expires_at__lt=timezone.now() - REMEMBERED_FOR).delete()[0]
