"""The three people in every test of rights: the agent, a team mate, a stranger; and a manager above them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.test import Client

from crm.models import Agent, Role
from crm.tests import factories


@dataclass
class People:
    agent: Agent
    mate: Agent
    stranger: Agent
    manager: Agent

    @classmethod
    def create(cls) -> People:
        north, south = factories.team(), factories.team()
        return cls(
            agent=factories.agent(team=north, full_name="Ana Agent", hours=(0, 24)),
            mate=factories.agent(team=north, full_name="Max Mate"),
            stranger=factories.agent(team=south, full_name="Sam Stranger"),
            manager=factories.agent(role=Role.MANAGER, full_name="Mia Manager"),
        )

    def each(self) -> dict[str, Agent]:
        return vars(self)


def signed_in(person: Agent, **defaults: Any) -> Client:
    client = Client(**defaults)
    client.force_login(person)
    return client


def htmx(target: str = "") -> dict[str, str]:
    """Return the headers htmx sends."""
    return {"HX-Request": "true", **({"HX-Target": target} if target else {})}
