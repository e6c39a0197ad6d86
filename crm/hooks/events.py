"""What is told: one delivery for every subscriber, written in the transaction that it tells of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crm import signals
from crm.api.instants import write_instant
from crm.models import Appointment, Lead, WebhookDelivery, WebhookEvent, WebhookSubscription

if TYPE_CHECKING:
    from django.dispatch import Signal

_APPOINTMENT_SIGNALS = {
    WebhookEvent.APPOINTMENT_HELD: signals.appointment_held,
    WebhookEvent.APPOINTMENT_BOOKED: signals.appointment_booked,
    WebhookEvent.APPOINTMENT_RESCHEDULED: signals.appointment_rescheduled,
    WebhookEvent.APPOINTMENT_CANCELLED: signals.appointment_cancelled,
}


def tell(event: WebhookEvent, data: dict[str, Any]) -> int:
    """Write what happened down for every subscriber; return how many. Other apps tell of theirs through this."""
    wanted = WebhookSubscription.objects.filter(is_active=True, events__contains=[event.value])
    ids = list(wanted.values_list("pk", flat=True))
    WebhookDelivery.objects.bulk_create(WebhookDelivery(subscription_id=pk, event=event, payload=data) for pk in ids)
    for pk in ids:
        queue(pk)
    return len(ids)


def redeliver(row: WebhookDelivery) -> WebhookDelivery:
    """Tell the same once more, after what is still waiting; return the new delivery."""
    again = WebhookDelivery.objects.create(subscription=row.subscription, event=row.event, payload=row.payload)
    again.refresh_from_db()
    queue(row.subscription_id)
    return again


def queue(subscription_id: int) -> None:
    """Have one subscriber told soon after the commit. The sweep tells whom this misses."""
    from crm.tasks import deliver_webhooks  # The tasks import what this module is imported by.

    deliver_webhooks.delay_on_commit(subscription_id)


def appointment_data(row: Appointment) -> dict[str, Any]:
    return {
        "id": row.pk,
        "lead": row.lead_id,
        "listing": row.listing_id,
        "agent": row.agent_id,
        "starts_at": write_instant(row.starts_at),
        "ends_at": write_instant(row.ends_at),
        "status": row.status,
        "source": row.source,
    }


def lead_data(row: Lead) -> dict[str, Any]:
    return {
        "id": row.pk,
        "full_name": row.full_name,
        "phone": row.phone,
        "email": row.email,
        "stage": row.stage,
        "source": row.source,
        "owner": row.owner_id,
    }


def connect() -> None:
    """Listen to what crm's services say. Called once, when the application starts."""
    for event, signal in _APPOINTMENT_SIGNALS.items():
        _connect_appointment(event, signal)
    signals.lead_changed.connect(_lead_changed, dispatch_uid="crm.hooks.lead_changed")
    signals.lead_created.connect(_lead_created, dispatch_uid="crm.hooks.lead_created")


def _connect_appointment(event: WebhookEvent, signal: Signal) -> None:
    def receive(appointment: Appointment, **kwargs: Any) -> None:
        tell(event, {"appointment": appointment_data(appointment)})

    signal.connect(receive, weak=False, dispatch_uid=f"crm.hooks.{event}")


def _lead_changed(lead: Lead, changed: list[str], **kwargs: Any) -> None:
    tell(WebhookEvent.LEAD_CHANGED, {"lead": lead_data(lead), "changed": sorted(changed)})


def _lead_created(lead: Lead, **kwargs: Any) -> None:
    tell(WebhookEvent.LEAD_CREATED, {"lead": lead_data(lead)})
