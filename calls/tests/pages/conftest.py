from __future__ import annotations

from typing import Any

import pytest

from crm.models import Agent, Role
from crm.tests import factories


@pytest.fixture
def agent() -> Agent:
    return factories.agent(team=factories.team(), full_name="Ana Soto")


@pytest.fixture
def mate(agent: Agent) -> Agent:
    return factories.agent(team=agent.team, full_name="Ben Mate")


@pytest.fixture
def stranger() -> Agent:
    return factories.agent(team=factories.team(), full_name="Cy Stranger")


@pytest.fixture
def manager() -> Agent:
    return factories.agent(role=Role.MANAGER, full_name="Mo Manager")


@pytest.fixture
def see(client: Any) -> Any:
    """Return what a person gets at an address."""

    def see(person: Agent, path: str, **headers: str) -> Any:
        client.force_login(person)
        return client.get(path, headers=headers)

    return see
