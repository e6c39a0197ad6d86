"""What leads and listings have of their own in an import: who is the same one, what is needed, how they are written.

Everything here works on some thousand rows at once, in a few statements.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection
from django.db.models import Model, Q
from django.db.models.functions import Upper
from django.utils import timezone
from django.utils.translation import gettext as _

from crm.models import Agent, EntryKind, Lead, LeadMerge, LeadStage, Listing, TimelineEntry
from crm.models.imports import ImportKind

Values = dict[str, Any]
# The same line in the timeline of many leads.
_NOTES = """
INSERT INTO crm_timelineentry (lead_id, kind, text, data, agent_id, actor)
SELECT lead_id, %s, %s, '{}', %s, 'import' FROM unnest(%s::bigint[]) AS given (lead_id)
"""
# A key by which two rows are the same: a number, an address.
Key = tuple[str, str]


class Target(Protocol):
    model: type[Any]

    def problem(self, values: Values) -> str: ...
    def keys(self, values: Values) -> list[Key]: ...
    def find(self, rows: Sequence[Values]) -> dict[Key, Any]: ...
    def create(self, rows: Sequence[Values], agent: Agent | None, filename: str) -> list[int]: ...
    def untouched(self, ids: Iterable[int]) -> Any: ...


class Leads:
    """A lead is known by the number, failing that by the e-mail address."""

    model = Lead

    def problem(self, values: Values) -> str:
        if not (values.get("full_name") or values.get("phone") or values.get("email")):
            return _("It has neither a name nor a phone number nor an e-mail address.")
        if values.get("stage") == LeadStage.LOST and not values.get("lost_reason"):
            return _("A lost lead needs the reason.")
        return ""

    def keys(self, values: Values) -> list[Key]:
        if values.get("phone"):
            return [("phone", values["phone"])]
        return [("email", values["email"].upper())] if values.get("email") else []

    def find(self, rows: Sequence[Values]) -> dict[Key, Lead]:
        asked = {key for values in rows for key in self.keys(values)}
        numbers = [text for kind, text in asked if kind == "phone"]
        addresses = [text for kind, text in asked if kind == "email"]
        found: dict[Key, Lead] = {}
        if addresses:
            same = Lead.objects.alias(upper=Upper("email")).filter(upper__in=addresses).order_by("-created_at", "-pk")
            found |= {("email", lead.email.upper()): lead for lead in same}
        for merge in LeadMerge.objects.filter(number__in=numbers, undone_at=None).select_related("kept"):
            found["phone", str(merge.number)] = merge.kept
        return found | {("phone", str(lead.phone)): lead for lead in Lead.objects.filter(phone__in=numbers)}

    def create(self, rows: Sequence[Values], agent: Agent | None, filename: str) -> list[int]:
        leads = [Lead(**{"source": "import", **values}) for values in rows]
        for lead in leads:
            if lead.stage != LeadStage.LOST:
                lead.lost_reason = ""
        Lead.objects.bulk_create(leads)
        ids = [lead.pk for lead in leads]
        with connection.cursor() as cursor:
            cursor.execute(_NOTES, [EntryKind.CHANGE, f"Brought in from {filename}", agent.pk if agent else None, ids])
        return ids

    def untouched(self, ids: Iterable[int]) -> Any:
        """Return those that nothing has happened with since."""
        mine = Q(entries__actor="import")
        rows = Lead.objects.filter(pk__in=ids, appointments=None, notes=None, tasks=None, messages=None, merges=None)
        busy = TimelineEntry.objects.filter(lead__in=ids).exclude(actor="import").values("lead")
        return rows.filter(mine).exclude(pk__in=busy)


class Listings:
    """A home is known by its address and unit."""

    model = Listing

    def problem(self, values: Values) -> str:
        return ""

    def keys(self, values: Values) -> list[Key]:
        return [(values["address"], values.get("unit", ""))]

    def find(self, rows: Sequence[Values]) -> dict[Key, Listing]:
        asked = {key for values in rows for key in self.keys(values)}
        found = Listing.objects.filter(address__in={address for address, _unit in asked}).defer("places")
        return {(home.address, home.unit): home for home in found if (home.address, home.unit) in asked}

    def create(self, rows: Sequence[Values], agent: Agent | None, filename: str) -> list[int]:
        people = [values.get("agents", []) for values in rows]
        plain = [{name: value for name, value in values.items() if name != "agents"} for values in rows]
        homes = Listing.objects.bulk_create([Listing(**values) for values in plain])
        shown = Listing.agents.through
        shown.objects.bulk_create(
            shown(listing=home, agent=person) for home, some in zip(homes, people, strict=True) for person in set(some)
        )
        return [home.pk for home in homes]

    def untouched(self, ids: Iterable[int]) -> Any:
        return Listing.objects.filter(pk__in=ids, appointments=None, photos=None)


TARGETS: dict[str, Target] = {ImportKind.LEADS: Leads(), ImportKind.LISTINGS: Listings()}


def difference(row: Model, values: Values) -> Values:
    """Return what of `values` the row has otherwise; what the file leaves empty changes nothing."""
    if isinstance(row, Lead) and row.stage == LeadStage.LOST and "stage" not in values:
        values = {name: value for name, value in values.items() if name != "lost_reason"}
    return {
        name: value
        for name, value in values.items()
        if name != "agents" and value not in ("", None) and getattr(row, name) != value
    }


def write(model: type[Model], changes: Sequence[tuple[int, Values]]) -> None:
    """Write different columns of many rows in one statement for each set of columns."""
    by_columns: dict[tuple[str, ...], list[Values]] = {}
    for pk, values in changes:
        columns = {_column(model, name): _key(value) for name, value in values.items()}
        by_columns.setdefault(tuple(sorted(columns)), []).append(columns | {"id": pk})
    for names, rows in by_columns.items():
        if names:
            _update(model, names, rows)


def _update(model: type[Model], names: Sequence[str], rows: Sequence[Values]) -> None:
    types = {field.column: field.db_type(connection) for field in model._meta.concrete_fields}
    columns = ", ".join(f'"{name}" = given."{name}"' for name in names)
    stage = ", stage_changed_at = %(now)s" if "stage" in names else ""
    shape = ", ".join(f'"{name}" {types[name]}' for name in names)
    with connection.cursor() as cursor:
        cursor.execute(
            f'UPDATE "{model._meta.db_table}" kept SET {columns}, updated_at = %(now)s{stage}'  # noqa: S608
            f" FROM jsonb_to_recordset(%(rows)s::jsonb) AS given (id bigint, {shape}) WHERE kept.id = given.id",
            {"rows": json.dumps(list(rows), cls=DjangoJSONEncoder), "now": timezone.now()},
        )


def _column(model: type[Model], name: str) -> str:
    return next(str(field.column) for field in model._meta.concrete_fields if field.name == name)


def _key(value: Any) -> Any:
    return value.pk if isinstance(value, Model) else value
