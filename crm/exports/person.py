"""Everything that is kept about one person who called or wrote: what data protection law lets them ask for."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from django.db.models import Model, QuerySet

from crm.exports.formats import json_list, plain
from crm.exports.zips import ZipStream
from crm.models import Appointment, AuditEntry, Lead, LeadMerge, Note, OutgoingMessage, Task, TimelineEntry

_parts: dict[str, Callable[[Lead], Iterable[Any]]] = {}


def register(name: str, rows: Callable[[Lead], Iterable[Any]]) -> None:
    """Have the file hold these as <name>.json: rows of a table, or anything JSON can say."""
    _parts[name] = rows


def everything_of(lead: Lead) -> Iterator[bytes]:
    """Yield a zip with a JSON file for each kind of thing that is kept about this person."""
    out = ZipStream()
    yield from out.file("person.json", [json.dumps(as_dict(lead), default=plain, indent=2).encode()])
    for name, rows in _parts.items():
        yield from out.file(f"{name}.json", json_list(_dicts(rows(lead))))
    yield out.end()


def _dicts(rows: Iterable[Any]) -> Iterator[Any]:
    found = rows.iterator(chunk_size=200) if isinstance(rows, QuerySet) else rows
    return (as_dict(row) if isinstance(row, Model) else row for row in found)


def as_dict(row: Model) -> dict[str, Any]:
    """Return every column of a row."""
    columns = row._meta.concrete_fields
    return {field.attname: getattr(row, field.attname) for field in columns}


def _changes(lead: Lead) -> Iterable[Any]:
    rows = AuditEntry.objects.filter(table_name=Lead._meta.db_table, row_id=str(lead.pk)).order_by("pk")
    return rows.values("at", "action", "before", "after", "actor_kind", "actor_name")


def connect() -> None:
    register("notes", lambda lead: Note.objects.filter(lead=lead))
    register("tasks", lambda lead: Task.objects.filter(lead=lead))
    register("timeline", lambda lead: TimelineEntry.objects.filter(lead=lead))
    register("appointments", lambda lead: Appointment.objects.filter(lead=lead))
    register("messages", lambda lead: OutgoingMessage.objects.filter(lead=lead))
    register("merged_leads", lambda lead: LeadMerge.objects.filter(kept=lead))
    register("changes", _changes)
