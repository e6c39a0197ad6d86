"""Django admin for the voice side: everything but assistants and prompts is history."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html

from calls.models import Assistant, Call, StagePrompt, ToolCall, WebhookEvent
from crm.admin import ReadOnlyAdmin

LONGEST_SHOWN = 50_000


@admin.register(Assistant)
class AssistantAdmin(admin.ModelAdmin):
    list_display = ("name", "vapi_id", "listing", "agent", "team", "phone_number", "is_active")
    list_filter = ("is_active", "team")
    list_select_related = ("listing", "agent", "team")
    search_fields = ("name", "vapi_id", "phone_number")
    autocomplete_fields = ("listing", "agent", "team")


@admin.register(Call)
class CallAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "vapi_id", "customer_number", "status", "stage", "phase", "lead", "ended_reason")
    list_filter = ("phase", "stage", "direction")
    list_select_related = ("lead",)
    search_fields = ("vapi_id", "customer_number", "lead__full_name")


@admin.register(WebhookEvent)
class WebhookEventAdmin(ReadOnlyAdmin):
    """Deliveries as kept: secrets were taken out before they were stored."""

    list_display = ("received_at", "type", "call", "at")
    list_filter = ("type",)
    list_select_related = ("call",)
    search_fields = ("call__vapi_id",)
    fields = ("type", "call", "at", "received_at", "fingerprint", "content")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("body")

    @admin.display(description="content")
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
    list_filter = ("name", "code")
    list_select_related = ("call",)
    search_fields = ("call__vapi_id", "tool_call_id")


@admin.register(StagePrompt)
class StagePromptAdmin(admin.ModelAdmin):
    """A prompt is changed by writing its next version; earlier ones stay as they were."""

    list_display = ("stage", "version", "author", "created_at")
    list_filter = ("stage",)
    list_select_related = ("author",)
    exclude = ("author",)

    def has_change_permission(self, request: HttpRequest, obj: StagePrompt | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: StagePrompt, form: Any, change: bool) -> None:
        obj.author_id = request.user.pk
        super().save_model(request, obj, form, change)
