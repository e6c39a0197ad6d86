"""What crm tells: a viewing changed by somebody else is shown anew on the tile of the call that made it."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.db import transaction
from django.dispatch import Signal

from calls import projection
from crm import signals
from crm.models import Appointment

VIEWING_CHANGES: list[Signal] = [
    signals.appointment_held,
    signals.appointment_booked,
    signals.appointment_rescheduled,
    signals.appointment_cancelled,
]


def show_anew(sender: type[Appointment], appointment: Appointment, **kwargs: Any) -> None:
    """Have the viewing's call folded again once the change is committed."""
    if appointment.call_id is not None:
        transaction.on_commit(partial(projection.touch, appointment.call_id))


def connect() -> None:
    for signal in VIEWING_CHANGES:
        signal.connect(show_anew, dispatch_uid="calls.show_anew")
