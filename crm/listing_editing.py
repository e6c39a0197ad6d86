"""Changing a home by hand, and taking the change back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.core import signing
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from crm import signals
from crm.errors import BadArguments
from crm.models import Agent, Listing

SALT = "crm.listing_editing"
# Long after the offer to undo has gone from the screen.
UNDO_WITHIN = timedelta(hours=1)


@transaction.atomic
def change_listing(listing: Listing, values: Mapping[str, Any]) -> dict[str, Any]:
    """Write what differs and return what stood there before, as JSON holds it; nothing when nothing differs.

    `agents` are ids. Raises ValidationError.
    """
    locked = Listing.objects.select_for_update(no_key=True).get(pk=listing.pk)
    before: dict[str, Any] = {}
    for name, value in values.items():
        old = sorted(locked.agents.values_list("pk", flat=True)) if name == "agents" else getattr(locked, name)
        new = sorted(value) if name == "agents" else value
        if old != new:
            before[name] = _plain(old)
            if name != "agents":
                setattr(locked, name, value)
    if not before:
        return {}
    locked.full_clean(exclude=["agents"])
    locked.save()
    if "agents" in before:
        locked.agents.set(Agent.objects.filter(pk__in=values["agents"]))
    signals.listing_changed.send_robust(sender=Listing, listing=locked, changed=list(before))
    return before


def undo_token(listing: Listing, before: Mapping[str, Any]) -> str:
    """Return what brings these values back; nobody can make one up."""
    return signing.dumps([listing.pk, dict(before)], salt=SALT, compress=True)


def undo(listing: Listing, token: str) -> list[str]:
    """Write back what a token holds and return the names of the fields. Raises BadArguments for a bad or old one."""
    try:
        number, before = signing.loads(token, salt=SALT, max_age=UNDO_WITHIN)
    except signing.BadSignature as exc:
        raise BadArguments(_("This can no longer be taken back.")) from exc
    if number != listing.pk:
        raise BadArguments(_("This can no longer be taken back."))
    values = {name: value if name == "agents" else _field(name).to_python(value) for name, value in before.items()}
    try:
        change_listing(listing, values)
    except ValidationError as exc:
        raise BadArguments(" ".join(exc.messages)) from exc
    return list(values)


def fields_of(token: str) -> list[str]:
    """Return the names of the fields a token would write, none for a bad one."""
    try:
        return list(signing.loads(token, salt=SALT, max_age=UNDO_WITHIN)[1])
    except signing.BadSignature:
        return []


def _field(name: str) -> Any:
    return Listing._meta.get_field(name)


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Decimal | date) else value
