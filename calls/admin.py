"""Django admin for the voice side: everything but assistants and prompts is history."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import AutocompleteSelectFilter, FieldTextFilter, RangeDateFilter

from calls import projection, promotion
from calls.models import (
    Assistant,
    Call,
    ControlAction,
    HistoryRun,
    PersonRequest,
    Phase,
    Presence,
    PromptUse,
    RehearsalRun,
    StagePrompt,
    Supervision,
    ToolCall,
    WebhookEvent,
)
from crm.admin import DeskAdmin, ReadOnlyAdmin, dashboard
from crm.admin.base import tell_count
from crm.admin.dashboard import Figure

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from django.db.models import QuerySet
    from django.http import HttpRequest

LONGEST_SHOWN = 50_000
MOST_AT_ONCE = 200


def fold_again(call_ids: Iterable[UUID]) -> list[bool]:
    """Make these calls out of their deliveries once more; say for each whether it is there."""
    ids = list(call_ids)
    promotion.promote(ids)
    return [projection.project(pk) for pk in ids]


@admin.register(Assistant)
class AssistantAdmin(DeskAdmin):
    list_display = ("name", "vapi_id", "listing", "agent", "team", "phone_number", "is_active")
    list_filter = ("is_active", "team")
    list_select_related = ("listing", "agent", "team")
    search_fields = ("name", "vapi_id", "phone_number")
    autocomplete_fields = ("listing", "agent", "team")


@admin.register(Call)
class CallAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "vapi_id", "customer_number", "status", "stage", "phase", "lead", "ended_reason")
    list_filter = (
        "phase",
        "stage",
        ("assistant", AutocompleteSelectFilter),
        ("created_at", RangeDateFilter),
    )
    list_select_related = ("lead",)
    search_fields = ("vapi_id", "customer_number", "lead__full_name")
    actions = ("reprocess",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Call]:
        # Long texts that the list does not show.
        rows: QuerySet[Call] = super().get_queryset(request)
        is_list = request.resolver_match is not None and request.resolver_match.url_name == "calls_call_changelist"
        return rows.defer("transcript", "structured_data", "summary", "context") if is_list else rows

    @admin.action(description=gettext_lazy("Read selected calls' deliveries again"), permissions=["act"])
    def reprocess(self, request: HttpRequest, queryset: QuerySet[Call]) -> None:
        done = fold_again(queryset.values_list("pk", flat=True)[:MOST_AT_ONCE])
        tell_count(self, request, done, _("%(n)s calls were made out of their deliveries again."))


@admin.register(WebhookEvent)
class WebhookEventAdmin(ReadOnlyAdmin):
    """Deliveries as kept: secrets were taken out before they were stored."""

    sealed = ("tool_answer",)
    list_display = ("received_at", "type", "call", "at")
    list_filter = (("type", FieldTextFilter), ("received_at", RangeDateFilter))
    list_select_related = ("call",)
    search_fields = ("=call__vapi_id",)
    search_help_text = gettext_lazy("Vapi's id of the call")
    fields = ("type", "call", "at", "received_at", "content")
    readonly_fields = fields
    actions = ("reprocess",)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("body", "tool_answer")

    @admin.action(description=gettext_lazy("Process selected deliveries again"), permissions=["act"])
    def reprocess(self, request: HttpRequest, queryset: QuerySet[WebhookEvent]) -> None:
        """Fold the calls of these deliveries again: what a delivery means follows from all of its call's."""
        calls = queryset.exclude(call=None).order_by().values_list("call_id", flat=True).distinct()
        done = fold_again(pk for pk in calls[:MOST_AT_ONCE] if pk is not None)
        tell_count(self, request, done, _("%(n)s calls were made out of their deliveries again."))

    @admin.display(description=gettext_lazy("content"))
    def content(self, event: WebhookEvent) -> str:
        """Return the stored JSON, indented where it can be read."""
        raw = bytes(event.body)
        try:
            text = json.dumps(json.loads(raw), indent=2)
        except ValueError:
            text = raw.decode("utf-8", "backslashreplace")
        return format_html("<pre>{}</pre>", text[:LONGEST_SHOWN])


