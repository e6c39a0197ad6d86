"""What crm tells: each change of a viewing is written down for Outlook in the viewing's own transaction."""

from __future__ import annotations

from typing import Any

from calendar_sync import outbox
from crm import signals
from crm.models import Appointment, Lead

# A hold is not in it: it is promised for minutes, and booked or gone before anybody drives.
VIEWING_CHANGES = [signals.appointment_booked, signals.appointment_rescheduled, signals.appointment_cancelled]
# What an event says about the lead.
_TOLD = {"full_name", "phone", "email"}


def write_down(sender: type[Appointment], appointment: Appointment, **kwargs: Any) -> None:
    outbox.enqueue(appointment)


def write_down_lead(sender: type[Lead], lead: Lead, changed: list[str], **kwargs: Any) -> None:
    """Bring the lead's events up to date when what they say about the lead changed."""
    if _TOLD.isdisjoint(changed):
        return
    for appointment in outbox.written_of(lead):
        outbox.enqueue(appointment)


def connect() -> None:
    for signal in VIEWING_CHANGES:
        signal.connect(write_down, dispatch_uid="calendar_sync.write_down")
    signals.lead_changed.connect(write_down_lead, dispatch_uid="calendar_sync.write_down_lead")
