"""What the doctor looks at in the audit."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from config import doctor
from config.doctor import IllError
from crm.audit import chain
from crm.models import AuditEntry, AuditSeal

# The whole chain is `manage.py verify_audit`'s; the doctor is asked often.
NEWEST_LINKS = 20_000
LATE = timedelta(minutes=15)
CURE = "Run manage.py verify_audit for the whole chain, and find out who can write to the database."


def audit() -> str:
    """Whether the newest part of the audit is as it was written, and sealing keeps up."""
    newest = AuditSeal.objects.values_list("position", flat=True).first() or 0
    faults = chain.verify(since=max(1, newest - NEWEST_LINKS))
    if faults:
        raise IllError(f"{len(faults)} places do not fit, first: {faults[0].text}.", CURE)
    before = timezone.now() - LATE
    if AuditEntry.objects.filter(at__lt=before, at__gt=before - timedelta(days=1), seal=None).exists():
        raise IllError("changes wait for their seal.", "Start a Celery worker and beat.")
    return f"{newest} changes are sealed, and the newest of them fit."


def register() -> None:
    doctor.register("Audit", audit)
