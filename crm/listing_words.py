"""What the assistant says about a home. The app that speaks registers how; here it is only shown."""

from __future__ import annotations

from collections.abc import Callable

from crm.models import Listing

Say = Callable[[Listing], str]
_say: list[Say] = []


def register(say: Say) -> None:
    """Have `say` write the words about a home."""
    _say[:] = [say]


def words(listing: Listing) -> str:
    """Return what a caller who asks about the home is told; "" when nothing here speaks."""
    return _say[0](listing) if _say else ""
