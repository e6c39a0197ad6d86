"""What every table in Django admin shares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.utils.translation import gettext as _
from unfold.admin import ModelAdmin, TabularInline
from unfold.paginator import InfinitePaginator

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.db.models import Model, QuerySet
    from django.dispatch import Signal
    from django.forms import ModelForm
    from django.http import HttpRequest


class DeskAdmin(ModelAdmin):
    """A table. Columns in `sealed` (tokens, hashes, ciphertexts) are neither shown nor even read."""

    sealed: tuple[str, ...] = ()
    show_full_result_count = False
    list_filter_submit = True
    warn_unsaved_form = True

    def get_exclude(self, request: HttpRequest, obj: Any = None) -> Any:
        return (*(super().get_exclude(request, obj) or ()), *self.sealed)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer(*self.sealed)

    def history_view(self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None) -> Any:
        """Show the audit of one row, which knows of every change and not only of those made here."""
        from crm.admin.audit import history_of, told

        entries = history_of(self.opts.db_table, object_id)
        changes = [(entry, told(entry)) for entry in entries]
        return super().history_view(request, object_id, {"changes": changes, **(extra_context or {})})

    def report(self, request: HttpRequest, text: str, *, ok: bool = True) -> None:
        """Tell the person what came of an action."""
        self.message_user(request, text, messages.SUCCESS if ok else messages.WARNING)


class LongListAdmin(DeskAdmin):
    """A table that grows for ever."""

    # Without a COUNT(*), which reads a long table from end to end: a full page has a next one.
    paginator = InfinitePaginator
    list_disable_select_all = True
    list_per_page = 50


class ReadOnlyAdmin(LongListAdmin):
    """Rows that are written by the product and only looked at by people."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_act_permission(self, request: HttpRequest) -> bool:
        """Say whether the person may use the table's actions, which change rows by way of the services."""
        meta = self.opts
        return request.user.has_perm(f"{meta.app_label}.change_{meta.model_name}")


class TellingAdmin(LongListAdmin):
    """Rows whose changes are told to the other apps."""

    told_by: Signal
    told_as: str

    def save_model(self, request: HttpRequest, obj: Model, form: ModelForm[Any], change: bool) -> None:
        super().save_model(request, obj, form, change)
        if change and form.changed_data:
            told = {self.told_as: obj, "changed": list(form.changed_data)}
            self.told_by.send_robust(sender=type(obj), **told, previous_owner_id=form.initial.get("owner"))


class DeskInline(TabularInline):
    extra = 0
    tab = True


def tell_count(admin: DeskAdmin, request: HttpRequest, done: Iterable[bool], text: str) -> None:
    """Report how many rows an action did something to; `text` has a %(n)s."""
    count = sum(map(bool, done))
    if count:
        admin.report(request, text % {"n": count})
    else:
        admin.report(request, _("Nothing was to be done with these."), ok=False)
