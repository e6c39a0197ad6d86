"""Leads: people who may become tenants."""

from __future__ import annotations

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now, Upper
from django.utils.translation import gettext_lazy as _

from crm.models.staff import E164, Agent


class LeadStage(models.TextChoices):
    """The pipeline. `LOST` may follow any stage and needs a reason."""

    NEW = "new", _("New")
    QUALIFIED = "qualified", _("Qualified")
    VIEWING_BOOKED = "viewing_booked", _("Viewing booked")
    VIEWED = "viewed", _("Viewed")
    APPLIED = "applied", _("Applied")
    LEASED = "leased", _("Leased")
    LOST = "lost", _("Lost")


class Lead(models.Model):
    """A person who may rent a home. One row per phone number; `budget` is per month, in `currency`."""

    full_name = models.CharField(max_length=200, blank=True)
    # Absent when the caller withheld the number; PostgreSQL lets many rows have none.
    phone = models.CharField(max_length=16, null=True, blank=True, unique=True)
    email = models.EmailField(blank=True)
    stage = models.CharField(max_length=16, choices=LeadStage, default=LeadStage.NEW)
    # Since when the lead is in `stage`; whoever changes the stage sets it, see crm.lead_editing.stage_values.
    stage_changed_at = models.DateTimeField(db_default=Now(), editable=False)
    lost_reason = models.CharField(max_length=200, blank=True)
    budget = models.DecimalField(max_digits=10, decimal_places=2, null=True, blank=True)
    currency = models.CharField(max_length=3, default="USD")
    timeline = models.CharField(max_length=200, blank=True)
    property_type = models.CharField(max_length=100, blank=True)
    location = models.CharField(max_length=200, blank=True)
    bedrooms = models.PositiveSmallIntegerField(null=True, blank=True)
    pets = models.CharField(max_length=100, blank=True)
    move_in_on = models.DateField(null=True, blank=True)
    source = models.CharField(max_length=50, default="phone")
    owner = models.ForeignKey(Agent, models.SET_NULL, null=True, blank=True, related_name="leads")
    # When the person agreed to be contacted and recorded; None: never asked or refused.
    consent_at = models.DateTimeField(null=True, blank=True)
    is_demo = models.BooleanField(default=False, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.CheckConstraint(condition=Q(phone__regex=E164), name="lead_phone_e164"),
            models.CheckConstraint(condition=Q(stage__in=LeadStage.values), name="lead_stage_known"),
            models.CheckConstraint(condition=~Q(stage="lost") | ~Q(lost_reason=""), name="lead_lost_needs_reason"),
            models.CheckConstraint(condition=Q(budget__gte=0), name="lead_budget_not_negative"),
        ]
        indexes = [
            # Callers without a number are recognised by e-mail.
            models.Index(Upper("email"), name="lead_email"),
            # What people type into a search, a part of a name or some digits of a number; and people of nearly the same
            # name, who may be one.
            GinIndex(OpClass(Upper("full_name"), name="gin_trgm_ops"), name="lead_name_parts"),
            GinIndex(OpClass(F("phone"), name="gin_trgm_ops"), name="lead_phone_parts"),
            models.Index(fields=["-created_at", "-id"], name="lead_newest_first"),
            models.Index(fields=["owner", "stage"], name="lead_owner_stage"),
            # A column of the pipeline, newest in the stage first.
            models.Index(fields=["stage", "-stage_changed_at", "-id"], name="lead_stage_newest"),
        ]

    def __str__(self) -> str:
        return self.full_name or self.phone or self.email or f"Lead {self.pk}"
