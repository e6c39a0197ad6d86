"""What supervisors did to a call, as programs read it."""

from __future__ import annotations

from typing import Any

from calls.models import Call, ControlAction


def action_shape(action: ControlAction) -> dict[str, Any]:
    return {
        "id": action.pk,
        "kind": action.kind,
        "agent": action.agent_id,
        "other": action.other_id,
        "text": action.text,
        "reason": action.reason,
        "outcome": action.outcome,
        "code": action.code,
        "at": action.at.isoformat(),
        "ended_at": action.ended_at.isoformat() if action.ended_at else None,
    }


def log_of(call: Call) -> list[dict[str, Any]]:
    """Return every action on this call, oldest first."""
    return [action_shape(action) for action in call.control_actions.all()]
