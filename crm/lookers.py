"""Who has a record open right now. Kept in Valkey for less than a minute, and never more than names."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import redis
from django.conf import settings

from crm import nudges
from crm.models import Agent
from crm.rights import visible_appointments, visible_leads

logger = logging.getLogger(__name__)

# A page tells every 15 s that it is open; two missed, and nobody is looking.
STAYS_SECONDS = 40
_TIMEOUT_SECONDS = 1.0

# Which records can be looked at together, and whether a person may see one.
KINDS: dict[str, Callable[[Agent, int], bool]] = {
    "lead": lambda person, pk: visible_leads(person).filter(pk=pk).exists(),
    "appointment": lambda person, pk: visible_appointments(person).filter(pk=pk).exists(),
}


def look(about: str, agent: Agent) -> list[Agent]:
    """Note that `agent` has "lead:12" open; return who else has. Without Valkey nobody is known."""
    return _others(about, agent, lambda client, key: bool(client.zadd(key, {str(agent.pk): time.time()})))


def leave(about: str, agent: Agent) -> None:
    """Note that `agent` has closed it."""
    _others(about, agent, lambda client, key: bool(client.zrem(key, str(agent.pk))))


def _others(about: str, agent: Agent, change: Callable[[redis.Redis, str], bool]) -> list[Agent]:
    key = f"pete:lookers:{about}"
    try:
        with redis.from_url(settings.REDIS_URL, socket_timeout=_TIMEOUT_SECONDS) as client:
            gone = client.zremrangebyscore(key, 0, time.time() - STAYS_SECONDS)
            moved = change(client, key)
            client.expire(key, STAYS_SECONDS)
            ids = {int(pk) for pk in client.zrange(key, 0, -1)} - {agent.pk}
    except redis.RedisError as exc:
        logger.debug("Who looks at %s is not known: %s", about, exc)
        return []
    if moved or gone:
        nudges.tell_people(ids, "presence", about=about)
    return list(Agent.objects.filter(pk__in=ids).order_by("full_name"))
