"""Forgetting what the audit holds about a person who is to be forgotten. That something happened stays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import connection, transaction

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.db.models import Model

# A lead's own entries, and those of rows that belong to it: what came or went names its lead.
_OF_LEADS = """
WITH own AS (
    SELECT DISTINCT table_name, row_id FROM crm_auditentry
    WHERE (before ->> 'lead_id' = ANY(%(ids)s) OR after ->> 'lead_id' = ANY(%(ids)s))
       OR (table_name = 'crm_leadmerge'
           AND (before ->> 'kept_id' = ANY(%(ids)s) OR after ->> 'kept_id' = ANY(%(ids)s)))
)
UPDATE crm_auditentry e SET before = NULL, after = NULL, salt = NULL
WHERE e.salt IS NOT NULL
  AND ((e.table_name = 'crm_lead' AND e.row_id = ANY(%(ids)s))
       OR EXISTS (SELECT 1 FROM own WHERE own.table_name = e.table_name AND own.row_id = e.row_id))
"""
# Other entries that tell of somebody: a supervisor's words in a call, a text about somebody else.
_FORGET = "UPDATE crm_auditentry SET before = NULL, after = NULL, salt = NULL WHERE salt IS NOT NULL AND "
_MARKED = _FORGET + "table_name <> ALL(%(but_of)s) AND (before::text ~* %(pattern)s OR after::text ~* %(pattern)s)"
_OF_ROWS = _FORGET + "table_name = %(table)s AND row_id = ANY(%(ids)s)"


def erase_leads(ids: Iterable[int]) -> int:
    """Forget the values of every entry about these leads; return how many entries that were."""
    return _forget(_OF_LEADS, {"ids": [str(pk) for pk in ids]})


def erase_marked(pattern: str, *, but_of: Iterable[type[Model]] = ()) -> int:
    """Forget the values of every entry that this regular expression, unless empty, is found in; return how many.

    Entries about the tables of `but_of` are left alone.
    """
    tables = [model._meta.db_table for model in but_of]
    return _forget(_MARKED, {"pattern": pattern, "but_of": tables}) if pattern else 0


def erase_rows(model: type[Model], ids: Iterable[object]) -> int:
    """Forget the values of every entry about these rows of a table; return how many."""
    return _forget(_OF_ROWS, {"table": model._meta.db_table, "ids": [str(pk) for pk in ids]})


@transaction.atomic
def _forget(sql: str, values: dict[str, Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('pete.audit_erases', 'on', true)")
        cursor.execute(sql, values)
        count = cursor.rowcount
        cursor.execute("SELECT set_config('pete.audit_erases', '', true)")
    return count
