"""Spreadsheets that an office moves in with."""

from __future__ import annotations

from uuid import uuid4

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from crm.models.staff import Agent


class ImportKind(models.TextChoices):
    LEADS = "leads", _("Leads")
    LISTINGS = "listings", _("Listings")


class ImportStatus(models.TextChoices):
    UPLOADED = "uploaded", _("Columns to be chosen")
    CHECKING = "checking", _("Being checked")
    CHECKED = "checked", _("Checked")
    RUNNING = "running", _("Being brought in")
    DONE = "done", _("Brought in")
    FAILED = "failed", _("Failed")
    UNDOING = "undoing", _("Being taken back")
    UNDONE = "undone", _("Taken back")


class ImportBatch(models.Model):
    """One file: what it holds, how its columns are read, how far it is. `mapping` is {field: number of the column}."""

    kind = models.CharField(max_length=16, choices=ImportKind)
    filename = models.CharField(max_length=200)
    # The file lies under the uploads, named so.
    name = models.UUIDField(default=uuid4, editable=False)
    encoding = models.CharField(max_length=16, blank=True)
    headings = models.JSONField(default=list)
    sample = models.JSONField(default=list)
    mapping = models.JSONField(default=dict)
    # What becomes of rows that are there already: they are left, or changed to what the file says.
    updates = models.BooleanField(default=False)
    status = models.CharField(max_length=16, choices=ImportStatus, default=ImportStatus.UPLOADED)
    # Rows of the file that are settled.
    done_rows = models.PositiveIntegerField(default=0)
    total_rows = models.PositiveIntegerField(default=0)
    problem = models.CharField(max_length=500, blank=True)
    agent = models.ForeignKey(Agent, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        verbose_name_plural = "import batches"
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=ImportKind.values), name="import_batch_kind"),
            models.CheckConstraint(condition=Q(status__in=ImportStatus.values), name="import_batch_status"),
        ]

    def __str__(self) -> str:
        return self.filename

    @property
    def is_busy(self) -> bool:
        return self.status in (ImportStatus.CHECKING, ImportStatus.RUNNING, ImportStatus.UNDOING)


class ImportOutcome(models.TextChoices):
    CREATED = "created", _("New")
    UPDATED = "updated", _("Changed")
    SAME = "same", _("There already")
    REPEATED = "repeated", _("Twice in the file")
    WRONG = "wrong", _("Not brought in")
    UNDONE = "undone", _("Taken back")
    KEPT = "kept", _("Kept: changed since")


class ImportRow(models.Model):
    """What came, or would come, of one row. `before` is what a changed row was, so that it can be put back."""

    batch = models.ForeignKey(ImportBatch, models.CASCADE, related_name="rows")
    line = models.PositiveIntegerField()
    outcome = models.CharField(max_length=16, choices=ImportOutcome)
    text = models.CharField(max_length=500, blank=True)
    object_id = models.BigIntegerField(null=True, blank=True)
    before = models.JSONField(null=True, blank=True)

    class Meta:
        ordering = ["line"]
        constraints = [models.UniqueConstraint(fields=["batch", "line"], name="import_row_once")]
        indexes = [models.Index(fields=["batch", "outcome", "line"], name="import_row_outcome")]

    def __str__(self) -> str:
        return f"{self.line}: {self.outcome}"
