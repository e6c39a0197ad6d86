"""Django admin for connected calendars: to look at. What is sealed is left out, sign-ins under way altogether."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from calendar_sync.models import Calendar, Connection, EventLink, MirroredEvent, Notice, Push
from crm.admin import ReadOnlyAdmin


class SealedAdmin(ReadOnlyAdmin):
    """A table with columns that are neither shown nor even read."""

    sealed: tuple[str, ...] = ()

    def get_exclude(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        return self.sealed

    def get_queryset(self, request: HttpRequest) -> QuerySet[Model]:
        return super().get_queryset(request).defer(*self.sealed)


@admin.register(Connection)
class ConnectionAdmin(SealedAdmin):
    sealed = ("blob",)
    list_display = ("agent", "email", "status", "status_code", "access_expires_at", "last_synced_at")
    list_filter = ("status",)
    list_select_related = ("agent",)
    search_fields = ("agent__full_name", "email")


@admin.register(Calendar)
class CalendarAdmin(SealedAdmin):
    sealed = ("delta_link", "client_state_digest")
    list_display = ("name", "connection", "is_read", "is_written", "last_synced_at", "failures", "last_error")
    list_filter = ("is_read", "is_written")
    list_select_related = ("connection__agent",)
    search_fields = ("name", "connection__agent__full_name")


@admin.register(MirroredEvent)
class MirroredEventAdmin(ReadOnlyAdmin):
    list_display = ("starts_at", "ends_at", "calendar", "show_as", "is_all_day")
    list_filter = ("show_as",)
    list_select_related = ("calendar",)


@admin.register(EventLink)
class EventLinkAdmin(ReadOnlyAdmin):
    list_display = ("appointment", "connection", "generation", "starts_at", "ends_at", "written_at")
    list_select_related = ("appointment", "connection__agent")


@admin.register(Push)
class PushAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "appointment", "connection", "is_removal", "status", "attempts", "last_error")
    list_filter = ("status", "is_removal")
    list_select_related = ("appointment", "connection__agent")


@admin.register(Notice)
class NoticeAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "kind", "agent", "text", "resolved_at")
    list_filter = ("kind", ("resolved_at", admin.EmptyFieldListFilter))
    list_select_related = ("agent",)
    search_fields = ("text", "agent__full_name")
