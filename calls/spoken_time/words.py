"""From text to tokens: numbers, ordinals, clock times, slashed and ISO dates, and the words the grammar knows."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import date

from crm.errors import UnclearTime

_LONGEST = 120

_UNITS = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = {"twenty": 20, "thirty": 30, "forty": 40, "fourty": 40, "fifty": 50}
_ORDINALS = [
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "eleventh",
    "twelfth",
    "thirteenth",
    "fourteenth",
    "fifteenth",
    "sixteenth",
    "seventeenth",
    "eighteenth",
    "nineteenth",
]
_TENTHS = {"twentieth": 20, "thirtieth": 30}

_NUMBERS = {word: value for value, word in enumerate(_UNITS)} | _TENS
_PLACES = {word: value for value, word in enumerate(_ORDINALS, 1)} | _TENTHS

_DAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
_SHORT_DAYS = {"tues": 1, "weds": 2, "thur": 3, "thurs": 3}
WEEKDAYS = {name: n for n, name in enumerate(_DAYS)} | {name[:3]: n for n, name in enumerate(_DAYS)} | _SHORT_DAYS

_MONTHS = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
MONTHS = (
    {name: n for n, name in enumerate(_MONTHS, 1)} | {name[:3]: n for n, name in enumerate(_MONTHS, 1)} | {"sept": 9}
)

_TOKEN = re.compile(
    r"""
    (?P<iso>\d{4}-\d{2}-\d{2})(?=$|[\s,t])t?
    | (?P<slashed>\d{1,2}/\d{1,2}(?:/(?:\d{4}|\d{2}))?)(?![\d/])
    | (?P<clock>\d{1,2}[:.]\d{2}(?::00)?)(?![\d:.])
    | (?P<ordinal>\d{1,2})(?:st|nd|rd|th)\b
    | (?P<number>\d{1,4})(?!\d)
    | (?P<word>[a-z]+)
    | (?P<space>[\s,]+)
    """,
    re.VERBOSE,
)


@dataclass(frozen=True)
class Token:
    """One piece of the phrase. `kind` is iso, slashed, clock, ordinal, number or word.

    `value` is the number where there is one; `spelled` says that a number came in words.
    """

    kind: str
    text: str
    value: int = 0
    spelled: bool = False


def tokens_of(text: str) -> list[Token]:
    """Return the tokens of a phrase. Raises UnclearTime on anything that is none."""
    plain = _plain(text)
    if not plain or len(plain) > _LONGEST:
        raise UnclearTime("I did not catch a time in that.")
    tokens: list[Token] = []
    at = 0
    while at < len(plain):
        match = _TOKEN.match(plain, at)
        if match is None:
            raise UnclearTime("I could not make out the time in that.")
        at = match.end()
        if match.lastgroup != "space":
            _add(tokens, _token(match.lastgroup or "", match[match.lastgroup or 0]))
    return tokens


def _plain(text: str) -> str:
    plain = unicodedata.normalize("NFKC", text).casefold().strip().rstrip(".!?")
    plain = plain.replace("’", "'").replace("o'clock", " oclock").replace("o clock", " oclock")
    plain = re.sub(r"\b([ap])\.\s?m\b\.?", r"\1m", plain)
    # "twenty-first", but not "2027-06-03" and not "3-4", which are two times.
    return re.sub(r"(?<=[a-z])-(?=[a-z])", " ", plain)


def _token(kind: str, text: str) -> Token:
    if kind in ("ordinal", "number"):
        return Token(kind, text, int(text))
    if text in _NUMBERS:
        return Token("number", text, _NUMBERS[text], spelled=True)
    if text in _PLACES:
        return Token("ordinal", text, _PLACES[text], spelled=True)
    return Token(kind, text)


def _add(tokens: list[Token], token: Token) -> None:
    """Append, joining "twenty" and "one" or "first"."""
    last = tokens[-1] if tokens else None
    if last and last.spelled and last.text in _TENS and token.spelled and 0 < token.value < 10:
        tokens[-1] = Token(token.kind, f"{last.text} {token.text}", last.value + token.value, spelled=True)
    else:
        tokens.append(token)


def iso_date(text: str) -> date:
    """Return the date of YYYY-MM-DD. Raises UnclearTime when there is no such day."""
    try:
        return date.fromisoformat(text)
    except ValueError as exc:
        raise UnclearTime("There is no such day in the calendar.") from exc
