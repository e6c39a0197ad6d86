"""Words to open pages: "something changed, ask again". They carry ids, never contents; a lost one costs freshness."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from functools import partial
from typing import Any

import redis
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import transaction

from crm.models import Agent, Lead
from crm.rights import circle_of, sees_everything

logger = logging.getLogger(__name__)

DESK, MANAGERS = "desk", "desk.managers"


def person_group(agent_id: int) -> str:
    return f"desk.person.{agent_id}"


def team_group(team_id: int) -> str:
    return f"desk.team.{team_id}"


def groups_of(agent: Agent) -> list[str]:
    """Return the groups this person's pages listen to."""
    groups = [DESK, person_group(agent.pk)]
    if agent.team_id is not None:
        groups.append(team_group(agent.team_id))
    return [*groups, MANAGERS] if sees_everything(agent) else groups


def tell_everybody(kind: str) -> None:
    """Tell every open page after the commit that something of this kind changed, not what."""
    transaction.on_commit(partial(_send, [DESK], {"kind": kind}), robust=True)


def tell_of_lead(lead: Lead, *, previous_owner_id: int | None) -> None:
    """Tell the pages of those who see the lead, or saw it until now, after the commit: others never hear of its id."""
    transaction.on_commit(partial(_send_of_lead, lead, previous_owner_id), robust=True)


def _send_of_lead(lead: Lead, previous_owner_id: int | None) -> None:
    said = {"kind": "lead", "id": lead.pk}
    if lead.owner_id is None or previous_owner_id is None:
        # What belongs to nobody is seen by everybody.
        _send([DESK], said)
        return
    circle = circle_of(lead, previous_owner_id)
    groups = {person_group(pk) if team is None else team_group(team) for pk, team in circle}
    _send([MANAGERS, *sorted(groups)], said)


def tell_people(agent_ids: Iterable[int], kind: str, **ids: Any) -> None:
    """Tell the open pages of these people after the commit."""
    groups = [person_group(agent_id) for agent_id in agent_ids]
    transaction.on_commit(partial(_send, groups, {"kind": kind, **ids}), robust=True)


def _send(groups: list[str], said: dict[str, Any]) -> None:
    layer = get_channel_layer()
    if layer is None or not groups:
        return

    async def send_all() -> None:
        for group in groups:
            await layer.group_send(group, {"type": "desk.said", "said": said})

    try:
        async_to_sync(send_all)()
    except (redis.RedisError, OSError, RuntimeError) as exc:
        logger.warning("Open pages were not told of %s: %s", said["kind"], exc)
