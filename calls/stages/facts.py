"""What a model says it has learnt, made into facts: known names, plain values, bounded lengths.

Models fill in whatever was said: "$1,800 a month", "1.8k", "between 1500 and 2000". Junk is dropped without a word.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import date
from typing import Any

from calls.stages.interface import Facts

_LONGEST_TEXT = 200
_MOST_FACTS = 30
_SMALLEST_RENT, _LARGEST_RENT = 50, 1_000_000
_MOST_BEDROOMS = 20
_MONTHS_A_YEAR, _WEEKS_A_YEAR = 12, 52
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}\Z")
_EMAIL = re.compile(r"[^@\s<>\"',;]{1,64}@[^@\s<>\"',;]+\.[A-Za-z]{2,24}\Z")
_SPACE = re.compile(r"\s+")
_AMOUNT = re.compile(r"([0-9][0-9.,' ]*)\s*(k\b|thousand\b|grand\b)?", re.IGNORECASE)
_THOUSANDS = re.compile(r"[0-9]{1,3}(?:[., '][0-9]{3})+\Z")

# Who calls is known from the line itself; nothing the model says changes it.
_NEVER = frozenset(
    {
        "phone",
        "phone_number",
        "customer_number",
        "caller_number",
        "number",
        "call_id",
        "lead_id",
        "user_id",
        "tool_call_id",
    }
)
_ALIASES = {
    "max_budget": "budget",
    "budget_max": "budget",
    "monthly_budget": "budget",
    "max_rent": "budget",
    "rent": "budget",
    "name": "full_name",
    "customer_name": "full_name",
    "attendee_name": "full_name",
    "email_address": "email",
    "attendee_email": "email",
    "move_in": "move_in_on",
    "move_in_date": "move_in_on",
    "type": "property_type",
    "home_type": "property_type",
    "area": "location",
    "neighborhood": "location",
    "neighbourhood": "location",
    "city": "location",
    "location_preference": "location",
    "beds": "bedrooms",
    "time": "selected_time",
    "selected_slot": "selected_time",
    "appointment_time": "selected_time",
    "pet": "pets",
}
_NUMBER_WORDS = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen
nineteen
"""
_UNITS = {word: number for number, word in enumerate(_NUMBER_WORDS.split())}
_TENS = {
    "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90,
}  # fmt: skip


def validate_facts(raw: Any) -> Facts:
    """Return the facts worth keeping. `budget` is a number of dollars a month, `bedrooms` an int, the rest text."""
    if not isinstance(raw, dict):
        return {}
    facts: Facts = {}
    for key, value in raw.items():
        if len(facts) >= _MOST_FACTS:
            break
        if value is None or not isinstance(key, str):
            continue
        name = _fact_name(key)
        if name is not None:
            kept = _READERS.get(name, _plain)(value)
            if kept is not None:
                facts[name] = kept
    return _with_moving_words(facts, raw)


def _with_moving_words(facts: Facts, raw: dict[str, Any]) -> Facts:
    """Keep "early next month" as the timeline when it was given as a date."""
    if "move_in_on" not in facts and "timeline" not in facts:
        words = next((text(raw[key]) for key in ("move_in_on", "move_in_date", "move_in") if key in raw), None)
        if words is not None:
            facts["timeline"] = words
    return facts


_names: dict[str, str | None] = {}
_MOST_NAMES = 1000


def _fact_name(key: str) -> str | None:
    if key in _names:
        return _names[key]
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key.strip()[:60]).lower().replace(" ", "_").replace("-", "_")
    name = _ALIASES.get(name, name)
    known = None if name in _NEVER or not _NAME.match(name) else name
    if len(_names) < _MOST_NAMES:
        _names[key] = known
    return known


def text(value: Any) -> str | None:
    """Return one bounded line, None when there is nothing to say."""
    if type(value) is str and len(value) <= _LONGEST_TEXT and _PLAIN_TEXT.match(value):
        return value
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    line = _SPACE.sub(" ", str(value).translate(_UNSAYABLE)).strip()
    return line[:_LONGEST_TEXT].strip() or None


