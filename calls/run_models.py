"""Work that somebody starts from a page and a worker does: rehearsals, and the calls of the weeks before Pete."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from crm.models import Agent


class RehearsalRunQuerySet(models.QuerySet["RehearsalRun"]):
    def unfinished(self) -> RehearsalRunQuerySet:
        return self.filter(finished_at=None)


class RehearsalRun(models.Model):
    """Scenarios that were played in a scratch office on somebody's wish, and how they went.

    `results` is [{name, about, outcome, problems, seconds, transcript}], in the order of `names`.
    """

    class Status(models.TextChoices):
        QUEUED = "queued", _("Waiting for a worker")
        RUNNING = "running", _("Running")
        PASSED = "passed", _("Passed")
        FAILED = "failed", _("Failed")
        BROKEN = "broken", _("Could not be played")

    agent = models.ForeignKey(Agent, models.SET_NULL, null=True, blank=True, related_name="+")
    names = models.JSONField(default=list)
    status = models.CharField(max_length=16, choices=Status, default=Status.QUEUED)
    results = models.JSONField(default=list, blank=True)
    # Why it could not be played, in a sentence.
    problem = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = RehearsalRunQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["queued", "running", "passed", "failed", "broken"]),
                name="rehearsal_run_status_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pk} {self.status}"


class HistoryRun(models.Model):
    """Calls of the weeks before Pete, being brought in from Vapi: how many came, and how it went."""

    class Status(models.TextChoices):
        QUEUED = "queued", _("Waiting for a worker")
        RUNNING = "running", _("Calls are being brought in")
        DONE = "done", _("Brought in")
        FAILED = "failed", _("Broke off")

    agent = models.ForeignKey(Agent, models.SET_NULL, null=True, blank=True, related_name="+")
    days = models.PositiveSmallIntegerField()
    status = models.CharField(max_length=16, choices=Status, default=Status.QUEUED)
    # Of the calls Vapi has: those that were looked at, and those that were not here yet.
    seen = models.PositiveIntegerField(default=0)
    brought = models.PositiveIntegerField(default=0)
    problem = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    # When a worker last said how far it is.
    heard_at = models.DateTimeField(db_default=Now(), editable=False)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["queued", "running", "done", "failed"]), name="history_run_status_known"
            ),
            # One at a time, whoever presses.
            models.UniqueConstraint(models.Value(1), condition=Q(finished_at=None), name="history_run_one_at_a_time"),
        ]

    def __str__(self) -> str:
        return f"{self.pk} {self.status}"

    @property
    def is_busy(self) -> bool:
        return self.finished_at is None
