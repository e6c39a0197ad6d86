"""Times, lists and money as they are said on the phone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, tzinfo
from decimal import Decimal

LONGEST_ANSWER = 900
# A date further away than this needs its year.
_YEAR_AFTER_DAYS = 180
_CURRENCIES = {"USD": "$", "EUR": "€", "GBP": "£", "CAD": "C$", "AUD": "A$"}


def say_time(local: datetime) -> str:
    """Return "3 PM" or "3:30 PM"; where the clocks make a time come twice, with the zone's name."""
    hour = local.hour % 12 or 12
    minutes = f":{local.minute:02}" if local.minute else ""
    comes_twice = local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
    zone = f" {local.tzname()}" if comes_twice else ""
    return f"{hour}{minutes} {'AM' if local.hour < 12 else 'PM'}{zone}"


def say_date(day: date, today: date) -> str:
    """Return "Tuesday 3 June", with the year when it is far away."""
    year = f" {day.year}" if abs((day - today).days) > _YEAR_AFTER_DAYS else ""
    return f"{day:%A} {day.day} {day:%B}{year}"


def say_distance(day: date, today: date) -> str:
    """Return "today", "tomorrow", "in 5 days"."""
    days = (day - today).days
    named = {-1: "yesterday", 0: "today", 1: "tomorrow"}
    return named.get(days) or (f"in {days} days" if days > 0 else f"{-days} days ago")


def say_when(instant: datetime, now: datetime, tz: tzinfo) -> str:
    """Return "Tuesday 3 June at 3 PM, in 2 days", on the clocks of `tz`."""
    local, today = instant.astimezone(tz), now.astimezone(tz).date()
    return f"{say_date(local.date(), today)} at {say_time(local)}, {say_distance(local.date(), today)}"


def say_list(items: Sequence[str], joint: str = "and", comma: str = ", ") -> str:
    """Return "a, b and c". Items that hold commas themselves want "; " between them."""
    if len(items) < 2:
        return "".join(items)
    return f"{comma.join(items[:-1])}{';' if comma == '; ' else ''} {joint} {items[-1]}"


def say_money(amount: Decimal, currency: str) -> str:
    """Return "$1,800", with cents only where there are some."""
    said = f"{amount:,.0f}" if amount == amount.to_integral_value() else f"{amount:,.2f}"
    sign = _CURRENCIES.get(currency)
    return f"{sign}{said}" if sign else f"{said} {currency}"


def say_count(count: int, noun: str) -> str:
    """Return "1 bedroom", "2 bedrooms"."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def one_line(text: str, longest: int = LONGEST_ANSWER) -> str:
    """Return `text` without line breaks or unprintable characters, cut at a word where it is too long."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    if len(line) <= longest:
        return line
    return line[: longest - 1].rsplit(" ", 1)[0] + "…"
