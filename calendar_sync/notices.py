"""What agents and managers are told about their calendars. Each finding has a key, so it is told once."""

from __future__ import annotations

from typing import Any

from django.db.models.functions import Now
from django.utils import timezone

from calendar_sync.models import Notice, NoticeKind, Push
from crm.models import Agent, Appointment

_LONGEST = 500


def raise_notice(
    kind: NoticeKind,
    agent: Agent,
    *,
    key: str,
    text: str,
    cure: str = "",
    appointment: Appointment | None = None,
    push: Push | None = None,
    data: dict[str, Any] | None = None,
) -> Notice:
    """Return the open notice with this key: a new one, the one there is brought up to date, or a resolved one again."""
    values = {
        "kind": kind,
        "agent": agent,
        "text": text[:_LONGEST],
        "cure": cure[:_LONGEST],
        "appointment": appointment,
        "push": push,
        "data": data or {},
    }
    notice, created = Notice.objects.get_or_create(key=key, defaults=values)
    if created:
        return notice
    # What comes again after it was over is news.
    again = Notice.objects.filter(pk=notice.pk, resolved_at__isnull=False)
    if not again.update(**values, created_at=Now(), resolved_at=None):
        Notice.objects.filter(pk=notice.pk).update(**values)
    notice.refresh_from_db()
    return notice


def resolve_notice(key: str) -> bool:
    """Close the notice with this key; return whether it was open."""
    return bool(Notice.objects.filter(key=key, resolved_at__isnull=True).update(resolved_at=timezone.now()))
