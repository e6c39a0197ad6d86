"""Leads that turned out to be one person."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from crm.models.leads import Lead
from crm.models.staff import Agent


class LeadMerge(models.Model):
    """One lead taken into another, with all that it takes to part them again.

    `gone` is the row that went; `before` and `after` are the kept lead's columns that changed; `moved` is {model: ids}.
    """

    kept = models.ForeignKey(Lead, models.CASCADE, related_name="merges")
    gone_lead_id = models.BigIntegerField()
    gone = models.JSONField()
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    moved = models.JSONField(default=dict)
    # The other of two numbers: whoever calls from it is still this person.
    number = models.CharField(max_length=16, null=True, blank=True)
    agent = models.ForeignKey(Agent, models.SET_NULL, null=True, related_name="+")
    merged_at = models.DateTimeField(db_default=Now(), editable=False)
    undone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-merged_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["gone_lead_id"], condition=Q(undone_at__isnull=True), name="lead_merge_gone_once"
            ),
        ]
        indexes = [
            # A caller's number, looked up in every call.
            models.Index(fields=["number"], condition=Q(undone_at__isnull=True), name="lead_merge_number"),
        ]

    def __str__(self) -> str:
        return f"{self.gone_lead_id} into {self.kept_id}"
