from __future__ import annotations

import pytest
from cryptography.fernet import Fernet

from crm.vault import VaultError, is_current, open_sealed, seal

TOKENS, LINK = "connection.blob", "calendar.delta_link"
OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


@pytest.fixture(autouse=True)
def keys(settings):
    settings.TOKEN_ENCRYPTION_KEYS = [OLD]
    return settings


def test_what_is_sealed_opens_for_its_own_row():
    sealed = seal(TOKENS, 7, b"secret")

    assert open_sealed(TOKENS, 7, memoryview(sealed)) == b"secret"
    assert b"secret" not in sealed


def test_the_same_value_is_never_sealed_alike():
    assert seal(TOKENS, 7, b"secret") != seal(TOKENS, 7, b"secret")


@pytest.mark.parametrize(("purpose", "row_id"), [(TOKENS, 8), (LINK, 7)])
def test_what_is_sealed_opens_in_no_other_place(purpose, row_id):
    sealed = seal(TOKENS, 7, b"secret")

    with pytest.raises(VaultError):
        open_sealed(purpose, row_id, sealed)


@pytest.mark.parametrize("position", [0, 1, 5, 17, -1])
def test_a_changed_byte_is_noticed(position):
    sealed = bytearray(seal(TOKENS, 7, b"secret"))
    sealed[position] ^= 1

    with pytest.raises(VaultError):
        open_sealed(TOKENS, 7, bytes(sealed))


@pytest.mark.parametrize("value", [b"", b"\x01", b"\x01" * 17])
def test_what_is_not_sealed_is_refused(value):
    with pytest.raises(VaultError):
        open_sealed(TOKENS, 7, value)


def test_the_first_key_seals_and_all_open(keys):
    old = seal(TOKENS, 7, b"secret")

    keys.TOKEN_ENCRYPTION_KEYS = [NEW, OLD]
    new = seal(TOKENS, 7, b"secret")

    assert open_sealed(TOKENS, 7, old) == open_sealed(TOKENS, 7, new) == b"secret"
    assert (is_current(old), is_current(new)) == (False, True)
    keys.TOKEN_ENCRYPTION_KEYS = [NEW]
    with pytest.raises(VaultError, match="No key in TOKEN_ENCRYPTION_KEYS"):
        open_sealed(TOKENS, 7, old)


@pytest.mark.parametrize(("given", "message"), [([], "is not set"), (["short"], "shorter than 16")])
def test_without_a_proper_key_nothing_is_sealed(keys, given, message):
    keys.TOKEN_ENCRYPTION_KEYS = given

    with pytest.raises(VaultError, match=message):
        seal(TOKENS, 7, b"secret")


def test_what_earlier_versions_sealed_still_opens(keys):
    keys.TOKEN_ENCRYPTION_KEYS = ["an-old-key-of-sixteen-or-more"]
    sealed = bytes.fromhex("0166e0acc0cb25df47c2781a24797d4fd3b4dec442a3fde5d74b6239806631008be94d6230")

    assert open_sealed(TOKENS, 7, sealed) == b"kept"