@admin.register(ToolCall)
class ToolCallAdmin(ReadOnlyAdmin):
    list_display = ("at", "name", "call", "code", "stage", "duration_ms")
    list_filter = (("name", FieldTextFilter), ("code", FieldTextFilter), ("at", RangeDateFilter))
    list_select_related = ("call",)
    search_fields = ("=call__vapi_id", "=tool_call_id")


@admin.register(StagePrompt)
class StagePromptAdmin(DeskAdmin):
    """A prompt is changed by writing its next version; earlier ones stay as they were."""

    list_display = ("stage", "assistant", "version", "author", "note", "created_at")
    list_filter = ("stage", ("assistant", AutocompleteSelectFilter))
    list_select_related = ("author", "assistant")
    search_fields = ("text", "note")
    autocomplete_fields = ("assistant",)
    exclude = ("author",)

    def has_change_permission(self, request: HttpRequest, obj: StagePrompt | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: StagePrompt, form: Any, change: bool) -> None:
        obj.author_id = request.user.pk
        super().save_model(request, obj, form, change)


@admin.register(PromptUse)
class PromptUseAdmin(ReadOnlyAdmin):
    list_display = ("at", "call", "prompt")
    list_filter = (("at", RangeDateFilter),)
    list_select_related = ("call", "prompt")
    search_fields = ("=call__vapi_id",)


@admin.register(Presence)
class PresenceAdmin(ReadOnlyAdmin):
    list_display = ("agent", "seen_at", "takes_calls")
    list_filter = ("takes_calls",)
    list_select_related = ("agent",)
    search_fields = ("agent__full_name",)


@admin.register(Supervision)
class SupervisionAdmin(ReadOnlyAdmin):
    list_display = ("call", "agent", "taken_at", "expires_at", "is_muted")
    list_filter = (("agent", AutocompleteSelectFilter),)
    list_select_related = ("call", "agent")
    search_fields = ("=call__vapi_id", "agent__full_name")


@admin.register(ControlAction)
class ControlActionAdmin(ReadOnlyAdmin):
    """What people did to live calls, and why."""

    sealed = ("key",)
    list_display = ("at", "kind", "call", "agent", "reason", "outcome")
    list_filter = ("kind", "outcome", ("agent", AutocompleteSelectFilter), ("at", RangeDateFilter))
    list_select_related = ("call", "agent")
    search_fields = ("=call__vapi_id", "agent__full_name", "reason")


@admin.register(PersonRequest)
class PersonRequestAdmin(ReadOnlyAdmin):
    sealed = ("fingerprint",)
    list_display = ("asked_at", "call", "agent", "answered_at")
    list_filter = (("agent", AutocompleteSelectFilter), ("asked_at", RangeDateFilter))
    list_select_related = ("call", "agent")
    search_fields = ("=call__vapi_id", "agent__full_name")


@admin.register(RehearsalRun)
class RehearsalRunAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "agent", "status", "finished_at", "problem")
    list_filter = ("status", ("agent", AutocompleteSelectFilter))
    list_select_related = ("agent",)
    search_fields = ("agent__full_name", "problem")


@admin.register(HistoryRun)
class HistoryRunAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "agent", "days", "status", "seen", "brought", "finished_at", "problem")
    list_filter = ("status", ("agent", AutocompleteSelectFilter))
    list_select_related = ("agent",)
    search_fields = ("agent__full_name", "problem")


def _calls() -> Iterable[Figure]:
    live = Call.objects.exclude(phase=Phase.ENDED)
    yield Figure(_("Calls now"), live.count(), table="calls_call")
    runs = RehearsalRun.objects.unfinished().count()
    yield Figure(_("Rehearsals under way"), runs, table="calls_rehearsalrun")


dashboard.register("calls", gettext_lazy("Calls"), _calls)
