"""Query parameters: what lists filter by. Unknown names are ignored; a known one with a bad value is a 400."""

from __future__ import annotations

import re
from collections.abc import Collection
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NoReturn

from crm.api.fields import LARGEST_ID
from crm.api.instants import read_instant_or_day
from crm.api.problems import Problem
from crm.phones import to_e164

if TYPE_CHECKING:
    from datetime import datetime

    from rest_framework.request import Request

LONGEST_SEARCH = 200


def refuse(name: str, message: str) -> NoReturn:
    """Raise the problem for a bad parameter."""
    raise Problem(400, "invalid_parameter", f"{name}: {message}", parameter=name)


def _values(request: Request, name: str) -> list[str]:
    """Return what was given for `name`, whether repeated (a=1&a=2) or with commas (a=1,2)."""
    given = ",".join(request.query_params.getlist(name))
    return [value.strip() for value in given.split(",") if value.strip()]


def ids(request: Request, name: str) -> list[int] | None:
    """Return the ids given for `name`, None without any."""
    values = _values(request, name)
    for value in values:
        if not re.fullmatch(r"[0-9]{1,19}", value, re.ASCII) or int(value) > LARGEST_ID:
            refuse(name, "give the id as a number.")
    return [int(value) for value in values] or None


def given(wanted: dict[str, Any]) -> dict[str, Any]:
    """Return only the conditions whose parameter was given."""
    return {name: value for name, value in wanted.items() if value is not None}


def numbers(request: Request, name: str) -> list[int] | None:
    """Return the small whole numbers given for `name`, None without any."""
    values = _values(request, name)
    if not all(re.fullmatch(r"[0-9]{1,4}", value, re.ASCII) for value in values):
        refuse(name, "give a whole number.")
    return [int(value) for value in values] or None


def amount(request: Request, name: str) -> Decimal | None:
    """Return an amount of money, None when not given."""
    text = request.query_params.get(name, "").strip()
    if not text:
        return None
    if not re.fullmatch(r"[0-9]{1,8}(\.[0-9]{1,2})?", text, re.ASCII):
        refuse(name, "give an amount, for example 1800 or 1800.50.")
    return Decimal(text)


def choices(request: Request, name: str, allowed: Collection[str]) -> list[str] | None:
    """Return which of the allowed words were given for `name`, None without any."""
    values = _values(request, name)
    if any(value not in allowed for value in values):
        refuse(name, f"choose from {', '.join(allowed)}.")
    return values or None


def flag(request: Request, name: str) -> bool | None:
    """Return a yes or no, None when not given."""
    text = request.query_params.get(name, "").lower()
    if text in ("1", "true", "yes"):
        return True
    if text in ("0", "false", "no"):
        return False
    return None if not text else refuse(name, "write true or false.")


def instant(request: Request, name: str) -> datetime | None:
    """Return a time, None when not given. A date alone is the start of that day at the office."""
    text = request.query_params.get(name)
    if not text:
        return None
    try:
        return read_instant_or_day(text)
    except ValueError as exc:
        refuse(name, str(exc))


def phone(request: Request, name: str) -> str | None:
    """Return a phone number as E.164, None when not given. A "+" sent unescaped arrives as a space."""
    text = request.query_params.get(name, "")
    if not text.strip():
        return None
    number = to_e164("+" + text.strip() if re.match(r" +[1-9]", text) else text)
    return number or refuse(name, "this is not a phone number.")


def search(request: Request) -> str:
    """Return the words searched for, "" for none."""
    text = request.query_params.get("search", "").strip()
    if len(text) > LONGEST_SEARCH:
        refuse("search", f"at most {LONGEST_SEARCH} characters.")
    return text
