"""What somebody wishes for in a home, and the listings that each wish leaves."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace
from datetime import date
from decimal import Decimal

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from crm.models import ListingStatus

IN_WORDS = ("words", "location")
# What people call it → what is looked for in `property_type`.
_KINDS = {"flat": "apartment", "apt": "apartment", "home": "", "any": "", "rental": "", "place": ""}


@dataclass(frozen=True)
class Criteria:
    """Wishes; None is no wish. `bedrooms` is the fewest, `words` are looked for in address and facts.

    The order of the fields is the order in which wishes are given up when nothing fits them all.
    """

    words: str | None = None
    available_by: date | None = None
    property_type: str | None = None
    location: str | None = None
    min_rent: Decimal | None = None
    bedrooms: int | None = None
    max_rent: Decimal | None = None
    pets: bool | None = None

    def wishes(self) -> list[str]:
        """Return the names of what was asked for."""
        return [field.name for field in fields(self) if getattr(self, field.name) not in (None, False, "")]

    def without(self, name: str) -> Criteria:
        return replace(self, **{name: None})

    def condition(self) -> Q:
        """Return what every fitting listing fulfils, but for what is said in words: see crm.search.homes."""
        found = Q(status=ListingStatus.AVAILABLE)
        for name in self.wishes():
            if name not in IN_WORDS:
                found &= _CONDITIONS[name](getattr(self, name))
        return found


def wish_name(name: str) -> str:
    """Return a wish as people say it: "number of bedrooms" for bedrooms."""
    return str(_NAMES[name])


def of_kind(text: str) -> Q:
    """Match singular and plural, and flats with apartments."""
    word = re.sub(r"(?<=[a-z])s$", "", text.casefold().strip())
    if word == "studio":
        return Q(bedrooms=0) | Q(property_type__iexact="studio")
    return Q(property_type__icontains=_KINDS.get(word, word))


_NAMES = {
    "words": _("words"),
    "available_by": _("move-in day"),
    "property_type": _("kind of home"),
    "location": _("location"),
    "min_rent": _("lowest rent"),
    "bedrooms": _("number of bedrooms"),
    "max_rent": _("rent"),
    "pets": _("pets"),
}
_CONDITIONS = {
    "available_by": lambda day: Q(available_on__lte=day) | Q(available_on=None),
    "property_type": of_kind,
    "min_rent": lambda least: Q(rent__gte=least),
    "bedrooms": lambda count: Q(bedrooms__gte=count),
    "max_rent": lambda most: Q(rent__lte=most),
    "pets": lambda yes: Q(pets=True),
}
