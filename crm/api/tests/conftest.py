"""People with tokens, and clients that use them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from crm.models import Agent, Lead, Listing, Role
from crm.tokens import issue_token


def token_client(agent: Agent, *scopes: str) -> APIClient:
    """Return a client that sends a fresh token of `agent`."""
    client = APIClient(default_format="json", raise_request_exception=True)
    client.default_format = "json"
    _, secret = issue_token(agent=agent, scopes=scopes or ("read", "write"))
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    return client


@pytest.fixture
def make_agent(db: None) -> Callable[..., Agent]:
    count = iter(range(1000))

    def make(**values: Any) -> Agent:
        number = next(count)
        given = {"email": f"agent{number}@example.com", "full_name": f"Agent {number}", "timezone": "America/Chicago"}
        return Agent.objects.create_user(**(given | values))

    return make


@pytest.fixture
def admin(make_agent: Callable[..., Agent]) -> Agent:
    return make_agent(full_name="Ada Admin", role=Role.ADMIN, is_staff=True, is_superuser=True)


@pytest.fixture
def manager(make_agent: Callable[..., Agent]) -> Agent:
    return make_agent(full_name="Mo Manager", role=Role.MANAGER)


@pytest.fixture
def agent(make_agent: Callable[..., Agent]) -> Agent:
    return make_agent(full_name="Al Agent")


@pytest.fixture
def api(admin: Agent) -> APIClient:
    """The administrator's program."""
    return token_client(admin)


@pytest.fixture
def agent_api(agent: Agent) -> APIClient:
    """An ordinary agent's program."""
    return token_client(agent)


@pytest.fixture
def signed_in(admin: Agent) -> APIClient:
    """The administrator's browser: what no token does."""
    client = APIClient()
    client.default_format = "json"
    client.force_login(admin)
    return client


@pytest.fixture
def lead(db: None) -> Lead:
    return Lead.objects.create(full_name="Jane Roe", phone="+13125550100")


@pytest.fixture
def listing(agent: Agent) -> Listing:
    listing = Listing.objects.create(address="12 Elm Street", rent="1800", bedrooms=2)
    listing.agents.add(agent)
    return listing


def problem(response: Any) -> tuple[int, str]:
    """Return status and code of a problem document, after checking that it is one."""
    assert response.headers["Content-Type"] == "application/problem+json", response.content[:300]
    body = response.json()
    assert body["status"] == response.status_code
    assert body["title"]
    assert body["detail"]
    return response.status_code, body["code"]
