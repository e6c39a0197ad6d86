"""Tool calls in every shape seen, read from a plain tree.

The lists of one message repeat each other, so they are united by id. Arguments are whatever stands under `arguments` or
`parameters` of the call itself; the `parameters` beside a tool's definition are its JSON Schema and never arguments.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from calls.webhook import lenient
from calls.webhook.kinds import FUNCTION_CALL, TOOL_CALLS

LONGEST_ID = 200
LONGEST_NAME = 64
_MOST_CALLS = 50
_TOOL_TYPES = frozenset({TOOL_CALLS, "tool_calls", "tool-call", "tool_call"})
_FUNCTION_TYPES = frozenset({FUNCTION_CALL, "function_call"})
_LISTS = ("toolCallList", "toolCalls", "tool_calls", "toolCallsList")
_decode = msgspec.json.Decoder().decode


class ToolRequest(msgspec.Struct):
    """One function the assistant asks for. `id` is echoed; `arguments` is None when they could not be read."""

    id: str
    name: str
    arguments: dict[str, Any] | None
    _fingerprint: bytes = b""

    @property
    def key(self) -> str:
        """The id as it is stored: bounded, and still distinct."""
        return self.id if len(self.id) <= LONGEST_ID else identifier(self.id)

    @property
    def fingerprint(self) -> bytes:
        """A 128-bit hash of name and arguments, whatever order the arguments came in."""
        if not self._fingerprint:
            arguments = lenient.encode(self.arguments, ordered=True)
            content = self.name.encode() + b"\0" + arguments
            self._fingerprint = hashlib.blake2b(content, digest_size=16).digest()
        return self._fingerprint


def kind_of(message: dict[str, Any], *, has_requests: bool) -> str:
    """Return the message's type under its one name; a message without type is known by what it carries."""
    kind = message.get("type")
    if isinstance(kind, str) and kind:
        kind = kind.strip()
        if kind in _TOOL_TYPES:
            return TOOL_CALLS
        return FUNCTION_CALL if kind in _FUNCTION_TYPES else kind
    if isinstance(message.get("functionCall"), dict):
        return FUNCTION_CALL
    return TOOL_CALLS if has_requests or message.get("role") in _TOOL_TYPES else ""


def tool_requests(message: dict[str, Any]) -> list[ToolRequest]:
    """Return the tool calls of a message, each id once, in the order of their first appearance."""
    found: dict[str, ToolRequest] = {}
    for name in _LISTS:
        for item in _list(message.get(name)):
            _collect(found, item, {})
    for item in _list(message.get("toolWithToolCallList")):
        if isinstance(item, dict):
            _collect(found, item.get("toolCall"), item)
    legacy = message.get("functionCall")
    if isinstance(legacy, dict):
        _collect(found, {"id": message.get("toolCallId") or "function-call", **_without_empty_id(legacy)}, {})
    return list(found.values())[:_MOST_CALLS]


def _without_empty_id(legacy: dict[str, Any]) -> dict[str, Any]:
    return legacy if legacy.get("id") else {key: value for key, value in legacy.items() if key != "id"}


def _list(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [value]
    return value if isinstance(value, list) else []


def _collect(found: dict[str, ToolRequest], item: Any, parent: dict[str, Any]) -> None:
    if not isinstance(item, dict):
        return
    key = _echoed(item.get("id")) or _echoed(item.get("toolCallId"))
    if not key:
        return
    request = ToolRequest(key, _name(item, parent), _arguments(item))
    known = found.get(key)
    if known is None:
        found[key] = request
        return
    # A later list may know what an earlier one left out.
    if not known.name:
        known.name = request.name
    if not known.arguments and request.arguments:
        known.arguments = request.arguments


def _echoed(value: Any) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    return lenient.clean_text(value).strip() if isinstance(value, str) else ""


def identifier(value: Any) -> str:
    """Return an id as text that is bounded, or "". Long ones stay distinct."""
    value = _echoed(value)
    if len(value) <= LONGEST_ID:
        return value
    digest = hashlib.blake2b(value.encode(), digest_size=16).hexdigest()
    return value[: LONGEST_ID - len(digest) - 1] + "~" + digest


def _name(item: dict[str, Any], parent: dict[str, Any]) -> str:
    candidates = (
        _get(item, "function", "name"),
        item.get("name"),
        _get(parent, "function", "name"),
        parent.get("name"),
        _get(parent, "tool", "name"),
        _get(parent, "tool", "function", "name"),
    )
    name = next((c for c in candidates if isinstance(c, str) and c), "")
    return lenient.clean_text(name).strip()[:LONGEST_NAME]


def _get(value: Any, *path: str) -> Any:
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _arguments(item: dict[str, Any]) -> dict[str, Any] | None:
    candidates = (
        _get(item, "function", "arguments"),
        _get(item, "function", "parameters"),
        item.get("arguments"),
        item.get("parameters"),
    )
    given: Any = next((c for c in candidates if c is not None), {})
    if isinstance(given, str):
        given = _parsed(given)
    return given if isinstance(given, dict) else None


def _parsed(text: str) -> Any:
    if not text.strip():
        return {}
    try:
        return _decode(text) if "\\u0000" not in text else lenient.parse(text.encode())
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        pass
    try:
        return lenient.parse(text.encode("utf-8", "replace"))
    except lenient.NotJson:
        return None