# Words with single spaces between them: nearly everything that is said.
_PLAIN_TEXT = re.compile(r"[\w.,:;$'+@/-]+(?: [\w.,:;$'+@/-]+)*\Z")
# Braces would be taken for placeholders further on; control characters cannot be said or stored.
_UNSAYABLE = {**dict.fromkeys(range(32), " "), 127: " ", ord("{"): "(", ord("}"): ")"}
_UNSAYABLE.update(dict.fromkeys(range(0xD800, 0xE000), "\ufffd"))


def _plain(value: Any) -> str | int | float | bool | None:
    """Return a value whose name only the staff's prompts know."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return value if math.isfinite(value) and abs(value) < 1e15 else None
    return text(value)


def budget(value: Any) -> int | float | None:
    """Return dollars a month: of a range the upper end, of a yearly or weekly rent its month."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return _rent(float(value))
    if not isinstance(value, str):
        return None
    said = value.lower()[:_LONGEST_TEXT]
    amounts = _amounts(said) or _spoken_amounts(said)
    if not amounts:
        return None
    amount = max(amounts)
    if re.search(r"\b(?:a|per|each|/)\s*(?:year|yr|annum)|annual|yearly|/\s*(?:year|yr)", said):
        amount /= _MONTHS_A_YEAR
    elif re.search(r"\b(?:a|per|each)\s*(?:week|wk)|weekly|/\s*(?:week|wk)", said):
        amount *= _WEEKS_A_YEAR / _MONTHS_A_YEAR
    return _rent(amount)


def _rent(amount: float) -> int | float | None:
    if not math.isfinite(amount) or not _SMALLEST_RENT <= amount <= _LARGEST_RENT:
        return None
    amount = round(amount, 2)
    return int(amount) if amount == int(amount) else amount


def _amounts(said: str) -> list[float]:
    amounts, thousand = [], False
    for digits, unit in _AMOUNT.findall(said):
        digits = digits.strip(" .,'")
        if _THOUSANDS.match(digits):
            number = float(re.sub(r"[., ']", "", digits))
        else:
            number = float(re.sub(r"[, ']", "", digits).split("..")[0]) if digits.count(".") <= 1 else 0.0
        thousand = bool(unit)
        amounts.append(number * 1000 if thousand else number)
    return amounts


def _spoken_amounts(said: str) -> list[float]:
    """Read "eighteen hundred" and "two thousand five hundred"."""
    amounts: list[float] = []
    total = current = 0
    for word in [*re.findall(r"[a-z]+", said), ""]:
        if word in _UNITS:
            current += _UNITS[word]
        elif word in _TENS:
            current += _TENS[word]
        elif word == "hundred":
            current = max(current, 1) * 100
        elif word in ("thousand", "grand"):
            total, current = total + max(current, 1) * 1000, 0
        elif word != "and":
            if total + current:
                amounts.append(float(total + current))
            total = current = 0
    return amounts


def _bedrooms(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        said = value.lower()
        if "studio" in said:
            return 0
        digits = re.search(r"[0-9]{1,2}", said)
        word = next((w for w in re.findall(r"[a-z]+", said) if w in _UNITS), None)
        value = int(digits[0]) if digits else _UNITS.get(word or "")
    if not isinstance(value, int | float) or value != value or not 0 <= value <= _MOST_BEDROOMS:
        return None
    return int(value)


def _email(value: Any) -> str | None:
    said = text(value)
    return said.lower() if said and _EMAIL.match(said) else None


def _pets(value: Any) -> str | None:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        value = ", ".join(item for item in value[:10] if isinstance(item, str))
    return text(value)


def _day(value: Any) -> str | None:
    try:
        return date.fromisoformat(value.strip()[:10]).isoformat() if isinstance(value, str) else None
    except ValueError:
        return None


_READERS: dict[str, Callable[[Any], Any]] = {
    "budget": budget,
    "bedrooms": _bedrooms,
    "email": _email,
    "pets": _pets,
    "move_in_on": _day,
    **dict.fromkeys(("timeline", "property_type", "location", "selected_time", "full_name"), text),
}

# Under these names they are kept, whatever they are called on arrival.
FACT_NAMES = frozenset(_READERS)
KNOWN_FACTS = FACT_NAMES | _ALIASES.keys()
