"""Programs that are told of changes, and each telling."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import RangeDateFilter

from crm.admin import dashboard
from crm.admin.base import ReadOnlyAdmin, tell_count
from crm.admin.dashboard import Figure
from crm.hooks.events import redeliver
from crm.models import DeliveryStatus, WebhookDelivery, WebhookSubscription

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.db.models import QuerySet
    from django.http import HttpRequest


@admin.register(WebhookSubscription)
class WebhookSubscriptionAdmin(ReadOnlyAdmin):
    """Subscriptions are made through the API, which shows their secret once."""

    sealed = ("secret",)
    list_display = ("url", "events", "is_active", "disabled_reason", "created_by", "created_at")
    list_filter = ("is_active",)
    list_select_related = ("created_by",)
    search_fields = ("url", "description")


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "event", "subscription", "status", "attempts", "response_status", "error")
    list_filter = ("status", "event", "subscription", ("created_at", RangeDateFilter))
    list_select_related = ("subscription",)
    search_fields = ("subscription__url", "error")
    actions = ("resend",)

    @admin.action(description=gettext_lazy("Deliver selected events once more"), permissions=["act"])
    def resend(self, request: HttpRequest, queryset: QuerySet[WebhookDelivery]) -> None:
        rows = queryset.filter(subscription__is_active=True).order_by("pk")
        tell_count(self, request, [bool(redeliver(row)) for row in rows], _("%(n)s events are being delivered."))


def _hooks() -> Iterable[Figure]:
    table = "crm_webhookdelivery"
    waiting = WebhookDelivery.objects.filter(status=DeliveryStatus.PENDING).count()
    yield Figure(_("Events to deliver"), waiting, table=table, query="?status__exact=pending")
    off = WebhookSubscription.objects.filter(is_active=False).exclude(disabled_reason="").count()
    yield Figure(_("Subscribers switched off"), off, off > 0, "crm_webhooksubscription", "?is_active__exact=0")


dashboard.register("hooks", gettext_lazy("Webhooks"), _hooks)
