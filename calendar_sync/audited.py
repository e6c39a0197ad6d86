"""What of the calendars is watched by the audit: who connected what, and which calendars they chose."""

from __future__ import annotations

from calendar_sync.models import Calendar, Connection
from crm.audit.tracking import watch


def connect() -> None:
    watch(
        Connection,
        left_out=("status_at", "access_expires_at", "refreshed_at", "last_synced_at", "compared_at"),
        hidden=("blob",),
    )
    # Reading goes on all the time; what people choose is kept.
    own = ("id", "connection_id", "name", "can_edit", "is_read", "is_written")
    left_out = [name for field in Calendar._meta.concrete_fields if (name := str(field.column)) not in own]
    watch(Calendar, left_out=left_out)
