"""Requests that act once, however often they arrive."""

from __future__ import annotations

from datetime import datetime

from django.db import connection, models
from django.db.models.functions import Now

from crm.models.staff import Agent


class IdempotentRequestQuerySet(models.QuerySet["IdempotentRequest"]):
    """Keys as they are claimed and forgotten."""

    def claim(self, *, agent_id: int, key: str, fingerprint: str) -> bool:
        """Insert a row unless the key is taken. Waits for a transaction that is just taking it."""
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO crm_idempotentrequest (agent_id, key, fingerprint, status)"
                " VALUES (%s, %s, %s, 0) ON CONFLICT (agent_id, key) DO NOTHING",
                [agent_id, key, fingerprint],
            )
            return cursor.rowcount == 1

    def forget(self, before: datetime) -> int:
        """Delete what was claimed before that instant; return how many."""
        return self.filter(created_at__lt=before).delete()[0]


class IdempotentRequest(models.Model):
    """The answer one person's Idempotency-Key got. `key` starts with the path. `status` 0: still being worked on."""

    agent = models.ForeignKey(Agent, models.CASCADE, related_name="+")
    key = models.CharField(max_length=200)
    # A hash of path and body: the same key for something else is a mistake.
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(default=0)
    body = models.JSONField(null=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = IdempotentRequestQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["agent", "key"], name="idempotent_request_key"),
        ]
        indexes = [models.Index(fields=["created_at"], name="idempotent_request_age")]

    def __str__(self) -> str:
        return self.key
