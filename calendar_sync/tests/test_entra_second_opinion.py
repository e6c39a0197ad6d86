"""MSAL as we use it against an authorization server that somebody else wrote.

The stand-in for Entra is ours, and so would be its misunderstandings. Canaille (by pytest-iam) knows nothing of them.
"""

from __future__ import annotations

import datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import msal
import pytest

from calendar_sync.tests.entra import AUTHORITY, REDIRECT_URI

SCOPES = ["email"]


class CanailleHttpClient:
    """Takes what MSAL asks of Microsoft's host to the server, and lets its addresses look like Microsoft's."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    def get(self, url: str, params: Any = None, headers: Any = None, **kwargs: Any) -> httpx.Response:
        answer = httpx.get(self._map(url), params=params, headers=headers)
        # MSAL takes no address that is not https, but for the page to sign in.
        page = f'"authorization_endpoint":"{self._url}'
        text = answer.text.replace(": ", ":").replace(f'"{self._url}', f'"{AUTHORITY}')
        text = text.replace(f'"authorization_endpoint":"{AUTHORITY}', page)
        return httpx.Response(answer.status_code, text=text, request=answer.request)

    def post(
        self, url: str, params: Any = None, data: Any = None, headers: Any = None, **kwargs: Any
    ) -> httpx.Response:
        return httpx.post(self._map(url), params=params, data=data, headers=headers)

    def close(self) -> None:
        """Nothing is open."""

    def _map(self, url: str) -> str:
        return url.replace(f"{AUTHORITY}/v2.0", self._url).replace(AUTHORITY, self._url)


@pytest.fixture
def client(iam_server):
    values = {
        "client_id": "pete",
        "client_secret": "secret",
        "client_name": "Pete",
        "redirect_uris": [REDIRECT_URI],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "client_secret_post",
        "scope": ["openid", "profile", "email", "offline_access"],
        "client_id_issued_at": datetime.datetime.now(datetime.UTC),
    }
    client = iam_server.models.Client(**values)
    iam_server.backend.save(client)
    yield client
    iam_server.backend.delete(client)


@pytest.fixture
def person(iam_server, client):
    person = iam_server.random_user()
    iam_server.login(person)
    iam_server.consent(person, client)
    yield person
    iam_server.logout()
    iam_server.backend.delete(person)


@pytest.mark.filterwarnings("ignore:response_mode='form_post' is recommended")
def test_sign_in_refresh_and_revocation_work_against_another_server(iam_server, client, person):
    cache = msal.SerializableTokenCache()

    def application():
        web = CanailleHttpClient(iam_server.url)
        values = {"client_credential": "secret", "authority": AUTHORITY, "http_client": web, "token_cache": cache}
        return msal.ConfidentialClientApplication("pete", instance_discovery=False, **values)

    flow = application().initiate_auth_code_flow(SCOPES, redirect_uri=REDIRECT_URI)
    answer = httpx.get(flow["auth_uri"])
    callback = dict(parse_qsl(urlsplit(answer.headers["Location"]).query))

    stolen = application().acquire_token_by_auth_code_flow({**flow, "code_verifier": "x" * 43}, callback)
    assert stolen["error"] == "invalid_grant"
    signed_in = application().acquire_token_by_auth_code_flow(flow, callback)
    assert "access_token" in signed_in, signed_in

    account = application().get_accounts()[0]
    refreshed = application().acquire_token_silent_with_error(SCOPES, account, force_refresh=True)
    assert refreshed["access_token"] != signed_in["access_token"], refreshed

    for token in iam_server.backend.query(iam_server.models.Token):
        token.revokation_date = datetime.datetime.now(datetime.UTC)
        iam_server.backend.save(token)
    refused = application().acquire_token_silent_with_error(SCOPES, account, force_refresh=True)
    assert refused["error"] == "invalid_grant"
