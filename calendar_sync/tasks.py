"""The calendars' background work. Each task takes ids, is safe to run twice and at once."""

from __future__ import annotations

from celery import shared_task

from calendar_sync import adoption, outbox, pushing, readback
from crm.errors import TransientError

# Until the next sweep, which asks again for what is still due.
SWEEP_SECONDS = 30

# --- Outbox ---------------------------------------------------------------------------------------------------------


@shared_task
def push(appointment_id: int) -> int:
    """Write a viewing's events. The sweep behind it does what this misses."""
    return pushing.push_appointment(appointment_id)


@shared_task
def sweep_outbox() -> int:
    """Wake a worker for each viewing with something due, and see to those of newly connected agents."""
    adoption.settle()
    waiting = outbox.due()
    for appointment_id in waiting:
        push.apply_async((appointment_id,), expires=SWEEP_SECONDS)
    return len(waiting)


@shared_task(autoretry_for=(TransientError,), retry_backoff=5, retry_backoff_max=300, max_retries=5)
def read_back(link_id: int) -> int:
    """Look for what else is in Outlook at the time of a viewing that was just written."""
    return readback.read_back(link_id)
