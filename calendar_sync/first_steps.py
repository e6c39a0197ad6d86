"""The first step that concerns calendars."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from calendar_sync.models import Connection, ConnectionStatus
from crm import first_steps


def is_connected() -> bool:
    return Connection.objects.filter(status=ConnectionStatus.CONNECTED).exists()


def connect() -> None:
    first_steps.register(
        first_steps.Step(
            "calendar",
            2,
            _("Connect a calendar"),
            _("What stands in Outlook is not offered to callers, and viewings appear there."),
            _("Connect"),
            "users",
            is_connected,
        )
    )
