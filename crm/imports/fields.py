"""What a column may hold: each field's names in spreadsheets, and how its text becomes a value."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crm.models import Agent, Lead, LeadStage, Listing, ListingStatus
from crm.models.imports import ImportKind
from crm.phones import to_e164

_YES = {"yes", "y", "true", "1", "x", "ja", "si", "sí", "oui"}
_NO = {"no", "n", "false", "0", "", "-", "nein", "non"}
# What people write round an amount.
_ROUND_MONEY = re.compile(r"[\s$€£']|usd|eur|gbp|cad|mxn|/?\s*(?:per\s+)?(?:month|mo\.?)", re.IGNORECASE)
_DAY_FORMATS = ("%Y-%m-%d", "%m/%d/%Y", "%d.%m.%Y", "%Y/%m/%d", "%d %b %Y", "%b %d, %Y", "%m/%d/%y")


class Wrong(Exception):
    """A cell that does not fit; the message says why."""


@dataclass(frozen=True)
class Field:
    """One field. `names` are headings it goes by, in small letters without spaces; `read` raises Wrong."""

    name: str
    label: Any
    read: Callable[[str], Any]
    names: tuple[str, ...] = ()
    is_needed: bool = False


@dataclass
class People:
    """The staff by e-mail address, for columns that name somebody."""

    by_email: dict[str, Agent] = field(default_factory=dict)

    @classmethod
    def load(cls) -> People:
        return cls({agent.email.casefold(): agent for agent in Agent.objects.filter(is_active=True)})

    def one(self, text: str) -> Agent:
        agent = self.by_email.get(text.casefold())
        if agent is None:
            raise Wrong(_("nobody here has the e-mail address %(text)s.") % {"text": text[:100]})
        return agent

    def several(self, text: str) -> list[Agent]:
        return [self.one(part.strip()) for part in re.split(r"[,;\s]+", text) if part.strip()]


def text(model: type[Any], name: str) -> Callable[[str], str]:
    longest = model._meta.get_field(name).max_length

    def read(given: str) -> str:
        line = " ".join(given.split())
        if longest and len(line) > longest:
            raise Wrong(_("longer than %(n)s characters.") % {"n": longest})
        return line

    return read


def phone(given: str) -> str:
    number = to_e164(given)
    if number is None:
        raise Wrong(_("%(text)s is no phone number.") % {"text": given[:40]})
    return number


def email(given: str) -> str:
    try:
        validate_email(given.lower())
    except ValidationError as exc:
        raise Wrong(_("%(text)s is no e-mail address.") % {"text": given[:60]}) from exc
    return given.lower()


def money(given: str) -> Decimal:
    digits = _ROUND_MONEY.sub("", given)
    if not re.fullmatch(r"[0-9][0-9.,]*", digits):
        raise Wrong(_("%(text)s is no amount.") % {"text": given[:40]})
    # 1.800,50 and 1,800.50: the last mark with two digits behind it is the decimal one.
    if re.search(r",\d{1,2}$", digits):
        digits = digits.replace(".", "").replace(",", ".")
    try:
        amount = Decimal(digits.replace(",", ""))
    except InvalidOperation as exc:
        raise Wrong(_("%(text)s is no amount.") % {"text": given[:40]}) from exc
    if not 0 <= amount < 100_000_000:
        raise Wrong(_("%(text)s is no amount.") % {"text": given[:40]})
    return round(amount, 2)


def number(largest: int) -> Callable[[str], int]:
    def read(given: str) -> int:
        found = re.fullmatch(r"([0-9]{1,4})(?:\.0+)?\+?(?:\s*(?:br|bed|beds|bedroom|bedrooms))?", given.strip().lower())
        value = 0 if given.strip().lower() == "studio" else int(found[1]) if found else -1
        if not 0 <= value <= largest:
            raise Wrong(_("%(text)s is no number from 0 to %(most)s.") % {"text": given[:40], "most": largest})
        return value

    return read


def baths(given: str) -> Decimal:
    value = money(given)
    if value > 50:
        raise Wrong(_("%(text)s is no number from 0 to %(most)s.") % {"text": given[:40], "most": 50})
    return round(value, 1)


def day(given: str) -> date:
    for form in _DAY_FORMATS:
        try:
            found = datetime.strptime(given[:10] if form == "%Y-%m-%d" else given, form).date()  # noqa: DTZ007
        except ValueError:
            continue
        if 1990 <= found.year <= 2200:
            return found
    raise Wrong(_("%(text)s is no day. Write it as 2030-12-31.") % {"text": given[:40]})


def flag(given: str) -> bool:
    said = given.strip().casefold()
    if said in _YES or said in _NO:
        return said in _YES
    raise Wrong(_("%(text)s is neither yes nor no.") % {"text": given[:40]})


def choice(choices: Any) -> Callable[[str], str]:
    known = {str(label).casefold(): value for value, label in choices.choices}
    known |= {v.casefold(): v for v in choices.values}

    def read(given: str) -> str:
        value = known.get(given.strip().casefold())
        if value is None:
            listed = ", ".join(choices.values)
            raise Wrong(_("%(text)s is none of: %(known)s.") % {"text": given[:40], "known": listed})
        return str(value)

    return read


def currency(given: str) -> str:
    if not re.fullmatch(r"[A-Za-z]{3}", given):
        raise Wrong(_("%(text)s is no currency such as USD.") % {"text": given[:20]})
    return given.upper()


def lines_of(given: str) -> str:
    return given.strip()


def _line(model: type[Any], name: str, label: Any, *names: str, is_needed: bool = False) -> Field:
    return Field(name, label, text(model, name), names, is_needed)


def fields_of(kind: str, people: People) -> dict[str, Field]:
    """Return what a file of this kind may hold, by name."""
    found = _leads(people) if kind == ImportKind.LEADS else _listings(people)
    return {one.name: one for one in found}


def _leads(people: People) -> list[Field]:
    return [
        _line(Lead, "full_name", gettext_lazy("Name"), "name", "fullname", "contact", "contactname", "nombre"),
        Field("phone", gettext_lazy("Phone"), phone, ("phonenumber", "mobile", "cell", "tel", "telephone", "teléfono")),
        Field("email", gettext_lazy("E-mail"), email, ("emailaddress", "mail", "correo")),
        Field("stage", gettext_lazy("Stage"), choice(LeadStage), ("status", "pipeline")),
        _line(Lead, "lost_reason", gettext_lazy("Why lost"), "lostreason", "reason"),
        _line(Lead, "source", gettext_lazy("Source"), "leadsource", "channel", "origin"),
        Field("owner", gettext_lazy("Owner's e-mail"), people.one, ("agent", "assignedto", "owneremail")),
        Field("budget", gettext_lazy("Budget"), money, ("maxrent", "price", "rentbudget", "presupuesto")),
        Field("currency", gettext_lazy("Currency"), currency),
        _line(Lead, "timeline", gettext_lazy("When"), "moving", "when"),
        _line(Lead, "property_type", gettext_lazy("Kind of home"), "type", "propertytype"),
        _line(Lead, "location", gettext_lazy("Where"), "area", "neighborhood", "city", "place"),
        Field("bedrooms", gettext_lazy("Bedrooms"), number(50), ("beds", "br", "bedroom")),
        _line(Lead, "pets", gettext_lazy("Pets"), "pet"),
        Field("move_in_on", gettext_lazy("Moves in on"), day, ("movein", "moveindate", "movedate")),
    ]


def _listings(people: People) -> list[Field]:
    return [
        _line(Listing, "address", gettext_lazy("Address"), "street", "streetaddress", "property", is_needed=True),
        _line(Listing, "unit", gettext_lazy("Unit"), "apt", "apartment", "unitnumber", "suite"),
        Field("rent", gettext_lazy("Rent"), money, ("price", "monthlyrent", "rentamount"), is_needed=True),
        Field("currency", gettext_lazy("Currency"), currency),
        Field("bedrooms", gettext_lazy("Bedrooms"), number(50), ("beds", "br", "bedroom"), is_needed=True),
        Field("bathrooms", gettext_lazy("Bathrooms"), baths, ("baths", "ba", "bath")),
        _line(Listing, "property_type", gettext_lazy("Kind of home"), "type", "propertytype"),
        _line(Listing, "neighborhood", gettext_lazy("Part of town"), "area", "district"),
        Field("pets", gettext_lazy("Pets allowed"), flag, ("petsallowed", "petfriendly")),
        Field("available_on", gettext_lazy("Free from"), day, ("available", "availablefrom", "availabledate")),
        Field("status", gettext_lazy("State"), choice(ListingStatus), ("state",)),
        Field("facts", gettext_lazy("Facts"), lines_of, ("description", "details", "features")),
        Field("access_notes", gettext_lazy("Access notes"), lines_of, ("access", "keys", "lockbox")),
        Field("agents", gettext_lazy("Agents' e-mails"), people.several, ("agent", "shownby")),
    ]


def guess(headings: list[str], fields: dict[str, Field]) -> dict[str, int]:
    """Return which column most likely holds which field."""
    found: dict[str, int] = {}
    for place, heading in enumerate(headings):
        plain = re.sub(r"[^\w]|_", "", heading.casefold())
        for one in fields.values():
            if one.name not in found and plain in (one.name.replace("_", ""), *one.names):
                found[one.name] = place
                break
    return found
