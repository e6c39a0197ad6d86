"""Reading a lead's history: lines of one call together, changes folded, by local day."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from crm.lead_words import field_label, written
from crm.models import Agent, EntryKind, TimelineEntry

ICONS = {
    EntryKind.CALL: "phone",
    EntryKind.NOTE: "sticky-note",
    EntryKind.TASK: "circle-check",
    EntryKind.VIEWING: "calendar-check",
    EntryKind.MESSAGE: "mail",
    EntryKind.CHANGE: "history",
}
ACTORS: dict[str, str | Promise] = {
    "assistant": _("Assistant"),
    "system": _("Pete"),
    "api": _("A program"),
    "agent": _("Staff"),
    "staff": _("Staff"),
}


@dataclass(frozen=True)
class Change:
    """One field that changed: what it is called, what it was, what it is."""

    label: str
    before: str
    after: str


@dataclass
class Item:
    """One thing that happened. A call gathers its lines; changes in a row are one item that unfolds."""

    kind: str
    at: datetime
    text: str
    who: str
    call_id: UUID | None = None
    seconds: float | None = None
    changes: list[Change] = field(default_factory=list)
    folded: list[Item] = field(default_factory=list)
    parts: list[TimelineEntry] = field(default_factory=list)

    @property
    def icon(self) -> str:
        return ICONS[EntryKind(self.kind)]

    @property
    def label(self) -> str:
        return str(EntryKind(self.kind).label)


@dataclass
class Day:
    """What happened on one local day, the latest first."""

    on: date
    items: list[Item]

    @property
    def is_today(self) -> bool:
        return self.on == timezone.localdate()


def days(entries: Iterable[TimelineEntry]) -> list[Day]:
    """Gather entries, newest first, under their days."""
    rows = list(entries)
    names = _names(rows)
    found: list[Day] = []
    calls: dict[UUID, Item] = {}
    for entry in rows:
        if entry.kind == EntryKind.CALL and entry.call_id in calls:
            _add_to_call(calls[entry.call_id], entry)
            continue
        item = _item(entry, names)
        if entry.kind == EntryKind.CALL and entry.call_id is not None:
            calls[entry.call_id] = item
            _add_to_call(item, entry)
        on = timezone.localdate(entry.at)
        if not found or found[-1].on != on:
            found.append(Day(on, []))
        _place(found[-1].items, item)
    return found


def _place(items: list[Item], item: Item) -> None:
    """Append, or fold a change into the one before it."""
    last = items[-1] if items else None
    if item.kind != EntryKind.CHANGE or last is None or last.kind != EntryKind.CHANGE:
        items.append(item)
        return
    if not last.folded:
        items[-1] = last = Item(last.kind, last.at, "", last.who, folded=[last])
    last.folded.append(item)


def _item(entry: TimelineEntry, names: dict[int, str]) -> Item:
    who = str(entry.agent) if entry.agent else str(ACTORS.get(entry.actor, entry.actor))
    changes = _changes(entry.data, names) if entry.kind == EntryKind.CHANGE else []
    return Item(entry.kind, entry.at, entry.text, who, call_id=entry.call_id, changes=changes)


def _add_to_call(item: Item, entry: TimelineEntry) -> None:
    """The report's summary is the call's text; what began and ended it stays below."""
    item.parts.append(entry)
    item.seconds = item.seconds or entry.data.get("duration_seconds")
    if (entry.key or "").startswith("call-report:"):
        item.text = entry.text


def _changes(data: dict[str, Any], names: dict[int, str]) -> list[Change]:
    return [
        Change(field_label(name), _shown(name, pair[0], names), _shown(name, pair[1], names))
        for name, pair in data.items()
        if isinstance(pair, list) and len(pair) == 2 and name != "lost_reason"
    ]


def _shown(name: str, value: Any, names: dict[int, str]) -> str:
    if name == "owner":
        return names.get(value, "–") if value else "–"
    return written(name, value)


def _names(rows: list[TimelineEntry]) -> dict[int, str]:
    """Return the names of the owners that these lines speak of."""
    pairs = [row.data.get("owner") for row in rows if isinstance(row.data, dict)]
    ids = {pk for pair in pairs if isinstance(pair, list) for pk in pair if isinstance(pk, int)}
    return {agent.pk: str(agent) for agent in Agent.objects.filter(pk__in=ids)} if ids else {}
