"""Query parameters: what lists filter by. Unknown names are ignored; a known one with a bad value is a 400."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, NoReturn, TypeVar

from crm.api.fields import LARGEST_ID
from crm.api.instants import read_instant_or_day
from crm.api.problems import Problem
from crm.phones import to_e164

if TYPE_CHECKING:
    from datetime import datetime

    from rest_framework.request import Request

LONGEST_SEARCH = 200
Value = TypeVar("Value")


def refuse(name: str, message: str) -> NoReturn:
    """Raise the problem for a bad parameter."""
    raise Problem(400, "invalid_parameter", f"{name}: {message}", parameter=name)


def asked(request: Request, name: str, read: Callable[[str], Value], *, many: bool = False) -> Value:
    """Return what `read` makes of a parameter; `many` joins repeated ones (a=1&a=2) as if written a=1,2."""
    text = ",".join(request.query_params.getlist(name)) if many else request.query_params.get(name, "")
    try:
        return read(text)
    except ValueError as exc:
        refuse(name, str(exc))


def _values(text: str) -> list[str]:
    return [value.strip() for value in text.split(",") if value.strip()]


def read_ids(text: str) -> list[int] | None:
    """Return the ids in `text`, None without any. All readers raise ValueError with what is wrong."""
    values = _values(text)
    for value in values:
        if not re.fullmatch(r"[0-9]{1,19}", value, re.ASCII) or int(value) > LARGEST_ID:
            raise ValueError("give the id as a number.")
    return [int(value) for value in values] or None


def read_numbers(text: str) -> list[int] | None:
    """Return the small whole numbers in `text`, None without any."""
    values = _values(text)
    if not all(re.fullmatch(r"[0-9]{1,4}", value, re.ASCII) for value in values):
        raise ValueError("give a whole number.")
    return [int(value) for value in values] or None


def read_amount(text: str) -> Decimal | None:
    """Return an amount of money, None for no text."""
    if not text.strip():
        return None
    if not re.fullmatch(r"[0-9]{1,8}(\.[0-9]{1,2})?", text.strip(), re.ASCII):
        raise ValueError("give an amount, for example 1800 or 1800.50.")
    return Decimal(text.strip())


def choices_reader(allowed: Collection[str]) -> Callable[[str], list[str] | None]:
    """Return a reader of words among `allowed`."""

    def read(text: str) -> list[str] | None:
        values = _values(text)
        if any(value not in allowed for value in values):
            raise ValueError(f"choose from {', '.join(allowed)}.")
        return values or None

    return read


def read_flag(text: str) -> bool | None:
    """Return a yes or no, None for no text."""
    if text.lower() in ("1", "true", "yes"):
        return True
    if text.lower() in ("0", "false", "no"):
        return False
    if text:
        raise ValueError("write true or false.")
    return None


def read_when(text: str) -> datetime | None:
    """Return a time, None for no text. A date alone is the start of that day at the office."""
    return read_instant_or_day(text) if text else None


def read_day(text: str) -> date | None:
    """Return a day, None for no text."""
    if not text.strip():
        return None
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", text.strip(), re.ASCII):
        raise ValueError("write the day as YYYY-MM-DD.")
    return date.fromisoformat(text.strip())


def read_phone(text: str) -> str | None:
    """Return a phone number as E.164, None for no text. A "+" sent unescaped arrives as a space."""
    if not text.strip():
        return None
    number = to_e164("+" + text.strip() if re.match(r" +[1-9]", text) else text)
    if number is None:
        raise ValueError("this is not a phone number.")
    return number


def read_words(text: str) -> str:
    """Return what is looked for, "" for nothing."""
    if len(text.strip()) > LONGEST_SEARCH:
        raise ValueError(f"at most {LONGEST_SEARCH} characters.")
    return text.strip()


def ids(request: Request, name: str) -> list[int] | None:
    """Return the ids given for `name`, None without any."""
    return asked(request, name, read_ids, many=True)


def amount(request: Request, name: str) -> Decimal | None:
    """Return an amount of money, None when not given."""
    return asked(request, name, read_amount)


def flag(request: Request, name: str) -> bool | None:
    """Return a yes or no, None when not given."""
    return asked(request, name, read_flag)


def instant(request: Request, name: str) -> datetime | None:
    """Return a time, None when not given."""
    return asked(request, name, read_when)


def words(request: Request, name: str) -> str:
    """Return what is looked for, "" for nothing."""
    return asked(request, name, read_words)
