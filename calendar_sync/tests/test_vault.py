from __future__ import annotations

import pytest
from cryptography.fernet import Fernet

from calendar_sync import vault
from calendar_sync.vault import VaultError, is_current, open_sealed, seal

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


@pytest.fixture(autouse=True)
def keys(settings):
    settings.TOKEN_ENCRYPTION_KEYS = [OLD]
    return settings


def test_what_is_sealed_opens_for_its_own_row():
    sealed = seal(vault.TOKEN_CACHE, 7, b"secret")

    assert open_sealed(vault.TOKEN_CACHE, 7, memoryview(sealed)) == b"secret"
    assert b"secret" not in sealed


def test_the_same_value_is_never_sealed_alike():
    assert seal(vault.TOKEN_CACHE, 7, b"secret") != seal(vault.TOKEN_CACHE, 7, b"secret")


@pytest.mark.parametrize(("purpose", "row_id"), [(vault.TOKEN_CACHE, 8), (vault.DELTA_LINK, 7)])
def test_what_is_sealed_opens_in_no_other_place(purpose, row_id):
    sealed = seal(vault.TOKEN_CACHE, 7, b"secret")

    with pytest.raises(VaultError):
        open_sealed(purpose, row_id, sealed)


@pytest.mark.parametrize("position", [0, 1, 5, 17, -1])
def test_a_changed_byte_is_noticed(position):
    sealed = bytearray(seal(vault.TOKEN_CACHE, 7, b"secret"))
    sealed[position] ^= 1

    with pytest.raises(VaultError):
        open_sealed(vault.TOKEN_CACHE, 7, bytes(sealed))


@pytest.mark.parametrize("value", [b"", b"\x01", b"\x01" * 17])
def test_what_is_not_sealed_is_refused(value):
    with pytest.raises(VaultError):
        open_sealed(vault.TOKEN_CACHE, 7, value)


def test_the_first_key_seals_and_all_open(keys):
    old = seal(vault.TOKEN_CACHE, 7, b"secret")

    keys.TOKEN_ENCRYPTION_KEYS = [NEW, OLD]
    new = seal(vault.TOKEN_CACHE, 7, b"secret")

    assert open_sealed(vault.TOKEN_CACHE, 7, old) == open_sealed(vault.TOKEN_CACHE, 7, new) == b"secret"
    assert (is_current(old), is_current(new)) == (False, True)
    keys.TOKEN_ENCRYPTION_KEYS = [NEW]
    with pytest.raises(VaultError, match="No key in TOKEN_ENCRYPTION_KEYS"):
        open_sealed(vault.TOKEN_CACHE, 7, old)


@pytest.mark.parametrize(("given", "message"), [([], "is not set"), (["short"], "shorter than 16")])
def test_without_a_proper_key_nothing_is_sealed(keys, given, message):
    keys.TOKEN_ENCRYPTION_KEYS = given

    with pytest.raises(VaultError, match=message):
        seal(vault.TOKEN_CACHE, 7, b"secret")
