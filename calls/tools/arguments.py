"""Arguments as models write them, made into what a tool's signature asks for.

One function signature is the source of both: the JSON Schema that Vapi shows to the model, and the lenient reading of
what comes back.
"""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from crm.errors import BadArguments

_LONGEST_TEXT = 500
# What models write for "nothing".
_NOTHING = frozenset({"", "null", "none", "undefined", "n/a", "nil", "unknown"})
_TRUE, _FALSE = frozenset({"true", "yes", "y", "1"}), frozenset({"false", "no", "n", "0"})
_JSON_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean", Any: "string"}
_WANTED = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\s]+")


@dataclass(frozen=True)
class Parameter:
    """One argument of a tool. `type` is str, int, float, bool, or Any for a value the tool reads itself."""

    name: str
    type: Any
    description: str
    is_required: bool
    choices: tuple[str, ...] = ()

    def schema(self) -> dict[str, Any]:
        """Return its JSON Schema."""
        schema: dict[str, Any] = {"type": _JSON_TYPES[self.type], "description": self.description}
        return schema | ({"enum": list(self.choices)} if self.choices else {})

    def read(self, value: Any) -> Any:
        """Return the value in the parameter's type, None for nothing. Raises ValueError with what is wanted."""
        if value is None or (isinstance(value, str) and value.strip().casefold() in _NOTHING):
            return None
        if self.type is Any:
            return value
        if self.choices:
            return _choice(value, self.choices)
        return _READERS[self.type](value)


def parameters_of(function: Callable[..., Any]) -> tuple[Parameter, ...]:
    """Return the keyword-only parameters of a tool's function; `Annotated` carries their descriptions."""
    hints = get_type_hints(function, include_extras=True)
    signature = inspect.signature(function)
    return tuple(
        _parameter(name, hints[name], parameter.default is inspect.Parameter.empty)
        for name, parameter in signature.parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    )


def _parameter(name: str, hint: Any, is_required: bool) -> Parameter:
    assert get_origin(hint) is Annotated, f"{name} needs a description"
    kind, description = get_args(hint)[:2]
    if get_origin(kind) in (UnionType, Union):
        kind = next(part for part in get_args(kind) if part is not NoneType)
    if get_origin(kind) is Literal:
        return Parameter(name, str, description, is_required, get_args(kind))
    return Parameter(name, kind, description, is_required)


def read_arguments(parameters: tuple[Parameter, ...], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments a tool knows, in its types. Raises BadArguments, naming each that is missing or wrong."""
    known: dict[str, Any] = {}
    problems = []
    for parameter in parameters:
        try:
            value = parameter.read(given.get(parameter.name))
        except ValueError as exc:
            problems.append(f"{parameter.name} should be {exc}.")
            continue
        if value is not None:
            known[parameter.name] = value
        elif parameter.is_required:
            problems.append(f"{parameter.name} is missing.")
    if problems:
        raise BadArguments(" ".join(problems))
    return known


def plain_text(value: str) -> str:
    """Return one line that PostgreSQL can store, of bounded length."""
    line = _UNPRINTABLE.sub(" ", value).strip()[:_LONGEST_TEXT]
    return line.encode("utf-8", "replace").decode()


def _text(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(_WANTED[str])
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return plain_text(str(value)) or None


def _number(value: Any) -> float:
    if isinstance(value, str):
        match = re.fullmatch(r"\s*[$€£]?\s*(-?\d{1,12}(?:,\d{3})*(?:\.\d{1,6})?)\s*", value)
        value = float(match[1].replace(",", "")) if match else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(_WANTED[float])
    return float(value)


def _integer(value: Any) -> int:
    try:
        number = _number(value)
    except (ValueError, OverflowError):
        raise ValueError(_WANTED[int]) from None
    if not number.is_integer() or abs(number) > 1e15:
        raise ValueError(_WANTED[int])
    return int(number)


def _boolean(value: Any) -> bool:
    word = str(value).strip().casefold() if isinstance(value, str | bool | int) else ""
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ValueError(_WANTED[bool])


def _choice(value: Any, choices: tuple[str, ...]) -> str:
    word = value.strip().casefold() if isinstance(value, str) else ""
    if word not in choices:
        raise ValueError(f"one of {', '.join(choices)}")
    return word


_READERS: dict[Any, Callable[[Any], Any]] = {str: _text, int: _integer, float: _number, bool: _boolean}
