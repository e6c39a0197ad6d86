"""Who may step into a live call."""

from __future__ import annotations

from typing import Any

from calls.models import Call
from crm.models import Agent
from crm.rights import sees_everything


def supervisors(call: Call) -> dict[str, Any]:
    """Return which agents, and which team, may step in beside managers and administrators, who may everywhere.

    They are those the assistant on the line speaks for, whoever owns the lead, and whoever shows the home in question:
    it is then their own caller. Everybody else watches. The call needs `with_related`.
    """
    assistant, lead, listing = call.assistant, call.lead, call.listing
    agents = {assistant.agent_id if assistant else None, lead.owner_id if lead else None}
    if listing is not None:
        agents |= {agent.pk for agent in listing.agents.all()}
    return {"agents": sorted(pk for pk in agents if pk is not None), "team": assistant.team_id if assistant else None}


def is_among(person: Agent, allowed: dict[str, Any] | None) -> bool:
    """Say whether this person is one of `supervisors`. The board's script decides the same of what it shows."""
    if sees_everything(person):
        return True
    if allowed is None:
        # Put on the board by an older release.
        return False
    if person.pk in allowed["agents"]:
        return True
    return person.team_id is not None and person.team_id == allowed["team"]


def may_supervise(person: Agent, call: Call) -> bool:
    """Say whether this person may steer or hear the call."""
    return is_among(person, supervisors(call))


def viewer(person: Agent) -> dict[str, Any]:
    """Return who looks at the board, as its script asks."""
    return {"id": person.pk, "team": person.team_id, "sees_everything": sees_everything(person)}
