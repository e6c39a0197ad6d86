"""Which tables are watched. The triggers are put there after every `migrate`, so a table needs only to be named."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import connection
from django.db.models.signals import post_migrate

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.db.models import Model

_PREFIX = "audit_row_"


@dataclass(frozen=True)
class Watch:
    """One table. `left_out` columns are no change by themselves; of `hidden` ones only that they changed is kept.

    `condition` is SQL over the row (ROW stands for it): other rows are not watched.
    """

    model: type[Model]
    left_out: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    condition: str = ""

    @property
    def table(self) -> str:
        return self.model._meta.db_table

    def statements(self) -> dict[str, str]:
        """Return the triggers by name; the name changes with what they do."""
        column = self.model._meta.pk.column
        call = f"crm_audit('{column}', '{','.join(self.left_out)}', '{','.join(self.hidden)}')"
        events = {"INSERT": "NEW", "UPDATE": "NEW", "DELETE": "OLD"} if self.condition else {"": ""}
        return dict(self._statement(event, row, call) for event, row in events.items())

    def _statement(self, event: str, row: str, call: str) -> tuple[str, str]:
        on = event or "INSERT OR UPDATE OR DELETE"
        when = f"WHEN ({self.condition.replace('ROW', row)}) " if self.condition else ""
        text = f'AFTER {on} ON "{self.table}" FOR EACH ROW {when}EXECUTE FUNCTION {call}'
        name = _PREFIX + hashlib.sha256(text.encode()).hexdigest()[:12]
        return name, f"CREATE TRIGGER {name} {text}"


_watched: dict[str, Watch] = {}


def watch(model: type[Model], *, left_out: Iterable[str] = (), hidden: Iterable[str] = (), condition: str = "") -> None:
    """Have every change of this table's rows written down."""
    found = Watch(model, tuple(left_out), tuple(hidden), condition)
    _watched[found.table] = found


def tables() -> dict[str, Watch]:
    """Return what is watched, by table."""
    return _watched


def install(sender: Any, **kwargs: Any) -> None:
    """Put an app's triggers there, and take away those of other definitions."""
    wanted = {
        (one.table, name): statement
        for one in _watched.values()
        if one.model._meta.app_config is sender or one.model._meta.app_label == sender.label
        for name, statement in one.statements().items()
    }
    if not wanted:
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regprocedure('crm_audit()') IS NOT NULL")
        if not cursor.fetchone()[0]:
            return
        cursor.execute(
            "SELECT relname, tgname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid"
            " WHERE starts_with(tgname, %s) AND relname = ANY(%s)",
            [_PREFIX, [table for table, _ in wanted]],
        )
        there = set(cursor.fetchall())
        for table, name in there - set(wanted):
            cursor.execute(f'DROP TRIGGER {name} ON "{table}"')
        for key in set(wanted) - there:
            cursor.execute(wanted[key])


def connect() -> None:
    post_migrate.connect(install, dispatch_uid="crm.audit.install")
