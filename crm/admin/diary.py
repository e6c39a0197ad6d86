"""Viewings, and when people can be booked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from unfold.contrib.filters.admin import AutocompleteSelectFilter, RangeDateFilter

from crm.admin.base import DeskAdmin, LongListAdmin, ReadOnlyAdmin
from crm.models import Appointment, BookingRequest, BusyTime, Closure

if TYPE_CHECKING:
    from django.http import HttpRequest


@admin.register(Appointment)
class AppointmentAdmin(ReadOnlyAdmin):
    """Viewings are booked, moved and cancelled through the pages and the API, which keep the rules."""

    list_display = ("starts_at", "agent", "lead", "listing", "status", "source", "calendar_state")
    list_filter = (
        "status",
        "calendar_state",
        ("agent", AutocompleteSelectFilter),
        ("starts_at", RangeDateFilter),
    )
    list_select_related = ("agent", "lead", "listing")
    search_fields = ("lead__full_name", "lead__phone", "listing__address", "agent__full_name")


@admin.register(BookingRequest)
class BookingRequestAdmin(ReadOnlyAdmin):
    """Requests that were answered, so that a repeated one gets the same answer."""

    sealed = ("digest",)
    list_display = ("created_at", "key", "appointment")
    list_select_related = ("appointment__listing",)
    list_filter = (("created_at", RangeDateFilter),)
    search_fields = ("key",)


@admin.register(BusyTime)
class BusyTimeAdmin(LongListAdmin):
    """What comes from Outlook is changed in Outlook."""

    list_display = ("agent", "starts_at", "ends_at", "reason", "source")
    list_filter = ("source", ("agent", AutocompleteSelectFilter), ("starts_at", RangeDateFilter))
    list_select_related = ("agent",)
    autocomplete_fields = ("agent",)
    search_fields = ("agent__full_name", "reason")
    readonly_fields = ("source", "external_id")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        own = obj is None or obj.source == BusyTime.Source.MANUAL
        return own and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        own = obj is None or obj.source == BusyTime.Source.MANUAL
        return own and super().has_delete_permission(request, obj)


@admin.register(Closure)
class ClosureAdmin(DeskAdmin):
    list_display = ("starts_on", "ends_on", "reason")
    list_filter = (("starts_on", RangeDateFilter),)
    search_fields = ("reason",)
