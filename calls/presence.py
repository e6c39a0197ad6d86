"""Who is at the desk: seen on a page or an open board a moment ago, and not switched to "no calls"."""

from __future__ import annotations

import logging
from datetime import timedelta

from django.core.cache import cache
from django.utils import timezone
from redis.exceptions import RedisError

from calls.models import Presence
from crm.models import Agent

logger = logging.getLogger(__name__)

# An open board tells of its person every half minute; a laptop that sleeps falls silent.
PRESENT_FOR = timedelta(minutes=5)
_SEEN_EVERY_SECONDS = 20


def note_seen(agent: Agent) -> None:
    """Keep that this person is here, at most every few seconds."""
    try:
        if not cache.add(f"seen:{agent.pk}", 1, timeout=_SEEN_EVERY_SECONDS):
            return
    except RedisError as exc:
        logger.debug("Presence is written each time: %s", type(exc).__name__)
    Presence.objects.update_or_create(agent=agent, defaults={"seen_at": timezone.now()})


def set_takes_calls(agent: Agent, takes_calls: bool) -> None:
    """Turn this person's switch. Whoever turns it is here."""
    values = {"takes_calls": takes_calls, "seen_at": timezone.now()}
    Presence.objects.update_or_create(agent=agent, defaults=values)


def takes_calls(agent: Agent) -> bool:
    """Return where the switch stands; on, until somebody turns it off."""
    found = Presence.objects.filter(agent=agent).values_list("takes_calls", flat=True).first()
    return found is not False
