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

logger = logging.getLogger(__name__)

DESK = "desk"


def person_group(agent_id: int) -> str:
    return f"desk.person.{agent_id}"


def tell_everybody(kind: str, **ids: Any) -> None:
    """Tell every open page after the commit: `kind` is "lead" or "presence", `ids` say which."""
    transaction.on_commit(partial(_send, [DESK], {"kind": kind, **ids}), robust=True)


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
