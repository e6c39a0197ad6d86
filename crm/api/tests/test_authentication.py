"""Tokens, scopes, sessions."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from crm.api.tests.conftest import problem, token_client
from crm.models import Agent, ApiToken, Lead
from crm.tokens import issue_token

LEADS = "/api/v1/leads"


def with_secret(secret: str) -> APIClient:
    client = APIClient()
    client.default_format = "json"
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    return client


def test_nobody_is_answered_401_with_a_challenge(db):
    response = APIClient().get(LEADS)

    assert problem(response) == (401, "not_authenticated")
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="Pete"'


@pytest.mark.parametrize("secret", ["", "wrong", "pete_" + "x" * 43, "a b", "\xff\xfe", "x" * 5000])
def test_an_unknown_token_is_refused(db, secret):
    assert problem(with_secret(secret).get(LEADS)) == (401, "invalid_token")


def test_the_secret_itself_is_not_stored(agent):
    token, secret = issue_token(agent=agent, scopes=["read"])

    stored = ApiToken.objects.filter(pk=token.pk).values().get()
    assert secret not in str(stored)
    assert secret.startswith(stored["prefix"])


def test_a_token_that_may_only_read_cannot_write(admin):
    client = token_client(admin, "read")

    assert client.get(LEADS).status_code == 200
    assert problem(client.post(LEADS, {"full_name": "X"})) == (403, "insufficient_scope")
    assert not Lead.objects.exists()


def test_a_token_that_may_only_write_cannot_read(admin):
    client = token_client(admin, "write")

    assert problem(client.get(LEADS)) == (403, "insufficient_scope")
    assert client.post(LEADS, {"full_name": "X"}).status_code == 201


def test_an_expired_token_is_refused(agent):
    _, secret = issue_token(agent=agent, scopes=["read"], expires_at=timezone.now() - timedelta(seconds=1))

    assert problem(with_secret(secret).get(LEADS)) == (401, "token_expired")


def test_a_revoked_token_is_refused(agent):
    token, secret = issue_token(agent=agent, scopes=["read"])
    ApiToken.objects.filter(pk=token.pk).update(revoked_at=timezone.now())

    assert problem(with_secret(secret).get(LEADS)) == (401, "token_revoked")


def test_a_token_of_someone_who_left_is_refused(agent):
    _, secret = issue_token(agent=agent, scopes=["read"])
    Agent.objects.filter(pk=agent.pk).update(is_active=False)

    assert problem(with_secret(secret).get(LEADS)) == (401, "inactive")


def test_last_use_is_kept_without_an_update_per_request(agent, django_assert_num_queries):
    token, secret = issue_token(agent=agent, scopes=["read"])
    client = with_secret(secret)
    client.get(LEADS)
    first = ApiToken.objects.get(pk=token.pk).last_used_at

    with django_assert_num_queries(2):
        client.get(LEADS)

    assert first is not None
    assert ApiToken.objects.get(pk=token.pk).last_used_at == first


def test_a_session_reads_and_writes_with_a_csrf_token(agent):
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(agent)

    assert client.get(LEADS).status_code == 200
    assert problem(client.post(LEADS, {"full_name": "X"}, format="json")) == (403, "csrf_failed")

    client.cookies["pete_csrf_8000"] = "a" * 32
    written = client.post(LEADS, {"full_name": "X"}, format="json", HTTP_X_CSRFTOKEN="a" * 32)
    assert written.status_code == 201, written.content


def test_a_bad_token_is_not_saved_by_a_good_session(agent):
    client = with_secret("wrong")
    client.force_login(agent)

    assert problem(client.get(LEADS)) == (401, "invalid_token")
