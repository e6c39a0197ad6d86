"""Who sees which call on the board: the rights of `calls.rights`, decided without a query for each change.

A shape carries whom its call is for; a person's circle is read once and then again every while. What the two say
together is what `visible_calls` says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from crm.models import Agent
from crm.rights import colleagues, sees_everything

_NOBODY: dict[str, Any] = {"agents": [], "team": None}


def audience(call: Any, viewing_agent: int | None) -> dict[str, Any] | None:
    """Return whom a call that has `with_related` is for: {"agents", "team"}; None is everybody."""
    if call.lead is None or call.lead.owner_id is None:
        return None
    speaks_for = (call.assistant.agent_id, call.assistant.team_id) if call.assistant else (None, None)
    agents = {call.lead.owner_id, speaks_for[0], viewing_agent, *(getattr(call, "shown_by", None) or ())} - {None}
    return {"agents": sorted(agents), "team": speaks_for[1]}


@dataclass(frozen=True)
class Sight:
    """What one person sees. `circle` is None for those who see everything."""

    circle: frozenset[int] | None
    team: int | None = None

    @classmethod
    def of(cls, person: Agent) -> Sight:
        """Read the person's circle, in one statement."""
        if sees_everything(person):
            return cls(None)
        return cls(frozenset(colleagues(person).values_list("pk", flat=True)), person.team_id)

    @classmethod
    def now(cls, agent_id: int) -> Sight:
        """Return what the person sees as they are now, whatever they were when they signed in."""
        person = Agent.objects.filter(pk=agent_id).first()
        return cls.of(person) if person else cls(frozenset())

    def sees(self, shape: dict[str, Any]) -> bool:
        """Say whether the call of a board shape is for this person; a shape that does not say is for managers."""
        seen_by = shape.get("seen_by", _NOBODY)
        if self.circle is None or seen_by is None:
            return True
        return not self.circle.isdisjoint(seen_by["agents"]) or (self.team is not None and seen_by["team"] == self.team)

    def narrow(self, snapshot: dict[str, Any]) -> dict[str, Any]:
        """Return a snapshot with the calls that are for this person."""
        return snapshot | {"calls": [call for call in snapshot["calls"] if self.sees(call)]}
