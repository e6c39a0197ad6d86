"""Changing the vault's key: what was sealed with an older one is sealed anew, row by row, while everything runs."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.db import transaction
from django.db.models import Model

from calendar_sync import vault
from calendar_sync.models import AuthFlow, Calendar, Connection

# Each sealed column: its table, its purpose, and the column that binds it to its row.
SEALED: tuple[tuple[type[Model], str, str, str], ...] = (
    (Connection, "blob", vault.TOKEN_CACHE, "pk"),
    (Calendar, "delta_link", vault.DELTA_LINK, "pk"),
    (AuthFlow, "flow", vault.SIGN_IN, "state_digest"),
)


@dataclass
class Rotation:
    """How many values were under the first key already, were sealed anew, and open with no key."""

    current: int = 0
    rotated: int = 0
    lost_names: list[str] = field(default_factory=list)

    @property
    def lost(self) -> int:
        return len(self.lost_names)


def rotate(*, check: bool = False) -> Rotation:
    """Seal what is not under the first key anew; with `check` only count. Raises VaultError without any key."""
    done = Rotation()
    for model, column, purpose, binding in SEALED:
        filled = model._default_manager.exclude(**{column: b""})
        for pk in filled.order_by("pk").values_list("pk", flat=True):
            with transaction.atomic():
                _rotate_row(model, pk, (column, purpose, binding), done, check=check)
    return done


def _rotate_row(model: type[Model], pk: int, sealed: tuple[str, str, str], done: Rotation, *, check: bool) -> None:
    """Look at one value under its row's lock: a refresh at the same moment must not be overwritten."""
    column, purpose, binding = sealed
    row = model._default_manager.select_for_update(no_key=True, of=("self",)).filter(pk=pk).first()
    value = bytes(getattr(row, column)) if row else b""
    if not value:
        return
    if vault.is_current(value):
        done.current += 1
        return
    try:
        plain = vault.open_sealed(purpose, getattr(row, binding), value)
    except vault.VaultError:
        done.lost_names.append(f"{model._meta.verbose_name} {pk}")
        return
    done.rotated += 1
    if not check:
        anew = vault.seal(purpose, getattr(row, binding), plain)
        model._default_manager.filter(pk=pk).update(**{column: anew})
