"""Who may step into a live call."""

from __future__ import annotations

from calls.models import Call
from crm.api.permissions import may_manage
from crm.models import Agent


def may_supervise(person: Agent, call: Call) -> bool:
    """Say whether this person may steer or hear the call.

    Managers and administrators may, any call. An agent may where the assistant on the line speaks for them or for
    their team: it is then their own caller. Everybody else watches.
    """
    if may_manage(person):
        return True
    assistant = call.assistant
    if assistant is None:
        return False
    return assistant.agent_id == person.pk or (assistant.team_id is not None and assistant.team_id == person.team_id)
