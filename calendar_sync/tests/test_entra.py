"""Real MSAL against the stand-in for Entra."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import httpx
import msal
import pytest
import requests
import time_machine

from calendar_sync import entra as pete_entra
from calendar_sync.sandbox.http_client import SandboxHttpClient
from calendar_sync.sandbox.sandbox import utc_now
from calendar_sync.tests.conftest import ADA
from calendar_sync.tests.entra import REDIRECT_URI, SCOPES, EntraDouble


def refresh(entra: EntraDouble, cache: msal.TokenCache, **options):
    """Refresh as a task does, past the tokens that are still good."""
    application = entra.application(cache, **options)
    account = application.get_accounts()[0]
    return application.acquire_token_silent_with_error(SCOPES, account, force_refresh=True)


@pytest.fixture
def cache(entra) -> msal.SerializableTokenCache:
    cache = msal.SerializableTokenCache()
    assert "access_token" in entra.sign_in(ADA, cache)
    return cache


def test_a_sign_in_gives_tokens_and_says_who(entra, sandbox):
    result = entra.sign_in(ADA)

    person = sandbox.mailboxes[ADA]
    claims = result["id_token_claims"]
    assert (claims["tid"], claims["oid"]) == (person.tenant_id, person.object_id)
    assert (claims["name"], claims["preferred_username"]) == ("Ada Lovelace", ADA)
    assert set(SCOPES) <= set(result["scope"].split())
    assert sandbox.entra.access_tokens[result["access_token"]].address == ADA


def test_the_account_is_named_by_object_and_tenant(entra, sandbox, cache):
    account = entra.application(cache).get_accounts()[0]

    person = sandbox.mailboxes[ADA]
    assert account["home_account_id"] == f"{person.object_id}.{person.tenant_id}"
    assert account["username"] == ADA


def test_a_token_in_the_cache_costs_no_request(entra, sandbox, cache):
    application = entra.application(cache)
    asked = len(sandbox.entra.refresh_tokens)

    result = application.acquire_token_silent_with_error(SCOPES, application.get_accounts()[0])

    assert result["token_source"] == "cache"
    assert len(sandbox.entra.refresh_tokens) == asked


def test_a_refresh_rotates_and_leaves_the_old_token_valid(entra, sandbox, cache):
    old = cache.serialize()
    assert "access_token" in refresh(entra, cache)
    assert len(sandbox.entra.refresh_tokens) == 2

    again = msal.SerializableTokenCache()
    again.deserialize(old)
    assert "access_token" in refresh(entra, again)


def test_a_code_is_good_once(entra):
    application = entra.application()
    flow = entra.start(application)
    answer = entra.browse(flow["auth_uri"], ADA)
    assert "access_token" in application.acquire_token_by_auth_code_flow(flow, answer)

    replayed = entra.application().acquire_token_by_auth_code_flow(flow, answer)

    assert (replayed["error"], replayed["error_codes"]) == ("invalid_grant", [54005])


def test_a_code_needs_its_verifier(entra):
    application = entra.application()
    flow = entra.start(application)
    answer = entra.browse(flow["auth_uri"], ADA)

    stolen = application.acquire_token_by_auth_code_flow({**flow, "code_verifier": "x" * 43}, answer)

    assert (stolen["error"], stolen["error_codes"]) == ("invalid_grant", [501481])


def test_a_code_runs_out_after_ten_minutes(entra):
    with time_machine.travel(utc_now(), tick=False) as clock:
        application = entra.application()
        flow = entra.start(application)
        answer = entra.browse(flow["auth_uri"], ADA)
        clock.shift(timedelta(minutes=11))

        late = application.acquire_token_by_auth_code_flow(flow, answer)

    assert late["error_codes"] == [70008]


def test_a_code_is_bound_to_its_redirect_address(entra):
    application = entra.application()
    flow = entra.start(application)
    answer = entra.browse(flow["auth_uri"], ADA)

    wrong = application.acquire_token_by_auth_code_flow({**flow, "redirect_uri": "http://localhost/other"}, answer)

    assert wrong["error_codes"] == [500112]


def test_a_wrong_state_is_refused_by_msal(entra):
    application = entra.application()
    flow = entra.start(application)
    answer = {**entra.browse(flow["auth_uri"], ADA), "state": "other"}

    with pytest.raises(ValueError, match="state mismatch"):
        application.acquire_token_by_auth_code_flow(flow, answer)


def test_declining_comes_back_as_an_error(entra):
    application = entra.application()
    flow = entra.start(application)

    result = application.acquire_token_by_auth_code_flow(flow, entra.browse(flow["auth_uri"], ADA, "decline"))

    assert result["error"] == "access_denied"
    assert "AADSTS65004" in result["error_description"]


def test_nobody_gets_past_admin_approval(entra, sandbox):
    sandbox.entra.account(ADA).consent = "admin_approval"
    application = entra.application()
    flow = entra.start(application)

    result = application.acquire_token_by_auth_code_flow(flow, entra.browse(flow["auth_uri"], ADA, "accept"))

    assert "AADSTS90094" in result["error_description"]


def test_less_may_be_granted_than_was_asked(entra, sandbox):
    sandbox.entra.account(ADA).limited_to = frozenset({"User.Read"})

    result = entra.sign_in(ADA)

    assert SCOPES[0] not in result["scope"].split()
    assert SCOPES[1] in result["scope"].split()


@pytest.mark.parametrize(
    ("number", "error", "suberror"),
    [
        (50173, "invalid_grant", "bad_token"),
        (700082, "invalid_grant", "bad_token"),
        (70043, "invalid_grant", "token_expired"),
        (65001, "invalid_grant", "consent_required"),
        (53003, "invalid_grant", "message_only"),
        (50057, "invalid_grant", None),
        (50076, "interaction_required", "basic_action"),
        (7000222, "invalid_client", None),
    ],
)
def test_a_refresh_can_be_refused_for_every_reason(entra, sandbox, cache, number, error, suberror):
    sandbox.entra.revoke(ADA, number)

    result = refresh(entra, cache)

    assert (result["error"], result.get("suberror"), result["error_codes"]) == (error, suberror, [number])


def test_a_new_sign_in_heals_what_was_revoked(entra, sandbox, cache):
    sandbox.entra.revoke(ADA)
    assert "error" in refresh(entra, cache)

    entra.sign_in(ADA, cache)

    assert "access_token" in refresh(entra, cache)


def test_a_refresh_token_dies_of_ninety_days_of_rest(entra, sandbox):
    with time_machine.travel(utc_now(), tick=False) as clock:
        cache = msal.SerializableTokenCache()
        entra.sign_in(ADA, cache)
        clock.shift(timedelta(days=91))

        assert refresh(entra, cache)["error_codes"] == [700082]


def test_a_wrong_secret_is_the_operators_fault(entra):
    application = entra.application(client_credential="wrong")
    flow = entra.start(application)

    result = application.acquire_token_by_auth_code_flow(flow, entra.browse(flow["auth_uri"], ADA))

    assert (result["error"], result["error_codes"]) == ("invalid_client", [7000215])


def test_throttling_comes_back_as_an_error_and_is_remembered(entra, sandbox, cache):
    sandbox.entra.fail_next(429, retry_after="7")
    application = entra.application(cache, http_cache={})
    account = application.get_accounts()[0]

    first = application.acquire_token_silent_with_error(SCOPES, account, force_refresh=True)
    posts = len(sandbox.entra.requests)
    second = application.acquire_token_silent_with_error(SCOPES, account, force_refresh=True)

    assert first["error"] == second["error"] == "temporarily_unavailable"
    assert len(sandbox.entra.requests) == posts


def test_an_outage_raises_as_the_real_one_does(entra, sandbox, cache):
    sandbox.entra.fail_next(503)
    with pytest.raises(msal.exceptions.MsalServiceError):
        refresh(entra, cache)

    sandbox.entra.fail_next(200, text="<html>Sign in</html>")
    with pytest.raises(json.JSONDecodeError):
        refresh(entra, cache)

    sandbox.entra.drop_next()
    with pytest.raises(requests.exceptions.ConnectionError):
        refresh(entra, cache)

    assert "access_token" in refresh(entra, cache)


def test_simultaneous_refreshes_all_succeed(entra, cache):
    application = entra.application(cache)
    account = application.get_accounts()[0]
    with ThreadPoolExecutor(8) as pool:
        tries = [
            pool.submit(application.acquire_token_silent_with_error, SCOPES, account, force_refresh=True)
            for _ in range(8)
        ]

    assert all("access_token" in done.result() for done in tries)


def test_national_clouds_and_single_tenants_work(entra):
    for authority in ("https://login.microsoftonline.us/organizations", f"https://login.microsoftonline.com/{'0' * 8}"):
        application = entra.application(authority=authority)
        flow = entra.start(application)
        answer = entra.browse(flow["auth_uri"], ADA)
        assert "access_token" in application.acquire_token_by_auth_code_flow(flow, answer)


def test_the_page_of_a_running_sandbox_signs_people_in(entra, graph):
    """As a browser goes: pick a person, accept, come back with a code that MSAL can redeem over HTTP."""
    application = entra.application(http_client=SandboxHttpClient(graph.url))
    flow = entra.start(application)
    assert flow["auth_uri"].startswith(f"{graph.url}/login/organizations/oauth2/v2.0/authorize?")

    assert "Ada Lovelace" in httpx.get(flow["auth_uri"]).text
    consent = httpx.get(f"{flow['auth_uri']}&sandbox_person={ADA}").text
    assert "Calendars.ReadWrite" in consent
    assert "<li>offline_access" not in consent
    accepted = httpx.get(f"{flow['auth_uri']}&sandbox_person={ADA}&sandbox_decision=accept")

    assert accepted.status_code == 302
    assert accepted.headers["Location"].startswith(REDIRECT_URI)
    answer = dict(parse_qsl(urlsplit(accepted.headers["Location"]).query))
    result = application.acquire_token_by_auth_code_flow(flow, answer)
    assert result["id_token_claims"]["preferred_username"] == ADA
    # Whoever agreed once is not asked again.
    assert httpx.get(f"{flow['auth_uri']}&sandbox_person={ADA}").status_code == 302


def test_the_page_refuses_an_application_it_does_not_know(graph):
    answer = httpx.get(f"{graph.url}/login/organizations/oauth2/v2.0/authorize?client_id=other&response_type=code")

    assert answer.status_code == 400
    assert "AADSTS700016" in answer.text


def test_an_administrator_can_agree_for_all(entra, graph, sandbox):
    sandbox.entra.account(ADA).consent = "admin_approval"
    flow = entra.start(entra.application())
    assert "Need admin approval" in httpx.get(f"{flow['auth_uri']}&sandbox_person={ADA}").text

    answer = httpx.get(f"{graph.url}/login/organizations/adminconsent?redirect_uri={REDIRECT_URI}&state=s")

    assert "admin_consent=True" in answer.headers["Location"]
    assert sandbox.entra.account(ADA).consent == "granted"


def test_a_sandbox_that_is_away_looks_like_a_network_that_is(entra):
    client = SandboxHttpClient("http://127.0.0.1:9")

    with pytest.raises(requests.exceptions.ConnectionError):
        entra.application(http_client=client)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [(3600, 3600), ("3599", 3599), (None, 600), ("soon", 600), ([], 600), (-5, 0), (10**30, 48 * 3600)],
)
def test_an_odd_lifetime_is_survived(said, seconds):
    assert pete_entra.lifetime_of({"expires_in": said}) == seconds


def test_a_lifetime_that_is_not_said_is_assumed_short():
    assert pete_entra.lifetime_of({}) == 600
