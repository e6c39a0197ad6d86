"""How much one program may ask: so many requests a minute for each token or person, counted in Valkey.

Generous: it stops loops that have run away, not work. Every answer says where its asker stands (RateLimit-*).
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import redis
from django.conf import settings
from django.core.cache import cache
from rest_framework.exceptions import Throttled

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.response import Response

logger = logging.getLogger(__name__)

WINDOW_SECONDS = 60


@dataclass(frozen=True)
class Standing:
    """One asker in the present window."""

    limit: int
    used: int
    reset_seconds: int

    @property
    def is_over(self) -> bool:
        return self.used > self.limit


def count(request: Request) -> Standing | None:
    """Count this request and say where its asker stands. Without an answer from Valkey nobody is held up."""
    now = int(time.time())
    key = f"rate:{_asker(request)}:{now // WINDOW_SECONDS}"
    try:
        cache.add(key, 0, timeout=2 * WINDOW_SECONDS)
        used = cache.incr(key)
    except (redis.RedisError, ValueError) as exc:
        logger.warning("Requests are not counted: %s", exc)
        return None
    return Standing(settings.API_REQUESTS_PER_MINUTE, used, WINDOW_SECONDS - now % WINDOW_SECONDS)


def refuse_excess(standing: Standing | None) -> None:
    """Raise Throttled (429) over the limit."""
    if standing is not None and standing.is_over:
        raise Throttled(wait=standing.reset_seconds, code="rate_limited")


def tell(response: Response, standing: Standing) -> None:
    """Put the standing on an answer."""
    response["RateLimit-Limit"] = str(standing.limit)
    response["RateLimit-Remaining"] = str(max(0, standing.limit - standing.used))
    response["RateLimit-Reset"] = str(standing.reset_seconds)
    response["RateLimit-Policy"] = f"{standing.limit};w={WINDOW_SECONDS}"


def _asker(request: Request) -> str:
    token = getattr(request.auth, "pk", None)
    return f"token:{token}" if token else f"person:{request.user.pk}"
