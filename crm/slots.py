"""Slot ids: short, opaque names for (agent, listing, start) that a model can repeat and nobody can make up.

Nothing is stored. The parts of a slot are packed into one number, covered with a mask that only this installation can
make, and followed by a tag. Keys change every `EPOCH`: an id is understood in the epoch it was made and in the next,
and never after its slot has begun. The same slot has the same id everywhere within an epoch.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from django.conf import settings
from django.utils import timezone

from crm.errors import UnknownSlot

EPOCH = timedelta(days=1)
# Crockford's base 32: no I, L, O, U, which are misheard and misread.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 20
GROUP = 5
AGENT_BITS, LISTING_BITS, MINUTE_BITS, LENGTH_BITS, TAG_BITS = 18, 20, 24, 10, 28
BODY_BITS = AGENT_BITS + LISTING_BITS + MINUTE_BITS + LENGTH_BITS
# Starts are counted in minutes from here; 24 bits reach to 2056.
FIRST_MINUTE = datetime(2025, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
_MISREAD = str.maketrans("OIL", "011")


@dataclass(frozen=True)
class Offer:
    """A slot that can be offered: [starts_at, ends_at) of one agent, at one listing or at none."""

    agent_id: int
    listing_id: int | None
    starts_at: datetime
    ends_at: datetime

    @property
    def slot_id(self) -> str:
        """The id under which this slot is known outside."""
        return encode(self.agent_id, self.listing_id, self.starts_at, self.ends_at)


def encode(agent_id: int, listing_id: int | None, starts_at: datetime, ends_at: datetime) -> str:
    """Return the id of a slot, for example "7K2MP-9QX3W-0TBCD-41HJZ", good for one to two epochs from now."""
    parts = (
        (agent_id, AGENT_BITS),
        (listing_id or 0, LISTING_BITS),
        (_whole_minutes(starts_at - FIRST_MINUTE), MINUTE_BITS),
        (_whole_minutes(ends_at - starts_at), LENGTH_BITS),
    )
    body = 0
    for value, bits in parts:
        if not 0 <= value < 1 << bits:
            raise ValueError(f"{value} does not fit into a slot id")
        body = body << bits | value
    text = _to_text(_seal(_key(_epoch_now()), body))
    return "-".join(text[i : i + GROUP] for i in range(0, LENGTH, GROUP))


def decode(text: str) -> Offer:
    """Return the slot an id names, however it is spaced, hyphenated or cased. Raises UnknownSlot for anything else."""
    sealed = _from_text(text)
    epoch = _epoch_now()
    bodies = (_open(_key(number), sealed) for number in (epoch, epoch - 1)) if sealed is not None else ()
    body = next((body for body in bodies if body is not None), None)
    if body is None:
        raise UnknownSlot("That slot is not known, or was offered too long ago.")
    offer = _offer(body)
    if offer.starts_at <= timezone.now():
        raise UnknownSlot("That slot has already begun.")
    return offer


def _offer(body: int) -> Offer:
    body, length = divmod(body, 1 << LENGTH_BITS)
    body, minute = divmod(body, 1 << MINUTE_BITS)
    agent_id, listing_id = divmod(body, 1 << LISTING_BITS)
    starts_at = FIRST_MINUTE + minute * MINUTE
    return Offer(agent_id, listing_id or None, starts_at, starts_at + length * MINUTE)


def _whole_minutes(length: timedelta) -> int:
    minutes, rest = divmod(length, MINUTE)
    if rest:
        raise ValueError("slots begin and end on whole minutes")
    return minutes


def _epoch_now() -> int:
    return (timezone.now() - FIRST_MINUTE) // EPOCH


def _key(epoch: int) -> bytes:
    return _epoch_key(settings.SECRET_KEY, epoch)


@lru_cache(maxsize=8)
def _epoch_key(secret: str, epoch: int) -> bytes:
    return hmac.digest(secret.encode(), f"crm.slots {epoch}".encode(), hashlib.sha256)


def _bits(key: bytes, purpose: bytes, value: int, bits: int) -> int:
    """Return the first bits of a keyed hash of `value`."""
    digest = hmac.digest(key, purpose + value.to_bytes(16, "big"), hashlib.sha256)
    return int.from_bytes(digest, "big") >> (256 - bits)


def _seal(key: bytes, body: int) -> int:
    """Tag the body, then mask it by the tag: equal slots get equal ids, similar slots unlike ones."""
    tag = _bits(key, b"tag", body, TAG_BITS)
    return (body ^ _bits(key, b"mask", tag, BODY_BITS)) << TAG_BITS | tag


def _open(key: bytes, sealed: int) -> int | None:
    """Return the body if this key sealed it."""
    masked, tag = divmod(sealed, 1 << TAG_BITS)
    body = masked ^ _bits(key, b"mask", tag, BODY_BITS)
    return body if _bits(key, b"tag", body, TAG_BITS) == tag else None


def _to_text(number: int) -> str:
    return "".join(ALPHABET[number >> 5 * place & 31] for place in reversed(range(LENGTH)))


def _from_text(text: str) -> int | None:
    letters = re.sub(r"[\s-]", "", text).upper().translate(_MISREAD) if isinstance(text, str) else ""
    if len(letters) != LENGTH or not set(letters) <= set(ALPHABET):
        return None
    number = 0
    for letter in letters:
        number = number << 5 | ALPHABET.index(letter)
    return number
