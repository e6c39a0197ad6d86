"""The sandbox's state in a file, so that whoever starts it again after a crash finds what was there.

Kept are people, calendars, events, tokens and subscriptions, before the answer to what changed them leaves. Delta
tokens are not: they are answered with 410, as Microsoft does now and then.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import fields
from datetime import UTC, date, datetime
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from calendar_sync.sandbox.entra import Account, Code, Grant, RefreshToken
from calendar_sync.sandbox.mailbox import CalendarRecord, Change, Event
from calendar_sync.sandbox.subscriptions import Subscription

if TYPE_CHECKING:
    from calendar_sync.sandbox.sandbox import Sandbox

_KINDS: dict[str, Any] = {
    kind.__name__: kind for kind in (Account, CalendarRecord, Change, Code, Event, Grant, RefreshToken, Subscription)
}
_CONTAINERS: dict[str, Any] = {kind.__name__: kind for kind in (list, tuple, frozenset)}
_OF_PERSON = ("address", "name", "timezone", "tenant_id", "object_id", "mail", "closed_with", "working_hours")
_OF_MAILBOX = ("calendars", "events", "log", "transactions")
_OF_ENTRA = ("accounts", "access_tokens", "refresh_tokens", "codes")


class Keeper:
    """Keeps a sandbox in one file, which is replaced whole."""

    def __init__(self, sandbox: Sandbox, path: Path) -> None:
        self.sandbox, self.path = sandbox, path
        self._lock = Lock()

    def load(self) -> bool:
        """Take over what the file holds; return False when there is none."""
        if not self.path.exists():
            return False
        state = _revived(json.loads(self.path.read_text(encoding="utf-8")))
        for person in state["people"]:
            outlook = self.sandbox.add_person(**person["about"])
            for name in _OF_MAILBOX:
                setattr(outlook.mailbox, name, person[name])
        for name in _OF_ENTRA:
            setattr(self.sandbox.entra, name, state["entra"][name])
        self.sandbox.subscriptions.active = state["subscriptions"]
        return True

    def save(self) -> None:
        """Write everything down, in place of what was written before."""
        with self._lock:
            with self.sandbox.graph.lock, self.sandbox.entra.lock:
                text = json.dumps(_plain(self._state()))
            draft = self.path.with_suffix(".new")
            draft.touch(mode=0o600)
            draft.write_text(text, encoding="utf-8")
            draft.replace(self.path)

    def _state(self) -> dict[str, Any]:
        return {
            "people": [
                {"about": _named(mailbox, _OF_PERSON), **_named(mailbox, _OF_MAILBOX)}
                for mailbox in self.sandbox.mailboxes.values()
            ],
            "entra": _named(self.sandbox.entra, _OF_ENTRA),
            "subscriptions": self.sandbox.subscriptions.active,
        }


def _named(source: object, names: Iterable[str]) -> dict[str, Any]:
    return {name: getattr(source, name) for name in names}


def _plain(value: Any) -> Any:
    """Return a value as JSON can hold it. What JSON has no word for becomes ["its kind", ...]."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case datetime():
            return ["datetime", value.replace(tzinfo=None).isoformat(), str(value.tzinfo), value.fold]
        case date():
            return ["date", value.isoformat()]
        case dict():
            return ["dict", *([_plain(name), _plain(inner)] for name, inner in value.items())]
        case list() | tuple() | frozenset():
            return [type(value).__name__, *map(_plain, value)]
    return [type(value).__name__, {field.name: _plain(getattr(value, field.name)) for field in fields(value)}]


def _revived(value: Any) -> Any:
    """Return what `_plain` was given."""
    if not isinstance(value, list):
        return value
    kind, *rest = value
    match kind:
        case "datetime":
            text, zone, fold = rest
            return datetime.fromisoformat(text).replace(tzinfo=UTC if zone == "UTC" else ZoneInfo(zone), fold=fold)
        case "date":
            return date.fromisoformat(rest[0])
        case "dict":
            return {_revived(name): _revived(inner) for name, inner in rest}
        case "list" | "tuple" | "frozenset":
            return _CONTAINERS[kind](map(_revived, rest))
    return _KINDS[kind](**{name: _revived(inner) for name, inner in rest[0].items()})
