"""Times of day: "3 pm", "half past two", "fifteen thirty", "noon"."""

from __future__ import annotations

from datetime import time

from calls.spoken_time.when import Clock
from calls.spoken_time.words import MONTHS, Token
from crm.errors import UnclearTime

_FRACTIONS = {"half": 30, "quarter": 15}
_NAMED = {"noon": time(12), "midday": time(12)}
_LATEST_AM = 11


def read_clock(tokens: list[Token], at: int) -> tuple[Clock, int] | None:
    """Read a time of day at a position; return it and the position after it, or None when there is none."""
    token = tokens[at]
    if token.text in _NAMED:
        return Clock(_NAMED[token.text]), at + 1
    if token.text == "midnight":
        raise UnclearTime("Midnight could be either end of that day.")
    relative = _past_or_to(tokens, at)
    if relative is not None:
        return relative
    if token.kind == "clock":
        hour, minute = (int(part) for part in token.text.replace(".", ":").split(":")[:2])
        return _with_half(tokens, at + 1, hour, minute, is_bare=not token.text.startswith("0"))
    if token.kind == "number":
        minute, after = _minute_after(tokens, at + 1)
        return _with_half(tokens, after, token.value, minute, is_bare=not _is_padded(token))
    return None


def _is_padded(token: Token) -> bool:
    return token.text.startswith("0") and len(token.text) > 1


def _past_or_to(tokens: list[Token], at: int) -> tuple[Clock, int] | None:
    """Read "half past two", "a quarter to three", "ten minutes past four"."""
    token = tokens[at]
    minutes = _FRACTIONS.get(token.text) or (token.value if token.kind == "number" else 0)
    after = at + 1
    if after < len(tokens) and tokens[after].text in ("minutes", "minute"):
        after += 1
    if not 0 < minutes < 60 or after + 1 >= len(tokens) or tokens[after].text not in ("past", "after", "to", "before"):
        return None
    hour = tokens[after + 1]
    if hour.kind != "number" and hour.text != "noon":
        return None
    value = 12 if hour.text == "noon" else hour.value
    if tokens[after].text in ("to", "before"):
        minutes, value = 60 - minutes, (value - 1) if value > 1 else 12
    return _with_half(tokens, after + 2, value, minutes, is_bare=hour.text != "noon")


def _minute_after(tokens: list[Token], at: int) -> tuple[int, int]:
    """Return the minute of "three thirty" or "three oh five", and the position after it."""
    if at < len(tokens) and tokens[at].text in ("oh", "o") and at + 1 < len(tokens):
        unit = tokens[at + 1]
        if unit.kind == "number" and 0 < unit.value < 10:
            return unit.value, at + 2
    if at < len(tokens) and tokens[at].kind == "number" and 10 <= tokens[at].value < 60 and not _is_day(tokens, at):
        return tokens[at].value, at + 1
    return 0, at


def _is_day(tokens: list[Token], at: int) -> bool:
    """Return whether the number belongs to a date that follows: "at three 14 June"."""
    return at + 1 < len(tokens) and tokens[at + 1].text in MONTHS


def _with_half(tokens: list[Token], at: int, hour: int, minute: int, *, is_bare: bool) -> tuple[Clock, int]:
    """Apply "o'clock", am or pm."""
    if at < len(tokens) and tokens[at].text in ("oclock", "hours", "sharp"):
        at += 1
    half = tokens[at].text if at < len(tokens) and tokens[at].text in ("am", "pm") else ""
    if (hour, minute) == (12, 0) and at < len(tokens) and tokens[at].text == "noon":
        return Clock(time(12)), at + 1
    if hour > 23 or minute > 59:
        raise UnclearTime("There is no such time of day.")
    if not half:
        return Clock(time(hour, minute), is_bare=is_bare and 1 <= hour <= 12), at
    return Clock(time(_hour_of_half(hour, half), minute)), at + 1


def _hour_of_half(hour: int, half: str) -> int:
    if hour == 0 or (half == "am" and hour > 12):
        raise UnclearTime("I could not tell morning from afternoon in that.")
    if half == "am":
        return hour % 12
    return hour if hour >= 12 else hour + 12


def settle(clock: Clock, part: str | None) -> time:
    """Decide what a bare hour means, and check the rest against the part of the day. Raises UnclearTime."""
    hour = clock.at.hour
    if clock.is_bare and part is None:
        return clock.at.replace(hour=hour + 12 if hour <= 7 else hour)
    if clock.is_bare:
        hour = _hour_in_part(hour, part or "")
    if part and not _fits(hour, part):
        raise UnclearTime("The time and the part of the day do not fit together.")
    return clock.at.replace(hour=hour)


def _hour_in_part(hour: int, part: str) -> int:
    if part == "morning":
        return hour
    return hour if hour == 12 else hour + 12


def _fits(hour: int, part: str) -> bool:
    """People stretch the parts: six in the afternoon and half past four in the evening are both said."""
    if part == "morning":
        return hour <= _LATEST_AM
    return 12 <= hour <= 18 if part == "afternoon" else hour >= 16
