"""Django admin for connected calendars: to look at, and to try again. What is sealed is left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import AutocompleteSelectFilter, RangeDateFilter

from calendar_sync import choice, outbox, upkeep
from calendar_sync.models import (
    AuthFlow,
    Calendar,
    Connection,
    ConnectionStatus,
    EventLink,
    MirroredEvent,
    Notice,
    Push,
    PushStatus,
)
from calendar_sync.staleness import is_unread
from crm.admin import ReadOnlyAdmin, dashboard
from crm.admin.base import tell_count
from crm.admin.dashboard import Figure

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.db.models import QuerySet
    from django.http import HttpRequest


def sync_again(connection: Connection) -> bool:
    """Have what is read of a connection brought up to date; a broken one is tried first."""
    is_broken = connection.status != ConnectionStatus.CONNECTED
    if connection.is_resting or (is_broken and not upkeep.attend(connection.pk, force=True)):
        return False
    choice.request_sync(connection)
    return True


@admin.register(Connection)
class ConnectionAdmin(ReadOnlyAdmin):
    sealed = ("blob",)
    list_display = ("agent", "email", "status", "status_code", "access_expires_at", "last_synced_at")
    list_filter = ("status", "is_resting")
    list_select_related = ("agent",)
    search_fields = ("agent__full_name", "email")
    actions = ("sync",)

    @admin.action(description=gettext_lazy("Read selected people's calendars again"), permissions=["act"])
    def sync(self, request: HttpRequest, queryset: QuerySet[Connection]) -> None:
        tell_count(self, request, map(sync_again, queryset), _("%(n)s connections are being read."))


@admin.register(Calendar)
class CalendarAdmin(ReadOnlyAdmin):
    sealed = ("delta_link", "client_state_digest", "subscription_id", "claim")
    list_display = ("name", "connection", "is_read", "is_written", "last_synced_at", "failures", "last_error")
    list_filter = ("is_read", "is_written")
    list_select_related = ("connection__agent",)
    search_fields = ("name", "connection__agent__full_name")


@admin.register(MirroredEvent)
class MirroredEventAdmin(ReadOnlyAdmin):
    list_display = ("starts_at", "ends_at", "calendar", "show_as", "is_all_day")
    list_filter = (("calendar", AutocompleteSelectFilter), ("starts_at", RangeDateFilter))
    list_select_related = ("calendar",)
    search_fields = ("calendar__name", "calendar__connection__agent__full_name")


@admin.register(EventLink)
class EventLinkAdmin(ReadOnlyAdmin):
    list_display = ("appointment", "connection", "generation", "starts_at", "ends_at", "written_at")
    list_filter = (("connection", AutocompleteSelectFilter),)
    list_select_related = ("appointment__listing", "connection__agent")
    search_fields = ("connection__agent__full_name",)


@admin.register(Push)
class PushAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "appointment", "connection", "is_removal", "status", "attempts", "last_error")
    list_filter = ("status", "is_removal", ("connection", AutocompleteSelectFilter))
    list_select_related = ("appointment__listing", "connection__agent")
    search_fields = ("connection__agent__full_name", "last_error")
    actions = ("retry",)

    @admin.action(description=gettext_lazy("Write selected viewings to Outlook again"), permissions=["act"])
    def retry(self, request: HttpRequest, queryset: QuerySet[Push]) -> None:
        done = [outbox.retry(pk) for pk in queryset.order_by("pk").values_list("pk", flat=True)]
        tell_count(self, request, done, _("%(n)s viewings are being written again."))


@admin.register(Notice)
class NoticeAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "kind", "agent", "text", "resolved_at")
    list_filter = ("kind", ("agent", AutocompleteSelectFilter), ("resolved_at", admin.EmptyFieldListFilter))
    list_select_related = ("agent",)
    search_fields = ("text", "agent__full_name")


@admin.register(AuthFlow)
class AuthFlowAdmin(ReadOnlyAdmin):
    """Sign-ins at Microsoft that are under way: whose, and until when."""

    sealed = ("state_digest", "session_digest", "flow")
    list_display = ("agent", "expires_at")
    list_select_related = ("agent",)
    search_fields = ("agent__full_name",)


def _syncs() -> Iterable[Figure]:
    connections = Connection.objects.filter(is_resting=False)
    broken = connections.exclude(status=ConnectionStatus.CONNECTED).count()
    yield Figure(_("Calendars connected"), connections.count(), table="calendar_sync_connection")
    yield Figure(_("Connections broken"), broken, broken > 0, "calendar_sync_connection")
    now = timezone.now()
    read = Calendar.objects.filter(is_read=True).select_related("connection__agent").defer("delta_link")
    late = sum(is_unread(row, now) for row in read)
    yield Figure(_("Calendars not read in time"), late, late > 0, "calendar_sync_calendar")
    waiting = Push.objects.filter(status=PushStatus.WAITING).count()
    yield Figure(_("Viewings to write"), waiting, table="calendar_sync_push", query="?status__exact=waiting")
    failed = Push.objects.filter(status=PushStatus.FAILED).count()
    yield Figure(_("Viewings not written"), failed, failed > 0, "calendar_sync_push", "?status__exact=failed")


dashboard.register("syncs", gettext_lazy("Calendars"), _syncs)
