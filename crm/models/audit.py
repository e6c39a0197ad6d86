"""The audit: every change of what matters, with who made it. Written by PostgreSQL, see crm.audit."""

from __future__ import annotations

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class AuditAction(models.TextChoices):
    INSERT = "I", _("Added")
    UPDATE = "U", _("Changed")
    DELETE = "D", _("Removed")


class ActorKind(models.TextChoices):
    """Who made a change. `DATABASE`: somebody who wrote past Pete, with psql for one."""

    PERSON = "person", _("Person")
    TOKEN = "token", _("API token")
    ASSISTANT = "assistant", _("Assistant")
    SYSTEM = "system", _("System")
    DATABASE = "database", _("Database")


class AuditEntry(models.Model):
    """One change of one row. A trigger writes it, another refuses to change it or take it away.

    `before` and `after` are columns: all of them when a row came or went, those that differ otherwise. They and `salt`
    are null once a person's data was erased; `digest` stays, and the chain with it.
    """

    at = models.DateTimeField()
    action = models.CharField(max_length=1, choices=AuditAction)
    table_name = models.CharField(max_length=63)
    row_id = models.CharField(max_length=64)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    actor_kind = models.CharField(max_length=16, choices=ActorKind)
    # The person's, token's or call's id.
    actor_id = models.CharField(max_length=64)
    actor_name = models.CharField(max_length=200)
    # What they did it with: a request's method and path, a task, a command.
    via = models.CharField(max_length=200)
    salt = models.UUIDField(null=True)
    # SHA-256 of everything above.
    digest = models.BinaryField()

    class Meta:
        ordering = ["-pk"]
        verbose_name_plural = "audit entries"
        indexes = [
            models.Index(fields=["table_name", "row_id", "-id"], name="audit_entry_row"),
            BrinIndex(fields=["at"], name="audit_entry_at"),
        ]

    def __str__(self) -> str:
        return f"{self.get_action_display()} {self.table_name} {self.row_id}"


class AuditSeal(models.Model):
    """One link of the chain over the entries: `hash` covers the entry's digest and the hash before."""

    position = models.BigIntegerField(primary_key=True)
    entry = models.OneToOneField(AuditEntry, models.DO_NOTHING, related_name="seal", db_constraint=False)
    hash = models.BinaryField()
    at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-position"]

    def __str__(self) -> str:
        return str(self.position)
