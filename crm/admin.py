"""Django admin for the centre's tables. History is read-only and secrets are never shown."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import AdminUserCreationForm
from django.db.models import Model, QuerySet
from django.dispatch import Signal
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils import timezone

from crm import signals
from crm.models import (
    Agent,
    ApiToken,
    Appointment,
    BusyTime,
    Closure,
    Lead,
    Listing,
    Note,
    OfficeSettings,
    OutgoingMessage,
    Task,
    Team,
    TimelineEntry,
    WorkingHours,
)

admin.site.site_header = admin.site.site_title = "Pete CRM"


class ReadOnlyAdmin(admin.ModelAdmin):
    """Rows that are written by the product and only looked at by people."""

    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class AgentCreationForm(AdminUserCreationForm):
    """A new person, known by email."""

    class Meta:
        model = Agent
        fields = ("email", "full_name", "role", "timezone")


class WorkingHoursInline(admin.TabularInline):
    model = WorkingHours
    extra = 0


@admin.register(Agent)
class AgentAdmin(UserAdmin):
    """Staff. The password can be set and never read."""

    add_form = AgentCreationForm
    add_fieldsets = (
        (None, {"fields": ("email", "full_name", "role", "timezone", "usable_password", "password1", "password2")}),
    )
    fieldsets = (
        (None, {"fields": ("email", "password")}),
        ("Person", {"fields": ("full_name", "phone", "timezone", "team")}),
        ("Work", {"fields": ("role", "is_bookable", "is_active")}),
        ("Django admin", {"classes": ("collapse",), "fields": ("is_staff", "is_superuser", "groups")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    readonly_fields = ("last_login", "date_joined")
    list_display = ("full_name", "email", "role", "team", "timezone", "is_bookable", "is_active")
    list_filter = ("role", "team", "is_bookable", "is_active")
    list_select_related = ("team",)
    search_fields = ("full_name", "email", "phone")
    ordering = ("full_name",)
    filter_horizontal = ("groups",)
    inlines = (WorkingHoursInline,)


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnlyAdmin):
    """Tokens are made by `manage.py create_token`, which shows the secret once; here they are seen and revoked."""

    list_display = ("name", "prefix", "agent", "scopes", "created_at", "last_used_at", "expires_at", "revoked_at")
    list_filter = ("agent",)
    list_select_related = ("agent",)
    search_fields = ("name", "prefix", "agent__email")
    exclude = ("digest",)
    actions = ("revoke",)

    @admin.action(description="Revoke selected tokens", permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        count = queryset.filter(revoked_at=None).update(revoked_at=timezone.now())
        self.message_user(request, f"{count} revoked.")

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("crm.change_apitoken")


@admin.register(Team)
class TeamAdmin(admin.ModelAdmin):
    search_fields = ("name",)


class TellingAdmin(admin.ModelAdmin):
    """Rows whose changes are told to the other apps."""

    told_by: Signal
    told_as: str

    def save_model(self, request: HttpRequest, obj: Model, form: ModelForm, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if change and form.changed_data:
            told = {self.told_as: obj, "changed": list(form.changed_data)}
            self.told_by.send_robust(sender=type(obj), **told, previous_owner_id=form.initial.get("owner"))


@admin.register(Lead)
class LeadAdmin(TellingAdmin):
    told_by, told_as = signals.lead_changed, "lead"
    list_display = ("__str__", "phone", "email", "stage", "budget", "source", "owner", "created_at")
    list_filter = ("stage", "source")
    list_select_related = ("owner",)
    search_fields = ("full_name", "phone", "email")
    autocomplete_fields = ("owner",)
    date_hierarchy = "created_at"
    show_full_result_count = False


@admin.register(Listing)
class ListingAdmin(TellingAdmin):
    told_by, told_as = signals.listing_changed, "listing"
    list_display = ("address", "unit", "rent", "currency", "bedrooms", "property_type", "status", "available_on")
    list_filter = ("status", "property_type", "bedrooms", "pets")
    search_fields = ("address", "unit", "neighborhood")
    autocomplete_fields = ("agents",)
    show_full_result_count = False


@admin.register(Appointment)
class AppointmentAdmin(ReadOnlyAdmin):
    """Viewings are booked, moved and cancelled through the pages and the API, which keep the rules."""

    list_display = ("starts_at", "agent", "lead", "listing", "status", "source", "calendar_state")
    list_filter = ("status", "source", "calendar_state")
    list_select_related = ("agent", "lead", "listing")
    search_fields = ("lead__full_name", "lead__phone", "listing__address", "agent__full_name")
    date_hierarchy = "starts_at"


@admin.register(BusyTime)
class BusyTimeAdmin(admin.ModelAdmin):
    list_display = ("agent", "starts_at", "ends_at", "reason", "source")
    list_filter = ("source",)
    list_select_related = ("agent",)
    autocomplete_fields = ("agent",)
    date_hierarchy = "starts_at"
    show_full_result_count = False


@admin.register(Closure)
class ClosureAdmin(admin.ModelAdmin):
    list_display = ("starts_on", "ends_on", "reason")


@admin.register(OfficeSettings)
class OfficeSettingsAdmin(admin.ModelAdmin):
    """The one row of booking rules."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return not OfficeSettings.objects.exists()

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(Note)
class NoteAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "lead", "agent", "__str__")
    list_select_related = ("lead", "agent")
    search_fields = ("text", "lead__full_name")


@admin.register(Task)
class TaskAdmin(admin.ModelAdmin):
    list_display = ("due_at", "kind", "text", "lead", "assignee", "done_at")
    list_filter = ("kind", "assignee")
    list_select_related = ("lead", "assignee")
    search_fields = ("text", "lead__full_name")
    autocomplete_fields = ("lead", "assignee")
    readonly_fields = ("key", "call_id")
    show_full_result_count = False


@admin.register(TimelineEntry)
class TimelineEntryAdmin(ReadOnlyAdmin):
    list_display = ("at", "kind", "lead", "agent", "actor", "__str__")
    list_filter = ("kind", "actor")
    list_select_related = ("lead", "agent")
    search_fields = ("text", "lead__full_name")


@admin.register(OutgoingMessage)
class OutgoingMessageAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "to", "subject", "status", "attempts", "sent_at", "last_error")
    list_filter = ("status",)
    search_fields = ("to", "subject")
