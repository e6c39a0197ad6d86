"""Sign-in attempts: after too many wrong passwords, a pause."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass

from django.core.cache import cache
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

PAUSE_SECONDS = 15 * 60
# Wrong passwords within one pause. A whole office may share one address, so an address alone gets many.
MOST_PER_ACCOUNT_AND_ADDRESS = 10
MOST_PER_ACCOUNT = 50
MOST_PER_ADDRESS = 100


@dataclass(frozen=True)
class Attempts:
    """Wrong passwords given for one account from one address. Without the cache nothing is counted or refused."""

    email: str
    address: str

    def _limits(self) -> dict[str, int]:
        account = hashlib.sha256(self.email.strip().casefold().encode("utf-8", "replace")).hexdigest()[:32]
        return {
            f"signin:{account}:{self.address}": MOST_PER_ACCOUNT_AND_ADDRESS,
            f"signin:account:{account}": MOST_PER_ACCOUNT,
            f"signin:address:{self.address}": MOST_PER_ADDRESS,
        }

    def are_too_many(self) -> bool:
        limits = self._limits()
        try:
            counted = cache.get_many(limits)
        except RedisError:
            logger.warning("Sign-in attempts are not counted: the cache does not answer")
            return False
        return any(counted.get(key, 0) >= limit for key, limit in limits.items())

    def add(self) -> None:
        """Count one wrong password."""
        try:
            for key in self._limits():
                cache.add(key, 0, timeout=PAUSE_SECONDS)
                cache.incr(key)
        except (RedisError, ValueError):
            logger.warning("A wrong password was not counted: the cache does not answer")

    def clear(self) -> None:
        """Forget the wrong passwords of this person at this address: the right one came."""
        try:
            cache.delete(next(iter(self._limits())))
        except RedisError:
            logger.warning("Sign-in attempts were not cleared: the cache does not answer")
