"""What happened with a lead, and what is to be done."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from crm.models.leads import Lead
from crm.models.staff import Agent


class EntryKind(models.TextChoices):
    CALL = "call", _("Call")
    NOTE = "note", _("Note")
    TASK = "task", _("Task")
    VIEWING = "viewing", _("Viewing")
    MESSAGE = "message", _("Message")
    CHANGE = "change", _("Change")


class TimelineEntry(models.Model):
    """One typed line in a lead's history. Written once, never changed.

    `actor` says who did it when no member of staff did: "assistant", "system", "api".
    """

    lead = models.ForeignKey(Lead, models.CASCADE, related_name="entries")
    kind = models.CharField(max_length=16, choices=EntryKind)
    text = models.TextField()
    data = models.JSONField(default=dict, blank=True)
    agent = models.ForeignKey(Agent, models.SET_NULL, null=True, blank=True, related_name="+")
    actor = models.CharField(max_length=50, default="system")
    call_id = models.UUIDField(null=True, blank=True)
    # Makes a repeated write find the first one, for example "call-ended:<id>".
    key = models.CharField(max_length=200, null=True, blank=True, unique=True)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-at", "-pk"]
        verbose_name_plural = "timeline entries"
        constraints = [models.CheckConstraint(condition=Q(kind__in=EntryKind.values), name="entry_kind_known")]
        indexes = [models.Index(fields=["lead", "-at"], name="entry_lead_newest")]

    def __str__(self) -> str:
        return f"{self.kind}: {self.text[:60]}"


class Note(models.Model):
    """Free text about a lead, by a person or a program."""

    lead = models.ForeignKey(Lead, models.CASCADE, related_name="notes")
    agent = models.ForeignKey(Agent, models.SET_NULL, null=True, blank=True, related_name="notes")
    text = models.TextField()
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [models.CheckConstraint(condition=~Q(text=""), name="note_not_empty")]

    def __str__(self) -> str:
        return self.text[:60]


class TaskKind(models.TextChoices):
    CALLBACK = "callback", _("Call back")
    FOLLOW_UP = "follow_up", _("Follow up")


class Task(models.Model):
    """Something a person must do for a lead, due at an instant."""

    lead = models.ForeignKey(Lead, models.CASCADE, null=True, blank=True, related_name="tasks")
    kind = models.CharField(max_length=16, choices=TaskKind)
    text = models.CharField(max_length=500)
    due_at = models.DateTimeField()
    assignee = models.ForeignKey(Agent, models.SET_NULL, null=True, blank=True, related_name="tasks")
    call_id = models.UUIDField(null=True, blank=True)
    key = models.CharField(max_length=200, unique=True)
    done_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["due_at", "pk"]
        constraints = [models.CheckConstraint(condition=Q(kind__in=TaskKind.values), name="task_kind_known")]
        indexes = [models.Index(fields=["due_at"], condition=Q(done_at__isnull=True), name="task_open_by_due")]

    def __str__(self) -> str:
        return self.text[:60]

    @property
    def is_late(self) -> bool:
        return self.done_at is None and self.due_at < timezone.now()
