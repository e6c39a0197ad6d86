"""The office's rules, and what the service keeps for itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from unfold.contrib.filters.admin import AutocompleteSelectFilter, RangeDateFilter

from crm.admin.base import DeskAdmin, ReadOnlyAdmin
from crm.models import IdempotentRequest, OfficeSettings

if TYPE_CHECKING:
    from django.http import HttpRequest


@admin.register(OfficeSettings)
class OfficeSettingsAdmin(DeskAdmin):
    """The one row of booking rules."""

    list_display = ("__str__", "viewing_minutes", "slot_step_minutes", "minimum_notice_minutes", "horizon_days")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and not OfficeSettings.objects.exists()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(IdempotentRequest)
class IdempotentRequestAdmin(ReadOnlyAdmin):
    """Requests of programs that were answered. The answers may hold what is shown only once."""

    sealed = ("body", "fingerprint")
    list_display = ("created_at", "agent", "key", "status")
    list_filter = (("agent", AutocompleteSelectFilter), ("created_at", RangeDateFilter))
    list_select_related = ("agent",)
    search_fields = ("key",)
