"""The calendars' background work. Each task takes ids, is safe to run twice and at once."""

from __future__ import annotations

import smtplib
from datetime import timedelta

from celery import shared_task
from django.db.models import QuerySet
from django.utils import timezone

from calendar_sync import (
    adoption,
    alerts,
    choice,
    connect,
    mirror,
    outbox,
    poll,
    pushing,
    readback,
    reconcile,
    resting,
    staleness,
    subscriptions,
    upkeep,
)
from calendar_sync.models import Connection
from crm.errors import TransientError

# Until the next sweep, which asks again for what is still due.
SWEEP_SECONDS = 30
PUSHES_KEPT = timedelta(days=30)

# --- Outbox ---------------------------------------------------------------------------------------------------------


@shared_task
def push(appointment_id: int) -> int:
    """Write a viewing's events. The sweep behind it does what this misses."""
    return pushing.push_appointment(appointment_id)


@shared_task
def sweep_outbox() -> int:
    """Wake a worker for each viewing with something due, and see to those of newly connected agents."""
    adoption.settle()
    for connection_id in reconcile.awaited().values_list("pk", flat=True):
        compare_first.apply_async((connection_id,), expires=SWEEP_SECONDS)
    waiting = outbox.due()
    for appointment_id in waiting:
        push.apply_async((appointment_id,), expires=SWEEP_SECONDS)
    return len(waiting)


@shared_task
def forget_pushes() -> int:
    """Remove what was written to Outlook long ago from the outbox."""
    return outbox.forget(timezone.now() - PUSHES_KEPT)


@shared_task(autoretry_for=(TransientError,), retry_backoff=5, retry_backoff_max=300, max_retries=5)
def read_back(link_id: int) -> int:
    """Look for what else is in Outlook at the time of a viewing that was just written."""
    return readback.read_back(link_id)


@shared_task
def compare_all() -> int:
    """Compare every connected agent's viewings with Outlook, each in a task of its own. Runs at night."""
    waiting = list(reconcile.comparable().values_list("pk", flat=True))
    for connection_id in waiting:
        compare.delay(connection_id)
    return len(waiting)


@shared_task(autoretry_for=(TransientError,), retry_backoff=30, retry_backoff_max=1800, max_retries=8)
def compare(connection_id: int) -> int:
    """Compare one agent's viewings with Outlook."""
    return len(reconcile.reconcile(connection_id))


@shared_task
def compare_first(connection_id: int) -> int:
    """Compare the viewings of an agent who has just connected. The sweep asks again until it was done."""
    return len(reconcile.reconcile(connection_id))


@shared_task(autoretry_for=(TransientError,), retry_backoff=5, retry_backoff_max=300, max_retries=5)
def repair(notice_id: int) -> int:
    """Put right what the comparison found. Queued by the button."""
    return reconcile.repair(notice_id)


# --- Connections ----------------------------------------------------------------------------------------------------

# Each minute asks again for what is still due.
RENEWAL_SECONDS = 55


@shared_task
def renew_tokens() -> int:
    """Wake a worker for each token that runs out soon, and each connection that may have been mended."""
    return _attend(upkeep.due(timezone.now()), force=False)


@shared_task
def keep_connections_alive() -> int:
    """Use each sign-in at least once a week."""
    return _attend(upkeep.idle(timezone.now()), force=True)


def _attend(connections: QuerySet[Connection], *, force: bool) -> int:
    waiting = list(connections.values_list("pk", flat=True))
    for connection_id in waiting:
        attend_connection.apply_async((connection_id,), {"force": force}, expires=RENEWAL_SECONDS)
    return len(waiting)


@shared_task
def attend_connection(connection_id: int, force: bool = False) -> bool:
    """Renew one connection's token, or find out whether it works again."""
    return upkeep.attend(connection_id, force=force)


@shared_task(autoretry_for=(smtplib.SMTPException, OSError), retry_backoff=30, retry_backoff_max=1800, max_retries=8)
def send_notice(notice_id: int) -> int:
    """Write to those whom a notice concerns."""
    return alerts.send(notice_id)


@shared_task
def forget_sign_ins() -> int:
    """Remove sign-ins to Microsoft that are long over."""
    return connect.forget_flows()


# --- Reading --------------------------------------------------------------------------------------------------------


@shared_task
def poll_calendars() -> int:
    """Read every calendar that is due. Enough on its own: nobody need tell us of changes."""
    return poll.poll()


@shared_task
def sync_calendar(calendar_id: int) -> bool:
    """Read what changed in one calendar now. The poll behind it does what this misses."""
    return mirror.sync_calendar(calendar_id)


@shared_task
def sweep_calendars() -> int:
    """Block the agents whose calendars cannot be read, and free those whose can; leave those who are switched off."""
    resting.sweep()
    for connection_id in choice.unlisted().values_list("pk", flat=True):
        list_calendars.apply_async((connection_id,), expires=RENEWAL_SECONDS)
    return staleness.sweep()


@shared_task
def list_calendars(connection_id: int) -> bool:
    """List the calendars of somebody who connected while Microsoft was away. The sweep asks again until it was done."""
    return choice.list_first(connection_id)


@shared_task
def maintain_subscriptions() -> int:
    """Renew the subscriptions that run out soon and make those that are missing."""
    if not subscriptions.are_wanted():
        return 0
    return poll.each(subscriptions.maintain, subscriptions.due(timezone.now()).values_list("pk", flat=True))


@shared_task
def maintain_subscription(calendar_id: int) -> bool:
    """Renew one calendar's subscription, or make it anew."""
    return subscriptions.maintain(calendar_id)
