"""What crm tells: a viewing changed by somebody else, and a lead that changed hands, are shown anew on the board."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import Any

from django.db import transaction
from django.dispatch import Signal
from django.utils import timezone

from calls import board, projection
from calls.models import Call, Phase
from crm import signals
from crm.models import Appointment, Lead

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


def show_to_others(sender: type[Lead], lead: Lead, changed: Collection[str], **kwargs: Any) -> None:
    """Have the live calls of a lead that changed hands folded again: other people see them from now on."""
    if "owner" in changed:
        live = Call.objects.filter(lead=lead, last_event_at__gt=timezone.now() - board.ENDED_STAYS)
        talking = Call.objects.filter(lead=lead).exclude(phase=Phase.ENDED)
        ids = {*live.values_list("pk", flat=True), *talking.values_list("pk", flat=True)}
        transaction.on_commit(partial(projection.touch, *ids))


def connect() -> None:
    signals.lead_changed.connect(show_to_others, dispatch_uid="calls.show_to_others")
    for signal in VIEWING_CHANGES:
        signal.connect(show_anew, dispatch_uid="calls.show_anew")
