"""The bounded window: the newest turns of a conversation, a line about the older ones, and nothing torn apart.

Models refuse a tool's result without its call and a call without its result, so the two stay together or go together.
Whatever stands in a conversation, what comes out is one that every OpenAI-compatible server takes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from calls.webhook import lenient

MOST_CHARACTERS = 24_000
_LONGEST_MESSAGE = 8_000
# How many of the messages left out are looked at for the summary, and how much is kept of each.
_MOST_SUMMED_UP = 40
_MOST_QUOTED = 6
_LONGEST_QUOTE = 80
_SYSTEM = frozenset({"system", "developer"})
_ROLES = {
    **dict.fromkeys(("assistant", "bot", "model"), "assistant"),
    **dict.fromkeys(_SYSTEM, "system"),
    "tool": "tool",
    "function": "function",
}
_read = msgspec.json.Decoder().decode

Message = dict[str, Any]


@dataclass(slots=True)
class Window:
    """`messages` begins after the system text that Vapi put first; `summary` tells of what was left out."""

    messages: list[Message]
    summary: str = ""


def take_window(raw: list[msgspec.Raw], *, most_messages: int, most_characters: int = MOST_CHARACTERS) -> Window:
    """Return the newest messages within both limits, at least the last turn."""
    start = _beginning(raw)
    taken: list[list[Message]] = []
    count = size = 0
    end = len(raw)
    for unit, unit_start in _units(raw, start):
        weight = sum(_weight(message) for message in unit)
        if taken and (count + len(unit) > most_messages or size + weight > most_characters):
            break
        count, size, end = count + len(unit), size + weight, unit_start
        taken.append(unit)
    messages = [message for unit in reversed(taken) for message in unit]
    return Window(messages, _summary(raw, start, end))


def _beginning(raw: list[msgspec.Raw]) -> int:
    """Return where the conversation begins: behind Vapi's copy of a prompt. Later system text was whispered in."""
    for at, item in enumerate(raw):
        message = read_message(item)
        if message is not None and message["role"] != "system":
            return at
    return len(raw)


def _units(raw: list[msgspec.Raw], start: int) -> Iterator[tuple[list[Message], int]]:
    """Yield what belongs together, the newest first, and where in `raw` it begins."""
    results: list[Message] = []
    for at in range(len(raw) - 1, start - 1, -1):
        message = read_message(raw[at])
        if message is None:
            continue
        if message["role"] == "tool":
            results.append(message)
            continue
        unit = _together(message, results[::-1]) if message["role"] == "assistant" else [message]
        results = []
        if unit:
            yield unit, at


def _together(message: Message, results: list[Message]) -> list[Message]:
    """Return an assistant's message with the results of its calls; calls without a result are left out."""
    calls = message.pop("tool_calls", [])
    answered = {result["tool_call_id"]: result for result in results}
    kept = [call for call in calls if call["id"] in answered]
    if kept:
        names = dict.fromkeys(call["id"] for call in kept)
        return [message | {"tool_calls": kept}, *(answered[name] for name in names)]
    return [message] if message["content"] else []


def read_message(raw: msgspec.Raw) -> Message | None:
    """Return one message as models take it, None when it says nothing."""
    try:
        given = _read(raw)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        given = _leniently(raw)
    if not isinstance(given, dict):
        return None
    role = given.get("role")
    role = _ROLES.get(role.strip().lower(), "user") if isinstance(role, str) else "user"
    message: Message = {"role": role, "content": _shortened(content_text(given.get("content")))}
    if role == "assistant":
        calls = _tool_calls(given.get("tool_calls"))
        if calls:
            message["tool_calls"] = calls
    elif role == "tool":
        name = given.get("tool_call_id")
        return message | {"tool_call_id": name} if isinstance(name, str) and name else None
    elif role == "function":
        return message | {"name": given["name"]} if isinstance(given.get("name"), str) else None
    return message if message["content"] or "tool_calls" in message else None


def _leniently(raw: msgspec.Raw) -> Any:
    try:
        return lenient.parse(bytes(raw))
    except lenient.NotJson:
        return None


def content_text(content: Any) -> str:
    """Return a message's content as text: a string, or the text of its parts; nothing else is spoken."""
    if isinstance(content, str):
        return lenient.clean_text(content)
    if isinstance(content, list):
        return "".join(content_text(part) for part in content if isinstance(part, str | dict))
    if isinstance(content, dict):
        return content_text(content.get("text")) if isinstance(content.get("text"), str) else ""
    return str(content) if isinstance(content, int | float) and not isinstance(content, bool) else ""


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_MESSAGE else text[: _LONGEST_MESSAGE - 1] + "…"


def _tool_calls(given: Any) -> list[Message]:
    calls = []
    for item in given if isinstance(given, list) else []:
        function = item.get("function") if isinstance(item, dict) else None
        if not isinstance(function, dict) or not all(
            isinstance(v, str) and v for v in (item.get("id"), function.get("name"))
        ):
            continue  # fmt: skip
        arguments = function.get("arguments")
        text = arguments if isinstance(arguments, str) else lenient.encode(arguments or {}).decode()
        calls.append({"id": item["id"], "type": "function", "function": {"name": function["name"], "arguments": text}})
    return calls


def _weight(message: Message) -> int:
    calls = message.get("tool_calls", ())
    return len(message["content"]) + sum(len(call["function"]["arguments"]) for call in calls)


def _summary(raw: list[msgspec.Raw], start: int, end: int) -> str:
    """Return one line about the messages from `start` to before `end`, "" when nothing was left out."""
    if end <= start:
        return ""
    quotes: list[str] = []
    for at in range(end - 1, max(start, end - _MOST_SUMMED_UP) - 1, -1):
        message = read_message(raw[at])
        if message is not None and message["role"] == "user" and len(quotes) < _MOST_QUOTED:
            quotes.append(_quoted(message["content"]))
    said = f" The caller last said there: {'; '.join(reversed(quotes))}." if quotes else ""
    return f"{end - start} earlier messages of this call are left out.{said}"


def _quoted(text: str) -> str:
    line = " ".join(text.split())
    return f'"{line}"' if len(line) <= _LONGEST_QUOTE else f'"{line[:_LONGEST_QUOTE].rsplit(" ", 1)[0]}…"'
