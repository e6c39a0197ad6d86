"""What goes out to leads and to staff."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import AutocompleteSelectFilter, RangeDateFilter

from crm.admin.base import ReadOnlyAdmin, tell_count
from crm.messages import send_again
from crm.models import Notice, OutgoingMessage
from crm.notices import email_again

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest


@admin.register(OutgoingMessage)
class OutgoingMessageAdmin(ReadOnlyAdmin):
    """E-mails to leads. The text stays out of sight: it holds the links with which a lead changes a viewing."""

    sealed = ("body",)
    list_display = ("created_at", "to", "subject", "status", "attempts", "sent_at", "last_error")
    list_filter = ("status", ("created_at", RangeDateFilter))
    list_select_related = ("lead",)
    search_fields = ("to", "subject", "lead__full_name")
    actions = ("resend",)

    @admin.action(description=gettext_lazy("Send selected messages again"), permissions=["act"])
    def resend(self, request: HttpRequest, queryset: QuerySet[OutgoingMessage]) -> None:
        done = [send_again(pk) for pk in queryset.values_list("pk", flat=True)]
        tell_count(self, request, done, _("%(n)s messages are being sent."))


@admin.register(Notice)
class NoticeAdmin(ReadOnlyAdmin):
    """What people were told."""

    list_display = ("created_at", "person", "kind", "event", "lead", "read_at", "email_due_at")
    list_filter = (
        "kind",
        ("person", AutocompleteSelectFilter),
        ("read_at", admin.EmptyFieldListFilter),
        ("created_at", RangeDateFilter),
    )
    list_select_related = ("person", "lead")
    search_fields = ("person__full_name", "lead__full_name", "key")
    actions = ("resend",)

    @admin.action(description=gettext_lazy("E-mail selected notices again"), permissions=["act"])
    def resend(self, request: HttpRequest, queryset: QuerySet[Notice]) -> None:
        tell_count(self, request, [True] * email_again(queryset), _("%(n)s notices are being e-mailed."))
