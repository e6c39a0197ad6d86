"""Entra for tests: the `http_client` that MSAL is given, without sockets, and shortcuts through signing in."""

from __future__ import annotations

import warnings
from typing import Any
from urllib.parse import urlencode

import httpx
import msal
import requests

from calendar_sync.sandbox import Sandbox
from calendar_sync.sandbox.entra import Entra
from calendar_sync.sandbox.messages import ConnectionLostError, Request
from calendar_sync.sandbox.signin import sign_in

CLIENT_ID, CLIENT_SECRET = "sandbox-client", "sandbox-secret"
AUTHORITY = "https://login.microsoftonline.com/organizations"
REDIRECT_URI = "http://localhost:8000/calendar/auth/callback"
SCOPES = ["https://graph.microsoft.com/Calendars.ReadWrite", "https://graph.microsoft.com/User.Read"]


class EntraHttpClient:
    """What MSAL calls in place of a requests session. Hosts do not matter: everything goes to `entra`."""

    def __init__(self, entra: Entra) -> None:
        self.entra = entra

    def get(self, url: str, params: Any = None, headers: Any = None, **kwargs: Any) -> httpx.Response:
        return self._answer("GET", f"{url}?{urlencode(params)}" if params else url, headers)

    def post(
        self, url: str, params: Any = None, data: Any = None, headers: Any = None, **kwargs: Any
    ) -> httpx.Response:
        url = f"{url}?{urlencode(params)}" if params else url
        return self._answer("POST", url, headers, urlencode(data or {}).encode())

    def close(self) -> None:
        """Nothing is open."""

    def _answer(self, method: str, url: str, headers: Any, body: bytes = b"") -> httpx.Response:
        try:
            answer = self.entra.answer(Request.build(method, url, dict(headers or {}), body))
        except ConnectionLostError as exc:
            raise requests.exceptions.ConnectionError("Connection aborted.") from exc
        response = {"Content-Type": answer.content_type, **answer.headers}
        request = httpx.Request(method, url)
        return httpx.Response(answer.status, headers=response, content=answer.content, request=request)


class EntraDouble:
    """Signing in, for tests: real MSAL on one side, the sandbox's Entra on the other."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.server = sandbox.entra
        self.http_client = EntraHttpClient(sandbox.entra)

    def application(self, cache: msal.TokenCache | None = None, **options: Any) -> msal.ConfidentialClientApplication:
        """Return a new MSAL application. Each has a memory of refusals of its own unless `http_cache` is given."""
        values = {"client_credential": CLIENT_SECRET, "authority": AUTHORITY, "http_client": self.http_client}
        return msal.ConfidentialClientApplication(CLIENT_ID, token_cache=cache, **{**values, **options})

    def start(self, application: msal.ConfidentialClientApplication) -> dict[str, Any]:
        """Begin a flow as the product does."""
        with warnings.catch_warnings():
            # form_post would come across sites, without the session's cookie: the product takes the query.
            warnings.filterwarnings("ignore", "response_mode='form_post' is recommended")
            return application.initiate_auth_code_flow(SCOPES, redirect_uri=REDIRECT_URI, prompt="select_account")

    def browse(self, auth_uri: str, address: str, decision: str = "accept") -> dict[str, str]:
        """Sign in and decide; return the query that reaches the callback."""
        return sign_in(self.server, auth_uri, address, decision)

    def sign_in(self, address: str, cache: msal.TokenCache | None = None) -> dict[str, Any]:
        """Go the whole way; return MSAL's result. `cache` then holds the tokens."""
        application = self.application(cache)
        flow = self.start(application)
        return application.acquire_token_by_auth_code_flow(flow, self.browse(flow["auth_uri"], address))

    def cache_blob(self, address: str) -> str:
        """Return a serialized MSAL cache of somebody who has signed in: what a connection stores, in clear."""
        cache = msal.SerializableTokenCache()
        result = self.sign_in(address, cache)
        assert "access_token" in result, result
        return cache.serialize()
