"""How long data is kept. Off until the office sets it; run nightly. Other apps register what they keep."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef
from django.utils import timezone

from crm.models import Lead, LeadStage, OfficeSettings, Task, TimelineEntry

logger = logging.getLogger(__name__)

# Fewer days would take away what a call or a viewing of this month still needs.
LEAST_DAYS = 30
_forget: dict[str, Callable[[datetime], int]] = {}


def register(field: str, forget: Callable[[datetime], int]) -> None:
    """Have `forget` called with the instant before which to delete, when the office's setting `field` has days."""
    _forget[field] = forget


def run(now: datetime | None = None) -> dict[str, int]:
    """Delete what is older than the office keeps; return how much of each, by setting."""
    now = now or timezone.now()
    office = OfficeSettings.load()
    done = {}
    for field, forget in _forget.items():
        days = getattr(office, field)
        if days:
            done[field] = forget(now - timedelta(days=max(days, LEAST_DAYS)))
            logger.info("Retention, %s: %s older than %s days are gone", field, done[field], days)
    return done


def forget_idle_leads(before: datetime) -> int:
    """Delete leads that nothing happened with since, that never had a viewing and leased nothing."""
    recent = TimelineEntry.objects.filter(lead=OuterRef("pk"), at__gte=before)
    open_task = Task.objects.filter(lead=OuterRef("pk"), done_at=None)
    idle = Lead.objects.filter(updated_at__lt=before, created_at__lt=before, appointments=None)
    idle = idle.exclude(stage=LeadStage.LEASED).exclude(Exists(recent)).exclude(Exists(open_task))
    return idle.delete()[1].get(Lead._meta.label, 0)
