"""Microsoft's sign-in: discovery, the authorization code with PKCE, tokens, and all the ways they are refused."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import RLock
from typing import Any
from urllib.parse import parse_qsl, urlencode

from calendar_sync.sandbox.mailbox import TENANT_ID, Mailbox
from calendar_sync.sandbox.messages import ConnectionLostError, Request, Response
from calendar_sync.sandbox.refusals import refusal

ACCESS_SECONDS = 3_900
CODE_LIFE = timedelta(minutes=10)
REFRESH_LIFE = timedelta(days=90)
OPENID = {"openid", "profile", "offline_access", "email"}
GRAPH_HOSTS = (
    "https://graph.microsoft.com/",
    "https://graph.microsoft.us/",
    "https://dod-graph.microsoft.us/",
    "https://microsoftgraph.chinacloudapi.cn/",
)


@dataclass(frozen=True)
class Grant:
    """What an access token stands for."""

    address: str
    scopes: tuple[str, ...]
    expires_at: datetime


@dataclass
class Account:
    """How sign-in treats one person."""

    # "ask" shows the consent page, "granted" passes it over, "admin_approval" lets nobody by. "withdrawn" is as "ask",
    # and until the person has agreed again Graph refuses the tokens that are still good.
    consent: str = "ask"
    # When set, people are given no more than these, whatever was asked for.
    limited_to: frozenset[str] | None = None
    # An AADSTS number with which every refresh, or every use of a code, is refused.
    refuse_refresh: int = 0
    refuse_code: int = 0


@dataclass
class Code:
    """An authorization code on its way back to the application."""

    address: str
    query: dict[str, str]
    issued_at: datetime
    is_used: bool = False


@dataclass
class RefreshToken:
    """A refresh token. Its use gives a new one and leaves it valid, as at Microsoft."""

    address: str
    scopes: tuple[str, ...]
    issued_at: datetime
    refused_with: int = 0


@dataclass
class Entra:
    """The tokens issued, and the people who may sign in. `clients` maps application ids to their secrets."""

    mailboxes: dict[str, Mailbox]
    clock: Callable[[], datetime]
    clients: dict[str, str] = field(default_factory=lambda: {"sandbox-client": "sandbox-secret"})
    # Where browsers find the page to sign in. Plain http is allowed for it, unlike for everything else.
    page_url: str = "http://127.0.0.1:8765/login"
    accounts: dict[str, Account] = field(default_factory=dict)
    access_tokens: dict[str, Grant] = field(default_factory=dict)
    refresh_tokens: dict[str, RefreshToken] = field(default_factory=dict)
    codes: dict[str, Code] = field(default_factory=dict)
    # Answers that the token endpoint gives before any other; None breaks the connection.
    faults: deque[Response | None] = field(default_factory=deque)
    requests: list[tuple[str, str]] = field(default_factory=list)
    access_seconds: int = ACCESS_SECONDS
    lock: RLock = field(default_factory=RLock)

    def account(self, address: str) -> Account:
        """Return how a person is treated; to be changed in place."""
        return self.accounts.setdefault(address, Account())

    def fail_next(self, status: int, *, text: str = "", retry_after: str | None = None, times: int = 1) -> None:
        """Let the token endpoint fail: 429 with or without Retry-After, 5xx, or with `text` a page of HTML."""
        headers = {} if retry_after is None else {"Retry-After": retry_after}
        payload = None if text else {"error": "temporarily_unavailable", "error_description": "AADSTS90033: Try again."}
        if text:
            headers["Content-Type"] = "text/html"
        self.faults.extend(Response(status, payload, dict(headers), text or None) for _ in range(times))

    def drop_next(self) -> None:
        """Let the connection to the token endpoint break once."""
        self.faults.append(None)

    def revoke(self, address: str, number: int = 50173) -> None:
        """Refuse every refresh token the person has so far with an AADSTS number. A new sign-in gives good ones."""
        for token in self.refresh_tokens.values():
            if token.address == address:
                token.refused_with = number

    def expire_access(self, address: str = "") -> None:
        """Let access tokens run out at once: all, or one person's."""
        for token, grant in list(self.access_tokens.items()):
            if address in ("", grant.address):
                self.access_tokens[token] = Grant(grant.address, grant.scopes, self.clock())

    def token_for(self, address: str, *scopes: str, seconds: int = ACCESS_SECONDS) -> str:
        """Issue an access token without any signing in."""
        token = f"eyJ0eXAi.sandbox-access.{secrets.token_urlsafe(24)}"
        granted = scopes or ("Calendars.ReadWrite", "User.Read")
        self.access_tokens[token] = Grant(address, granted, self.clock() + timedelta(seconds=seconds))
        return token

    def secrets_issued(self) -> list[str]:
        """Return every code and token there ever was: none of them may be found in a log or a row."""
        return [*self.codes, *self.access_tokens, *self.refresh_tokens]

    def answer(self, request: Request) -> Response:
        """Answer a request that MSAL makes: discovery or the token endpoint."""
        tenant, *rest = [part for part in request.path.split("/") if part] or [""]
        self.requests.append((request.method, request.path))
        match request.method, rest:
            case "GET", ["v2.0", ".well-known", "openid-configuration"]:
                return Response(200, self._configuration(request.origin, tenant))
            case "GET", ["discovery", "instance"]:
                return Response(200, _instance(request))
            case "POST", ["oauth2", "v2.0", "token"]:
                with self.lock:
                    return self._token(dict(parse_qsl(request.body.decode())), tenant)
        return Response(404, {"error": "not_found"})

    def _configuration(self, origin: str, tenant: str) -> dict[str, Any]:
        issuer_tenant = "{tenantid}" if tenant in {"organizations", "common"} else tenant
        return {
            "authorization_endpoint": f"{self.page_url}/{tenant}/oauth2/v2.0/authorize",
            "token_endpoint": f"{origin}/{tenant}/oauth2/v2.0/token",
            "issuer": f"{origin}/{issuer_tenant}/v2.0",
            "jwks_uri": f"{origin}/{tenant}/discovery/v2.0/keys",
            "response_types_supported": ["code"],
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
        }

    def issue_code(self, address: str, query: dict[str, str]) -> str:
        """Issue the code for a person who signed in and agreed. `query` is what authorize was asked."""
        code = f"0.sandbox-code.{secrets.token_urlsafe(24)}"
        self.codes[code] = Code(address, query, self.clock())
        return code

    def _token(self, form: dict[str, str], tenant: str) -> Response:
        if self.faults:
            failure = self.faults.popleft()
            if failure is None:
                raise ConnectionLostError
            return failure
        client_id = form.get("client_id", "")
        if client_id not in self.clients:
            return refusal(700016, self.clock())
        if "client_assertion" not in form and form.get("client_secret") != self.clients[client_id]:
            return refusal(7000215, self.clock())
        if form.get("grant_type") == "authorization_code":
            return self._redeem(form)
        if form.get("grant_type") == "refresh_token":
            return self._refresh(form)
        return refusal(70003, self.clock())

    def _redeem(self, form: dict[str, str]) -> Response:
        code = self.codes.get(form.get("code", ""))
        number = self._wrong_with_code(code, form)
        if code is None or number:
            return refusal(number, self.clock())
        code.is_used = True
        return self._issue(code.address, code.query.get("scope", ""), form, nonce=code.query.get("nonce"))

    def _wrong_with_code(self, code: Code | None, form: dict[str, str]) -> int:
        """Return the AADSTS number of what is wrong with a code; 0 when nothing is."""
        if code is None:
            return 9002313
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if code.is_used:
            return 54005
        if self.clock() - code.issued_at > CODE_LIFE:
            return 70008
        if code.query.get("client_id") != form["client_id"]:
            return 700005
        if code.query.get("redirect_uri") != form.get("redirect_uri"):
            return 500112
        if not code.query.get("code_challenge") or code.query["code_challenge"] != challenge:
            return 501481
        return self.account(code.address).refuse_code

    def _refresh(self, form: dict[str, str]) -> Response:
        token = self.refresh_tokens.get(form.get("refresh_token", ""))
        if token is None:
            return refusal(9002313, self.clock())
        number = token.refused_with or self.account(token.address).refuse_refresh
        if not number and self.clock() - token.issued_at > REFRESH_LIFE:
            number = 700082
        if not number and not _graph_scopes(form.get("scope", "")) <= set(token.scopes):
            number = 65001
        if number:
            return refusal(number, self.clock())
        return self._issue(token.address, form.get("scope") or " ".join(token.scopes), form)

    def _issue(self, address: str, scope: str, form: dict[str, str], nonce: str | None = None) -> Response:
        limit = self.account(address).limited_to
        granted = tuple(sorted(_graph_scopes(scope) if limit is None else _graph_scopes(scope) & limit))
        person = self.mailboxes[address]
        refresh = f"0.sandbox-refresh.{secrets.token_urlsafe(48)}"
        self.refresh_tokens[refresh] = RefreshToken(address, granted, self.clock())
        payload = {
            "token_type": "Bearer",
            "scope": _as_asked(scope, granted),
            "expires_in": self.access_seconds,
            "ext_expires_in": self.access_seconds,
            "access_token": self.token_for(address, *granted, seconds=self.access_seconds),
            "refresh_token": refresh,
            "id_token": self._id_token(person, form["client_id"], nonce),
        }
        if form.get("client_info") == "1":
            payload["client_info"] = _encode({"uid": person.object_id, "utid": person.tenant_id})
        return Response(200, payload)

    def _id_token(self, person: Mailbox, client_id: str, nonce: str | None) -> str:
        now = int(self.clock().timestamp())
        claims = {
            "aud": client_id,
            "iss": f"https://login.microsoftonline.com/{person.tenant_id}/v2.0",
            "iat": now,
            "nbf": now,
            "exp": now + self.access_seconds,
            "name": person.name,
            "oid": person.object_id,
            "preferred_username": person.address,
            "sub": hashlib.sha256(f"{client_id}{person.object_id}".encode()).hexdigest()[:43],
            "tid": person.tenant_id,
            "ver": "2.0",
        }
        if nonce:
            claims["nonce"] = nonce
        # Not signed: MSAL trusts the connection it came over.
        return f"{_encode({'typ': 'JWT', 'alg': 'RS256'})}.{_encode(claims)}.{_encode({'sandbox': 1})}"


