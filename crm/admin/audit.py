"""The audit in Django admin: all of it as a list, and that of one row as its history."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import FieldTextFilter, RangeDateTimeFilter

from crm.admin.base import ReadOnlyAdmin
from crm.audit.tracking import tables
from crm.models import AuditEntry, AuditSeal

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest

LONGEST_VALUE = 300


class TableFilter(admin.SimpleListFilter):
    """One table's changes, of those that are watched."""

    title = gettext_lazy("table")
    parameter_name = "table_name"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return sorted((table, str(watch.model._meta.verbose_name)) for table, watch in tables().items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEntry]) -> QuerySet[AuditEntry]:
        return queryset.filter(table_name=self.value()) if self.value() else queryset


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    sealed = ("salt", "digest")
    list_display = ("at", "who", "action", "table_name", "row_id", "changes", "via")
    list_filter = (
        TableFilter,
        "action",
        "actor_kind",
        ("row_id", FieldTextFilter),
        ("actor_name", FieldTextFilter),
        ("at", RangeDateTimeFilter),
    )
    search_fields = ("=row_id", "actor_name", "via")
    search_help_text = gettext_lazy("Id of a row, somebody's name, or what it was done with")
    fields = ("at", "who", "action", "table_name", "row_id", "changes", "via")
    readonly_fields = fields

    @admin.display(description=gettext_lazy("by"))
    def who(self, entry: AuditEntry) -> str:
        return f"{entry.actor_name} ({entry.get_actor_kind_display()})"

    @admin.display(description=gettext_lazy("what"))
    def changes(self, entry: AuditEntry) -> str:
        if entry.before is None and entry.after is None:
            return _("erased")
        return format_html_join(
            "", "<div><b>{}</b>: {} → {}</div>", ((name, old, new) for name, old, new in told(entry))
        ) or format_html("{}", "–")


@admin.register(AuditSeal)
class AuditSealAdmin(ReadOnlyAdmin):
    """The chain, by its positions. `manage.py verify_audit` checks it."""

    sealed = ("hash",)
    list_display = ("position", "entry", "at")
    list_select_related = ("entry",)


def told(entry: AuditEntry) -> list[tuple[str, str, str]]:
    """Return each column of a change with its old and its new value as text; those that are empty are left out."""
    before, after = entry.before or {}, entry.after or {}
    names = dict.fromkeys([*before, *after])
    rows = [(name, before.get(name), after.get(name)) for name in names]
    return [(name, _text(old), _text(new)) for name, old, new in rows if (old, new) not in _NOTHING]


_NOTHING: tuple[Any, ...] = ((None, None), (None, ""), ("", None))


def _text(value: Any) -> str:
    if value is None:
        return "–"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"


def history_of(table: str, row_id: str, most: int = 200) -> list[AuditEntry]:
    """Return the newest changes of one row."""
    rows = AuditEntry.objects.filter(table_name=table, row_id=row_id).defer("digest", "salt")
    return list(rows.order_by("-pk")[:most])
