"""Leads and what belongs to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import forms
from django.contrib import admin
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import AutocompleteSelectFilter, RangeDateFilter
from unfold.widgets import UnfoldAdminSelectWidget

from crm import signals
from crm.admin.base import DeskAdmin, LongListAdmin, ReadOnlyAdmin, TellingAdmin
from crm.bulk import MOST_LEADS, change_leads
from crm.erasure import erase_person
from crm.models import Agent, Lead, LeadMerge, Note, SavedView, Task, TimelineEntry

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse


class NewOwnerForm(forms.Form):
    """To whom leads go; nobody means that they are for anybody to claim."""

    owner = forms.ModelChoiceField(
        Agent.objects.filter(is_active=True),
        required=False,
        label=gettext_lazy("New owner"),
        empty_label=gettext_lazy("Nobody: anybody may claim them"),
        widget=UnfoldAdminSelectWidget,
    )


@admin.register(Lead)
class LeadAdmin(TellingAdmin):
    told_by, told_as = signals.lead_changed, "lead"
    list_display = ("__str__", "phone", "email", "stage", "budget", "source", "owner", "created_at")
    list_filter = (
        "stage",
        ("owner", AutocompleteSelectFilter),
        ("created_at", RangeDateFilter),
        ("email", admin.EmptyFieldListFilter),
    )
    list_select_related = ("owner",)
    search_fields = ("full_name", "phone", "email")
    search_help_text = gettext_lazy("Name, number or e-mail")
    autocomplete_fields = ("owner",)
    readonly_fields = ("stage_changed_at", "created_at", "updated_at")
    actions = ("reassign", "erase")

    @admin.action(description=gettext_lazy("Give selected leads to somebody else"), permissions=["change"])
    def reassign(self, request: HttpRequest, queryset: QuerySet[Lead]) -> HttpResponse | None:
        """Ask to whom, then hand the leads over as the list of leads does."""
        form = NewOwnerForm(request.POST if "hand_over" in request.POST else None)
        if form.is_valid():
            assert isinstance(request.user, Agent)
            came = change_leads(queryset, {"owner": form.cleaned_data["owner"]}, agent=request.user)
            self.report(request, _("%(n)s leads were handed over.") % {"n": came.changed}, ok=bool(came.changed))
            return None
        rows = list(queryset[:MOST_LEADS])
        context = {
            **self.admin_site.each_context(request),
            "title": _("Hand over leads"),
            "opts": self.opts,
            "form": form,
            "leads": rows,
            "action_name": "reassign",
        }
        return render(request, "admin/crm/lead/reassign.html", context)

    @admin.action(description=gettext_lazy("Forget selected people (data protection)"), permissions=["delete"])
    def erase(self, request: HttpRequest, queryset: QuerySet[Lead]) -> HttpResponse | None:
        """Ask whether that is meant, then take away who they are."""
        rows = list(queryset[:MOST_LEADS])
        if "confirmed" in request.POST:
            for lead in rows:
                erase_person(lead)
            self.report(request, _("%(n)s people were forgotten.") % {"n": len(rows)})
            return None
        title = _("Forget people")
        context = {**self.admin_site.each_context(request), "title": title, "opts": self.opts, "leads": rows}
        return render(request, "admin/crm/lead/erase.html", context)


@admin.register(Note)
class NoteAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "lead", "agent", "__str__")
    list_filter = (("agent", AutocompleteSelectFilter), ("created_at", RangeDateFilter))
    list_select_related = ("lead", "agent")
    search_fields = ("text", "lead__full_name")


@admin.register(Task)
class TaskAdmin(LongListAdmin):
    list_display = ("due_at", "kind", "text", "lead", "assignee", "done_at")
    list_filter = (
        "kind",
        ("assignee", AutocompleteSelectFilter),
        ("done_at", admin.EmptyFieldListFilter),
        ("due_at", RangeDateFilter),
    )
    list_select_related = ("lead", "assignee")
    search_fields = ("text", "lead__full_name")
    autocomplete_fields = ("lead", "assignee")
    readonly_fields = ("key", "call_id")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


@admin.register(TimelineEntry)
class TimelineEntryAdmin(ReadOnlyAdmin):
    list_display = ("at", "kind", "lead", "agent", "actor", "__str__")
    list_filter = ("kind", ("agent", AutocompleteSelectFilter), ("at", RangeDateFilter))
    list_select_related = ("lead", "agent")
    search_fields = ("text", "lead__full_name")


@admin.register(LeadMerge)
class LeadMergeAdmin(ReadOnlyAdmin):
    list_display = ("merged_at", "kept", "gone_lead_id", "agent", "undone_at")
    list_filter = (("undone_at", admin.EmptyFieldListFilter), ("agent", AutocompleteSelectFilter))
    list_select_related = ("kept", "agent")
    search_fields = ("kept__full_name", "number")


@admin.register(SavedView)
class SavedViewAdmin(DeskAdmin):
    list_display = ("name", "page", "person", "is_shared", "created_at")
    list_filter = ("page", "is_shared", ("person", AutocompleteSelectFilter))
    list_select_related = ("person",)
    autocomplete_fields = ("person",)
    search_fields = ("name", "person__full_name")