def _encode(values: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


def short_scope(scope: str) -> str:
    """Return a scope without the address of Graph in front of it."""
    return next((scope.removeprefix(host) for host in GRAPH_HOSTS if scope.startswith(host)), scope)


def _graph_scopes(scope: str) -> set[str]:
    return {short_scope(name) for name in scope.split()} - OPENID


def _as_asked(scope: str, granted: tuple[str, ...]) -> str:
    """Write the granted scopes in the form in which they were asked for."""
    return " ".join(
        name for name in scope.split() if short_scope(name) in granted or name in OPENID - {"offline_access"}
    )


def _instance(request: Request) -> dict[str, Any]:
    aliases = ["login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net"]
    known = {"preferred_network": aliases[0], "preferred_cache": aliases[1], "aliases": aliases}
    return {
        "tenant_discovery_endpoint": f"{request.origin}/{TENANT_ID}/v2.0/.well-known/openid-configuration",
        "api-version": "1.1",
        "metadata": [known],
    }


def callback_url(query: dict[str, str], answer: dict[str, str]) -> str:
    """Return where authorize sends the browser: to the application, with its own state."""
    state = {"state": query["state"]} if "state" in query else {}
    separator = "&" if "?" in query["redirect_uri"] else "?"
    return f"{query['redirect_uri']}{separator}{urlencode({**answer, **state})}"
