"""What crm tells: each change of a viewing is written down for Outlook in the viewing's own transaction."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from calendar_sync import outbox
from crm import signals
from crm.models import Appointment, Lead, Listing

# A hold is not in it: it is promised for minutes, and booked or gone before anybody drives.
VIEWING_CHANGES = [signals.appointment_booked, signals.appointment_rescheduled, signals.appointment_cancelled]
# What an event says about the lead, and about the home.
_OF_LEAD = {"full_name", "phone", "email"}
_OF_LISTING = {"address", "unit", "neighborhood", "access_notes"}


def write_down(sender: type[Appointment], appointment: Appointment, **kwargs: Any) -> None:
    outbox.enqueue(appointment)


def write_down_lead(sender: type[Lead], lead: Lead, changed: list[str], **kwargs: Any) -> None:
    """Bring the lead's events up to date when what they say about the lead changed."""
    if not _OF_LEAD.isdisjoint(changed):
        _write_again(outbox.written().filter(lead=lead))


def write_down_listing(sender: type[Listing], listing: Listing, changed: list[str], **kwargs: Any) -> None:
    """Bring the events at a home up to date when what they say about it changed."""
    if not _OF_LISTING.isdisjoint(changed):
        _write_again(outbox.written().filter(listing=listing))


def _write_again(viewings: QuerySet[Appointment]) -> None:
    # In one order, as everything that locks several.
    for appointment in viewings.order_by("pk"):
        outbox.enqueue(appointment)


def connect() -> None:
    for signal in VIEWING_CHANGES:
        signal.connect(write_down, dispatch_uid="calendar_sync.write_down")
    signals.lead_changed.connect(write_down_lead, dispatch_uid="calendar_sync.write_down_lead")
    signals.listing_changed.connect(write_down_listing, dispatch_uid="calendar_sync.write_down_listing")
