"""Encryption of what must not be read from a stolen table or store: tokens, sign-ins under way, capability URLs.

AES-256-GCM under keys made from TOKEN_ENCRYPTION_KEYS: the first encrypts, all decrypt. What is sealed is bound to its
purpose and row, so that it opens nowhere else. A sealed value is: version (1 byte), key id (4), nonce (12), ciphertext.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

_VERSION = b"\x01"
_ID_BYTES = 4
_NONCE_BYTES = 12
_HEAD_BYTES = len(_VERSION) + _ID_BYTES + _NONCE_BYTES
SHORTEST_KEY = 16
# Never change it: what is sealed already opens with keys made under this name.
_DERIVATION = b"pete-crm calendar vault 1"


class VaultError(Exception):
    """A value cannot be sealed or opened. Never says what is in it."""


@dataclass(frozen=True)
class _Key:
    id: bytes
    cipher: AESGCM


@lru_cache(maxsize=32)
def _key(text: str) -> _Key:
    if len(text) < SHORTEST_KEY:
        raise VaultError(f"A key in TOKEN_ENCRYPTION_KEYS is shorter than {SHORTEST_KEY} characters.")
    derived = HKDF(hashes.SHA256(), 32 + _ID_BYTES, salt=None, info=_DERIVATION).derive(text.encode())
    return _Key(derived[32:], AESGCM(derived[:32]))


def _keys() -> list[_Key]:
    if not settings.TOKEN_ENCRYPTION_KEYS:
        raise VaultError("TOKEN_ENCRYPTION_KEYS is not set.")
    return [_key(text) for text in settings.TOKEN_ENCRYPTION_KEYS]


def _bound_to(purpose: str, row_id: object) -> bytes:
    return f"{purpose}:{row_id}".encode()


def seal(purpose: str, row_id: object, plain: bytes) -> bytes:
    """Encrypt under the first key. Raises VaultError when there is none."""
    key = _keys()[0]
    nonce = os.urandom(_NONCE_BYTES)
    return _VERSION + key.id + nonce + key.cipher.encrypt(nonce, plain, _bound_to(purpose, row_id))


def open_sealed(purpose: str, row_id: object, sealed: bytes | memoryview) -> bytes:
    """Decrypt what `seal` made for the same purpose and row. Raises VaultError otherwise."""
    value = bytes(sealed)
    if len(value) <= _HEAD_BYTES or value[:1] != _VERSION:
        raise VaultError(f"There is nothing sealed for {purpose} {row_id}.")
    key_id, nonce = value[1 : 1 + _ID_BYTES], value[1 + _ID_BYTES : _HEAD_BYTES]
    for key in _keys():
        if key.id != key_id:
            continue
        try:
            return key.cipher.decrypt(nonce, value[_HEAD_BYTES:], _bound_to(purpose, row_id))
        except InvalidTag:
            break
    raise VaultError(f"No key in TOKEN_ENCRYPTION_KEYS opens what is sealed for {purpose} {row_id}.")


def is_current(sealed: bytes | memoryview) -> bool:
    """Say whether the first key sealed it."""
    return bytes(sealed)[1 : 1 + _ID_BYTES] == _keys()[0].id
