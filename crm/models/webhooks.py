"""Outgoing webhooks: who is told of what, and each telling."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from crm.models.staff import Agent


class WebhookEvent(models.TextChoices):
    """What a subscriber may be told of."""

    LEAD_CREATED = "lead.created", _("Lead Created")
    LEAD_CHANGED = "lead.changed", _("Lead Changed")
    APPOINTMENT_HELD = "appointment.held", _("Appointment Held")
    APPOINTMENT_BOOKED = "appointment.booked", _("Appointment Booked")
    APPOINTMENT_RESCHEDULED = "appointment.rescheduled", _("Appointment Rescheduled")
    APPOINTMENT_CANCELLED = "appointment.cancelled", _("Appointment Cancelled")
    CALL_ENDED = "call.ended", _("Call Ended")


class KeptSubscriptions(models.Manager["WebhookSubscription"]):
    """Without those that were removed and wait for their undo."""

    def get_queryset(self) -> models.QuerySet[WebhookSubscription]:
        return super().get_queryset().filter(removed_at=None)


class WebhookSubscription(models.Model):
    """An address that is told of events, in their order. `secret` signs; it is kept encrypted."""

    url = models.URLField(max_length=500)
    events = ArrayField(models.CharField(max_length=40, choices=WebhookEvent), default=list)
    description = models.CharField(max_length=200, blank=True)
    secret = models.BinaryField(editable=False)
    created_by = models.ForeignKey(Agent, models.SET_NULL, null=True, related_name="+", editable=False)
    is_active = models.BooleanField(default=True)
    # Why Pete switched it off; "" when a person did, or nobody.
    disabled_reason = models.CharField(max_length=200, blank=True, editable=False)
    # Until then one worker has it: deliveries of one subscription never overtake each other.
    busy_until = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    # Until the night that follows, a removed one can be brought back with its log.
    removed_at = models.DateTimeField(null=True, editable=False)

    objects = KeptSubscriptions()
    with_removed: ClassVar[models.Manager[WebhookSubscription]] = models.Manager()

    class Meta:
        ordering = ["pk"]
        constraints = [models.CheckConstraint(condition=~Q(events=[]), name="webhook_subscription_events")]

    def __str__(self) -> str:
        return self.url


class DeliveryStatus(models.TextChoices):
    PENDING = "pending", _("Pending")
    DELIVERED = "delivered", _("Delivered")
    FAILED = "failed", _("Failed")


class WebhookDelivery(models.Model):
    """One event on its way to one subscriber. Written in the transaction that it tells of."""

    subscription = models.ForeignKey(WebhookSubscription, models.CASCADE, related_name="deliveries")
    event = models.CharField(max_length=40, choices=WebhookEvent)
    payload = models.JSONField()
    status = models.CharField(max_length=16, choices=DeliveryStatus, default=DeliveryStatus.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    response_status = models.PositiveSmallIntegerField(null=True)
    error = models.CharField(max_length=300, blank=True)
    next_attempt_at = models.DateTimeField(db_default=Now())
    delivered_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-pk"]
        verbose_name_plural = "webhook deliveries"
        constraints = [
            models.CheckConstraint(condition=Q(status__in=DeliveryStatus.values), name="webhook_delivery_status"),
        ]
        indexes = [
            models.Index(fields=["subscription", "-id"], name="webhook_delivery_log"),
            models.Index(fields=["subscription", "id"], condition=Q(status="pending"), name="webhook_delivery_due"),
        ]

    def __str__(self) -> str:
        return f"{self.event} → {self.subscription_id}"
