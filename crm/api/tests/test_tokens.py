from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient
from time_machine import travel

from crm.api.tests.conftest import problem, token_client
from crm.models import Agent, ApiToken, IdempotentRequest

TOKENS = "/api/v1/tokens"
WANTED = {"name": "Sheet", "scopes": ["read"]}


def with_secret(secret: str) -> APIClient:
    client = APIClient()
    client.default_format = "json"
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    return client


@pytest.fixture
def signed_in(agent: Agent) -> APIClient:
    """The agent's browser."""
    client = APIClient()
    client.default_format = "json"
    client.force_login(agent)
    return client


def test_a_token_is_shown_once_and_works(signed_in, agent) -> None:
    made = signed_in.post(TOKENS, WANTED, HTTP_IDEMPOTENCY_KEY="t1")
    again = signed_in.post(TOKENS, WANTED, HTTP_IDEMPOTENCY_KEY="t1")
    secret = made.json()["token"]

    assert made.status_code == 201
    assert made.json()["agent"] == agent.pk
    assert with_secret(secret).get("/api/v1/leads").status_code == 200
    assert problem(with_secret(secret).post("/api/v1/leads", {"full_name": "A"})) == (403, "insufficient_scope")
    assert again.json() == made.json() | {"token": None}
    assert secret not in str(list(IdempotentRequest.objects.values()))
    assert "token" not in signed_in.get(f"{TOKENS}/{made.json()['id']}").json()


def test_a_token_is_revoked_and_stays_as_a_record(signed_in) -> None:
    made = signed_in.post(TOKENS, WANTED).json()

    assert signed_in.delete(f"{TOKENS}/{made['id']}").status_code == 204
    assert problem(with_secret(made["token"]).get("/api/v1/leads")) == (401, "token_revoked")
    assert signed_in.get(f"{TOKENS}/{made['id']}").json()["revoked_at"]
    assert [row["id"] for row in signed_in.get(TOKENS, {"revoked": "1"}).json()["results"]] == [made["id"]]
    assert made["id"] not in [row["id"] for row in signed_in.get(TOKENS, {"revoked": "0"}).json()["results"]]


def test_others_tokens_are_the_managers_business(agent_api, manager, make_agent) -> None:
    token_client(make_agent())
    other = ApiToken.objects.latest("pk")

    assert problem(agent_api.get(f"{TOKENS}/{other.pk}")) == (404, "not_found")
    assert problem(agent_api.delete(f"{TOKENS}/{other.pk}")) == (404, "not_found")
    assert token_client(manager).delete(f"{TOKENS}/{other.pk}").status_code == 204


def test_a_token_makes_no_tokens(agent_api) -> None:
    count = ApiToken.objects.count()

    assert problem(agent_api.post(TOKENS, WANTED)) == (403, "session_required")
    assert ApiToken.objects.count() == count


@pytest.mark.parametrize(
    "wrong",
    [
        {"scopes": []}, {"scopes": ["admin"]}, {"scopes": "read"}, {"name": ""}, {"expires_at": "2001-01-01T00:00:00Z"},
        {"expires_at": "soon"}, {"scopes": [None]},
    ],
)  # fmt: skip
def test_tokens_nobody_can_use_are_refused(signed_in, wrong: dict) -> None:
    assert problem(signed_in.post(TOKENS, WANTED | wrong)) == (400, "invalid")


def test_an_expired_token_is_refused(signed_in) -> None:
    made = signed_in.post(TOKENS, WANTED | {"expires_at": (timezone.now() + timedelta(hours=1)).isoformat()}).json()
    ApiToken.objects.filter(pk=made["id"]).update(expires_at=timezone.now())

    assert problem(with_secret(made["token"]).get("/api/v1/leads")) == (401, "token_expired")


def test_last_use_is_written_at_most_once_a_minute(agent) -> None:
    with travel("2030-01-01T00:00:00Z", tick=False) as clock:
        client = token_client(agent)
        used = []
        for at in ("00:00:00", "00:00:30", "00:01:01"):
            clock.move_to(f"2030-01-01T{at}Z", tick=False)
            client.get("/api/v1/leads")
            used.append(ApiToken.objects.get(agent=agent).last_used_at.second)

    assert used == [0, 0, 1]
