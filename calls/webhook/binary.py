"""Arrays in PostgreSQL's binary format, built from elements that are bytes already.

A general converter looks at every element; here each column's kind is known, which makes a batch many times cheaper.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct

_HEAD = Struct("!iiIii").pack
_LENGTH = Struct("!i").pack
_INT4 = Struct("!ii").pack
_INT8 = Struct("!iq").pack
_FLOAT8 = Struct("!id").pack

_TEXT, _BYTEA, _UUID, _INT4_OID, _INT8_OID, _FLOAT8_OID, _TIMESTAMPTZ, _JSONB = 25, 17, 2950, 23, 20, 701, 1184, 3802
# PostgreSQL counts microseconds from 2000-01-01.
_EPOCH_SHIFT = 946_684_800_000_000


def _array(oid: int, elements: list[bytes]) -> bytes:
    return _HEAD(1, 0, oid, len(elements), 1) + b"".join(elements)


def _sized(oid: int, values: Sequence[bytes]) -> bytes:
    return _array(oid, [_LENGTH(len(value)) + value for value in values])


def texts(values: Sequence[str]) -> bytes:
    return _array(_TEXT, [_LENGTH(len(raw)) + raw for raw in map(str.encode, values)])


def byteas(values: Sequence[bytes]) -> bytes:
    return _sized(_BYTEA, values)


def uuids(values: Sequence[bytes]) -> bytes:
    return _array(_UUID, [b"\0\0\0\x10" + value for value in values])


def integers(values: Sequence[int]) -> bytes:
    return _array(_INT4_OID, [_INT4(4, value) for value in values])


def long_integers(values: Sequence[int]) -> bytes:
    return _array(_INT8_OID, [_INT8(8, value) for value in values])


def floats(values: Sequence[float]) -> bytes:
    return _array(_FLOAT8_OID, [_FLOAT8(8, value) for value in values])


def instants(values: Sequence[int]) -> bytes:
    """Timestamps with time zone from microseconds since 1970."""
    return _array(_TIMESTAMPTZ, [_INT8(8, value - _EPOCH_SHIFT) for value in values])


def jsons(values: Sequence[bytes]) -> bytes:
    """jsonb from UTF-8 JSON; the leading byte is the format's version."""
    return _array(_JSONB, [_LENGTH(len(value) + 1) + b"\x01" + value for value in values])
