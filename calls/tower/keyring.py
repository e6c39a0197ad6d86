"""Where live calls can be steered and heard, as Vapi's messages tell it: sealed, and kept only while the call lives.

Kept in Valkey beside the calls' other short-lived state, never in PostgreSQL: no ledger, backup or page holds it. Lost
addresses come back with the call's next message, which all carry them.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec
from django.conf import settings
from django.core.cache import cache
from redis.exceptions import RedisError

from calls.tower import address
from crm import vault

if TYPE_CHECKING:
    from calls.webhook.decode import Message, Monitor
    from calls.webhook.door import Door

logger = logging.getLogger(__name__)

PURPOSE = "call.monitor"
_MOST_KNOWN = 20_000


class Addresses(msgspec.Struct):
    """What may be used of what a message told; "" for what may not. Never shown: not even in a repr."""

    control: str = ""
    listen: str = ""

    def __repr__(self) -> str:
        return "Addresses(…)"


# What this process has kept, and until when that is surely still there: nearly every message says the same again.
_known: dict[UUID, tuple[int, float]] = {}


def notice(call_id: UUID, message: Message, door: Door) -> None:
    """Keep the addresses a message carries, beside the event loop; forget them when the call has ended."""
    if message.is_end:
        if _known.pop(call_id, None) is not None or message.monitor is not None:
            door.in_thread(forget, call_id)
        return
    monitor = message.monitor
    if monitor is None or not (monitor.control_url or monitor.listen_url):
        return
    stamp, now = hash((monitor.control_url, monitor.listen_url)), time.monotonic()
    known, until = _known.get(call_id, (0, 0.0))
    if known == stamp and now < until:
        return
    if len(_known) >= _MOST_KNOWN:
        _known.clear()
    _known[call_id] = (stamp, now + settings.CALL_TTL_SECONDS / 2)
    door.in_thread(keep, call_id, monitor)


def keep(call_id: UUID, monitor: Monitor) -> bool:
    """Seal and keep what may be used. Never raises: no message may fail because of it."""
    found = _usable(Addresses(monitor.control_url or "", monitor.listen_url or ""))
    if found is None:
        logger.warning("Call %s names an address that is not Vapi's; it can neither be steered nor heard", call_id)
        return False
    try:
        sealed = vault.seal(PURPOSE, call_id, msgspec.json.encode(found))
        cache.set(_key(call_id), sealed, timeout=settings.CALL_TTL_SECONDS)
    except (vault.VaultError, RedisError) as exc:
        _known.pop(call_id, None)
        logger.warning("Where call %s can be steered is not kept: %s", call_id, type(exc).__name__)
        return False
    return True


def find(call_id: UUID) -> Addresses | None:
    """Return where a call can be steered and heard, None when neither is known."""
    try:
        sealed = cache.get(_key(call_id))
        if sealed is None:
            return None
        found = msgspec.json.decode(vault.open_sealed(PURPOSE, call_id, sealed), type=Addresses)
    except (vault.VaultError, RedisError) as exc:
        logger.warning("Where call %s can be steered cannot be read: %s", call_id, type(exc).__name__)
        return None
    # Judged again: what is asked must be Vapi's whoever wrote the store.
    return _usable(found)


def _usable(found: Addresses) -> Addresses | None:
    """Return what may be used of these. A call may be heard without being steered, if Vapi is told so."""
    if found.control and not address.is_control(found.control):
        return None
    listen = found.listen if address.is_listen(found.listen) else ""
    return Addresses(found.control, listen) if found.control or listen else None


def forget(call_id: UUID) -> None:
    try:
        cache.delete(_key(call_id))
    except RedisError as exc:
        logger.warning("Where call %s was steered is left to expire: %s", call_id, type(exc).__name__)


def _key(call_id: UUID) -> str:
    return f"call-monitor:{call_id}"
