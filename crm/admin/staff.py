"""People, teams and their keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.forms import UserChangeForm
from django.contrib.auth.models import Group
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.forms import AdminPasswordChangeForm, UserCreationForm

from crm.admin.base import DeskAdmin, DeskInline, ReadOnlyAdmin
from crm.models import Agent, ApiToken, NoticeWishes, Team, WorkingHours

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest

admin.site.unregister(Group)


class AgentCreationForm(UserCreationForm):
    """A new person, known by email."""

    class Meta:
        model = Agent
        fields = ("email", "full_name", "role", "timezone")


class AgentChangeForm(UserChangeForm):
    """A person without their password: not even its hash is shown."""

    password = None  # type: ignore[assignment]

    class Meta:
        model = Agent
        exclude = ("password",)


class WorkingHoursInline(DeskInline):
    model = WorkingHours


@admin.register(Agent)
class AgentAdmin(UserAdmin, DeskAdmin):
    """Staff. The password can be set and never read."""

    sealed = ("password",)
    form = AgentChangeForm
    add_form = AgentCreationForm
    change_password_form = AdminPasswordChangeForm
    add_fieldsets = (
        (None, {"fields": ("email", "full_name", "role", "timezone", "usable_password", "password1", "password2")}),
    )
    fieldsets = (
        (None, {"fields": ("email", "change_password")}),
        (_("Person"), {"fields": ("full_name", "phone", "timezone", "language", "team")}),
        (_("Work"), {"fields": ("role", "is_bookable", "is_active")}),
        (_("Django admin"), {"classes": ("collapse",), "fields": ("is_staff", "is_superuser", "groups")}),
        (_("Dates"), {"fields": ("last_login", "date_joined")}),
    )
    readonly_fields = ("change_password", "last_login", "date_joined")
    list_display = ("full_name", "email", "role", "team", "timezone", "is_bookable", "is_active", "last_login")
    list_filter = ("role", "team", "is_bookable", "is_active")
    list_select_related = ("team",)
    search_fields = ("full_name", "email", "phone")
    ordering = ("full_name",)
    autocomplete_fields = ("team",)
    filter_horizontal = ("groups",)
    inlines = (WorkingHoursInline,)

    @admin.display(description=_("password"))
    def change_password(self, agent: Agent) -> str:
        if agent.pk is None:
            return ""
        link = reverse("admin:auth_user_password_change", args=[agent.pk])
        return format_html('<a class="underline" href="{}">{}</a>', link, _("Set a new password"))


@admin.register(Group)
class DeskGroupAdmin(GroupAdmin, DeskAdmin):
    """Groups of permissions in Django admin; what people see in Pete follows from their role."""


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnlyAdmin):
    """Tokens are made by their owners, who see the secret once; here they are seen and revoked."""

    sealed = ("digest",)
    list_display = ("name", "prefix", "agent", "scopes", "created_at", "last_used_at", "expires_at", "revoked_at")
    list_filter = (("revoked_at", admin.EmptyFieldListFilter), "agent")
    list_select_related = ("agent",)
    search_fields = ("name", "prefix", "agent__email")
    actions = ("revoke",)

    @admin.action(description=_("Revoke selected tokens"), permissions=["act"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        count = queryset.filter(revoked_at=None).update(revoked_at=timezone.now())
        self.report(request, _("%(n)s revoked.") % {"n": count}, ok=bool(count))


@admin.register(Team)
class TeamAdmin(DeskAdmin):
    list_display = ("name", "people")
    search_fields = ("name",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Team]:
        return super().get_queryset(request).prefetch_related("agents")

    @admin.display(description=_("people"))
    def people(self, team: Team) -> str:
        return ", ".join(str(agent) for agent in team.agents.all())


@admin.register(WorkingHours)
class WorkingHoursAdmin(DeskAdmin):
    list_display = ("agent", "weekday", "start_minute", "end_minute")
    list_filter = ("agent", "weekday")
    list_select_related = ("agent",)
    autocomplete_fields = ("agent",)
    search_fields = ("agent__full_name",)


@admin.register(NoticeWishes)
class NoticeWishesAdmin(DeskAdmin):
    """What people want to be told. They choose it themselves on /notifications."""

    list_display = ("person", "quiet_from", "quiet_until", "sound")
    list_select_related = ("person",)
    autocomplete_fields = ("person",)
    search_fields = ("person__full_name", "person__email")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return () if obj is None else ("person",)
