"""Appointments: promised viewings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeBoundary, RangeOperators
from django.db import models
from django.db.models import F, Func, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from crm.models.leads import Lead
from crm.models.listings import Listing
from crm.models.office import buffers_within_limit
from crm.models.staff import Agent

if TYPE_CHECKING:
    from datetime import datetime


class AppointmentStatus(models.TextChoices):
    HELD = "held", _("Held")
    BOOKED = "booked", _("Booked")
    CANCELLED = "cancelled", _("Cancelled")
    COMPLETED = "completed", _("Completed")
    NO_SHOW = "no_show", _("No-show")


# These keep their time: nothing else may be promised over them.
LIVE = [AppointmentStatus.HELD, AppointmentStatus.BOOKED]


class CalendarState(models.TextChoices):
    """Where the outside calendar stands. `LOCAL`: the agent has none connected."""

    LOCAL = "local", _("Local")
    PENDING = "pending", _("Pending")
    SYNCED = "synced", _("Synced")
    FAILED = "failed", _("Failed")


class TsTzRange(Func):
    """tstzrange over two instants."""

    function = "TSTZRANGE"
    output_field = DateTimeRangeField()


class AppointmentQuerySet(models.QuerySet["Appointment"]):
    """Appointments and what belongs to them."""

    def with_names(self) -> AppointmentQuerySet:
        """Bring along what the timeline and the receivers of signals say about an appointment."""
        return self.select_related("lead", "listing", "agent")


class Appointment(models.Model):
    """A promise of one agent's time to one lead at one listing: [starts_at, ends_at), UTC.

    The buffers are those in force when it was promised, in minutes.
    """

    lead = models.ForeignKey(Lead, models.PROTECT, related_name="appointments")
    listing = models.ForeignKey(Listing, models.PROTECT, related_name="appointments")
    agent = models.ForeignKey(Agent, models.PROTECT, related_name="appointments")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    status = models.CharField(max_length=16, choices=AppointmentStatus, default=AppointmentStatus.BOOKED)
    # Set while held: the hold lapses at this instant.
    expires_at = models.DateTimeField(null=True, blank=True)
    # Copied from the listing: a stacked viewing shares the listing's time with others.
    is_stacked = models.BooleanField(default=False)
    buffer_before_minutes = models.PositiveSmallIntegerField(default=0)
    buffer_after_minutes = models.PositiveSmallIntegerField(default=0)
    source = models.CharField(max_length=16, default="voice")
    # Chosen by the caller: a repeated request finds the first answer instead of booking twice.
    idempotency_key = models.CharField(max_length=200)
    cancel_reason = models.CharField(max_length=500, blank=True)
    # The phone call that made it; calls live in another app.
    call_id = models.UUIDField(null=True, blank=True)
    calendar_state = models.CharField(max_length=16, choices=CalendarState, default=CalendarState.LOCAL)
    external_id = models.TextField(blank=True)
    is_demo = models.BooleanField(default=False, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    objects = AppointmentQuerySet.as_manager()

    class Meta:
        ordering = ["starts_at", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["idempotency_key"], name="appointment_key"),
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="appointment_ends_after_start"),
            models.CheckConstraint(condition=Q(status__in=AppointmentStatus.values), name="appointment_status_known"),
            models.CheckConstraint(
                condition=~Q(status="held") | Q(expires_at__isnull=False), name="appointment_hold_expires"
            ),
            models.CheckConstraint(
                condition=Q(calendar_state__in=CalendarState.values), name="appointment_calendar_state_known"
            ),
            models.CheckConstraint(condition=buffers_within_limit(), name="appointment_buffers"),
            ExclusionConstraint(
                name="appointment_agent_no_overlap",
                expressions=[
                    ("agent", RangeOperators.EQUAL),
                    (TsTzRange("starts_at", "ends_at", RangeBoundary()), RangeOperators.OVERLAPS),
                ],
                condition=Q(status__in=LIVE),
            ),
            ExclusionConstraint(
                name="appointment_listing_no_overlap",
                expressions=[
                    ("listing", RangeOperators.EQUAL),
                    (TsTzRange("starts_at", "ends_at", RangeBoundary()), RangeOperators.OVERLAPS),
                ],
                condition=Q(status__in=LIVE, is_stacked=False),
            ),
        ]
        indexes = [
            models.Index(fields=["lead", "starts_at"], name="appointment_lead_start"),
            # Fairness: viewings an agent has in a week, and the last one.
            models.Index(fields=["agent", "starts_at"], name="appointment_agent_start"),
            # The viewings of a call: what its tile, its page and the list of calls say of it.
            models.Index(fields=["call_id"], condition=Q(call_id__isnull=False), name="appointment_call"),
            # Holds to free, found every minute.
            models.Index(fields=["expires_at"], condition=Q(status="held"), name="appointment_holds"),
        ]

    def __str__(self) -> str:
        return f"{self.listing} {self.starts_at:%Y-%m-%d %H:%M} ({self.status})"

    def is_lapsed(self, now: datetime) -> bool:
        """A hold ends at the instant it expires."""
        return self.status == AppointmentStatus.HELD and self.expires_at is not None and self.expires_at <= now


class BookingRequest(models.Model):
    """One request about an appointment, by the key its sender chose: repeated, it finds the first answer.

    `digest` tells a repetition from another request under the same key.
    """

    key = models.CharField(max_length=200)
    digest = models.CharField(max_length=64)
    appointment = models.ForeignKey(Appointment, models.CASCADE, related_name="requests")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["key"], name="booking_request_key")]

    def __str__(self) -> str:
        return self.key
