"""The event that stands for a viewing: what it says on the road, and how it is known to be ours."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime

from django.conf import settings

from calendar_sync.models import Connection
from calendar_sync.remote import EventDraft, RemoteEvent
from crm.models import Appointment
from crm.wording import person, phone

# One namespace for the product, for ever: the same viewing in the same mailbox has the same transactionId anywhere.
_NAMESPACE = uuid.UUID("0f6f2f2e-5a52-4f0c-8f6c-3f1f6a2f5b77")
REMINDER_MINUTES = 30
_LONGEST_SUBJECT = 255
# Around Pete's lines in the body of an event, in characters that no program writes differently.
BEGIN = "[Pete keeps these lines up to date]"
END = "[What you write above or below them stays]"


def tag_of(appointment: Appointment, generation: int) -> str:
    """Return the value of our extended property."""
    return f"{appointment.pk}:{generation}"


def read_tag(tag: str | None) -> tuple[int, int] | None:
    """Return (appointment id, generation), None for what Pete did not write."""
    head, colon, tail = (tag or "").partition(":")
    return (int(head), int(tail)) if colon and _is_number(head) and _is_number(tail) else None


def _is_number(text: str) -> bool:
    """Say whether this is a number that a table could hold: anybody can write anything into their own events."""
    return text.isascii() and text.isdigit() and len(text) <= 18


def transaction_id(appointment: Appointment, connection: Connection, generation: int) -> str:
    """Return what makes a repeated create find the first one's event.

    Made of the account, not of the connection's row: whoever disconnects and connects again has the same events. The
    instant tells apart the viewings that two installations number alike.
    """
    account = f"{connection.tenant_id}:{connection.object_id}"
    name = f"{appointment.pk}:{appointment.created_at.isoformat()}:{account}:{generation}"
    return str(uuid.uuid5(_NAMESPACE, name))


def generation_of(event: RemoteEvent, appointment: Appointment, connection: Connection) -> int | None:
    """Return the generation in which Pete wrote this event for this viewing; None if it did not."""
    parts = read_tag(event.tag)
    if parts is None or parts[0] != appointment.pk or event.is_cancelled:
        return None
    expected = transaction_id(appointment, connection, parts[1])
    return parts[1] if event.transaction_id in ("", expected) else None


def is_written_by_us(event: RemoteEvent, appointment: Appointment, connection: Connection) -> bool:
    """Say whether this event is surely not a copy that somebody made: those have no transactionId of ours."""
    return bool(event.transaction_id) and generation_of(event, appointment, connection) is not None


def draft(appointment: Appointment, connection: Connection, generation: int) -> EventDraft:
    """Return what the event is to say."""
    listing = appointment.listing
    return EventDraft(
        subject=f"Viewing: {listing} – {person(appointment.lead)}"[:_LONGEST_SUBJECT],
        body=_body(appointment),
        starts_at=appointment.starts_at,
        ends_at=appointment.ends_at,
        place=str(listing),
        tag=tag_of(appointment, generation),
        transaction_id=transaction_id(appointment, connection, generation),
        reminder_minutes=REMINDER_MINUTES,
    )


def _body(appointment: Appointment) -> str:
    lead, listing = appointment.lead, appointment.listing
    lines = [
        ("Lead", person(lead)),
        ("Phone", phone(lead.phone)),
        ("E-mail", lead.email),
        ("Home", ", ".join(filter(None, [str(listing), listing.neighborhood]))),
        ("Access", listing.access_notes.strip()),
    ]
    text = "\n".join(f"{name}: {value}" for name, value in lines if value)
    note = "Move this event and the viewing moves; delete it and the viewing is cancelled. The lead is told."
    return f"{BEGIN}\n{text}\n\nIn Pete: {link_to(appointment)}\n\n{note}\n{END}"


def link_to(appointment: Appointment) -> str:
    """Return the address at which staff find the viewing."""
    return f"{settings.PUBLIC_URL}/appointments?appointment={appointment.pk}"


def same_times(event: RemoteEvent, starts_at: datetime | None, ends_at: datetime | None) -> bool:
    """Say whether an event is at these times. One that fills whole days is at no time of day."""
    return not event.is_all_day and same_instants((event.starts_at, event.ends_at), (starts_at, ends_at))


def same_instants(one: Iterable[datetime | None], other: Iterable[datetime | None]) -> bool:
    """Compare to the second, which is how exactly Graph is told."""
    return [at and at.replace(microsecond=0) for at in one] == [at and at.replace(microsecond=0) for at in other]
