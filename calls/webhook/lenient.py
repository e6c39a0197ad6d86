"""Any JSON at all to a tree that every later step can hold: the slow way in, for what the fast decoder refuses.

The tree has no lone surrogates, no NUL, no number outside 64 bits and at most MAX_DEPTH levels: deeper ones are None.
"""

from __future__ import annotations

import codecs
import json
import math
import re
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any

import msgspec

MAX_DEPTH = 100
_INT64 = 2**63
# Longer ones overflow a float, and Python refuses to read very long integers at all.
_MOST_DIGITS = 308
_TOKEN = re.compile(
    r'[ \t\n\r]*(?:([{}\[\]:,])|(")|(-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)|(true|false|null)|$)'
)
_SURROGATE = re.compile("[\ud800-\udfff]")


class NotJson(Exception):
    """These bytes are not JSON (400)."""


def text_of(body: bytes) -> str:
    """Return the body as text, without a byte order mark. Raises NotJson unless it is UTF-8."""
    try:
        return str(body.removeprefix(codecs.BOM_UTF8), "utf-8")
    except UnicodeDecodeError as exc:
        raise NotJson("not UTF-8") from exc


def parse(body: bytes) -> Any:
    """Return the tree of any valid JSON. Raises NotJson; NaN and Infinity are not JSON."""
    text = text_of(body)
    try:
        tree = json.loads(text, parse_constant=_refuse, parse_int=_integer, parse_float=_number)
    except RecursionError:
        return clean(_Deep(text).parse())
    except ValueError as exc:
        raise NotJson(str(exc)) from exc
    return clean(tree)


def clean_text(text: str) -> str:
    """Return text that PostgreSQL can hold."""
    if "\x00" in text:
        text = text.replace("\x00", "")
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def clean(tree: Any) -> Any:
    """Return a copy of `tree` within the limits of this module. Needs no recursion, whatever the depth."""
    holder: list[Any] = [tree]
    waiting: list[tuple[Any, int]] = [(holder, 0)]
    while waiting:
        container, depth = waiting.pop()
        for key, value in list(container.items() if isinstance(container, dict) else enumerate(container)):
            kept = _kept(value, depth)
            container[key] = kept
            if isinstance(kept, dict | list) and kept:
                waiting.append((kept, depth + 1))
    return holder[0]


def _kept(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, dict):
        return None if depth > MAX_DEPTH else {clean_text(key): inner for key, inner in value.items()}
    if isinstance(value, list):
        return None if depth > MAX_DEPTH else list(value)
    return value


def encode(tree: Any, *, ordered: bool = False) -> bytes:
    """Return a tree of this module as UTF-8 JSON."""
    return (_ORDERED if ordered else _PLAIN).encode(tree)


_PLAIN = msgspec.json.Encoder()
_ORDERED = msgspec.json.Encoder(order="sorted")


def _refuse(name: str) -> Any:
    raise NotJson(f"{name} is not JSON")


def _number(digits: str) -> float | None:
    value = float(digits)
    return value if math.isfinite(value) else None


def _integer(digits: str) -> int | float | None:
    if len(digits) > _MOST_DIGITS:
        return None
    value = int(digits)
    return value if -_INT64 <= value < _INT64 else float(value)


_WORDS = {"true": True, "false": False, "null": None}
_VALUE, _KEY, _FIRST_KEY, _COLON, _AFTER, _FIRST_VALUE = range(6)


class _Deep:
    """A parser that keeps its own stack, for JSON nested too deeply for one that calls itself."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.root: list[Any] = []
        # Each level: its container, or None where it lies too deep to be kept, and whether it is an object.
        self.levels: list[tuple[Any, bool]] = []
        self.keys: list[str] = []
        self.expect = _VALUE

    def parse(self) -> Any:
        while self.levels or self.expect != _AFTER:
            self._step()
        if self.text[self.at :].strip(" \t\n\r"):
            raise NotJson("trailing characters")
        return self.root[0]

    def _step(self) -> None:
        match = _TOKEN.match(self.text, self.at)
        if match is None or match.end() == match.start() or match.lastindex is None:
            raise NotJson(f"unexpected end or character at {self.at}")
        self.at = match.end()
        mark, quote, number, word = match.groups()
        if mark is not None:
            self._mark(mark)
        elif quote is not None:
            self._string()
        elif number is not None:
            self._add(_integer(number) if number.lstrip("-").isdigit() else _number(number))
        else:
            self._add(_WORDS[word])

    def _mark(self, mark: str) -> None:
        expect = self.expect
        if mark in "{[" and expect in (_VALUE, _FIRST_VALUE):
            self._open(mark == "{")
        elif mark in "}]" and self.levels and self.levels[-1][1] == (mark == "}"):
            if expect not in (_AFTER, _FIRST_KEY if mark == "}" else _FIRST_VALUE):
                raise NotJson(f"unexpected {mark} at {self.at}")
            self.levels.pop()
            self.expect = _AFTER
        elif mark == ":" and expect == _COLON:
            self.expect = _VALUE
        elif mark == "," and expect == _AFTER and self.levels:
            self.expect = _KEY if self.levels[-1][1] else _VALUE
        else:
            raise NotJson(f"unexpected {mark} at {self.at}")

    def _open(self, is_object: bool) -> None:
        kept: Any = None
        if len(self.levels) <= MAX_DEPTH:
            kept = {} if is_object else []
        self._put(kept)
        self.levels.append((kept, is_object))
        self.expect = _FIRST_KEY if is_object else _FIRST_VALUE

    def _string(self) -> None:
        try:
            value, self.at = scanstring(self.text, self.at, True)
        except ValueError as exc:
            raise NotJson(str(exc)) from exc
        if self.expect in (_KEY, _FIRST_KEY):
            self.keys.append(value)
            self.expect = _COLON
        else:
            self._add(value)

    def _add(self, value: Any) -> None:
        if self.expect not in (_VALUE, _FIRST_VALUE):
            raise NotJson(f"unexpected value at {self.at}")
        self._put(value)
        self.expect = _AFTER

    def _put(self, value: Any) -> None:
        if not self.levels:
            self.root.append(value)
            return
        container, is_object = self.levels[-1]
        key = self.keys.pop() if is_object else None
        if isinstance(container, list):
            container.append(value)
        elif container is not None:
            container[key] = value
