"""The people and clients of the tests of crm's API."""

from crm.api.tests.conftest import admin, agent, agent_api, api, lead, listing, make_agent

__all__ = ["admin", "agent", "agent_api", "api", "lead", "listing", "make_agent"]
