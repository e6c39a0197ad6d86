"""What the calls app forgets when the office does not keep it for ever. Calls themselves stay, for the figures."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q, QuerySet

from calls.models import Call, Phase, WebhookEvent
from crm import retention

_BATCH = 5_000


def _ended(before: datetime) -> QuerySet[Call]:
    return Call.objects.filter(phase=Phase.ENDED, ended_at__lt=before)


def forget_recordings(before: datetime) -> int:
    """Drop the links to recordings; the sound itself lies at Vapi."""
    return _ended(before).exclude(recording_url="").update(recording_url="")


def forget_transcripts(before: datetime) -> int:
    """Drop what was said, and the summary made of it."""
    return _ended(before).exclude(Q(transcript=[]) & Q(summary="")).update(transcript=[], summary="")


def forget_events(before: datetime) -> int:
    """Delete raw deliveries of ended calls, some thousands at a time."""
    count = 0
    while True:
        old = WebhookEvent.objects.filter(call__in=_ended(before)).values("pk")[:_BATCH]
        deleted = WebhookEvent.objects.filter(pk__in=list(old.values_list("pk", flat=True))).delete()[0]
        count += deleted
        if deleted < _BATCH:
            return count


def connect() -> None:
    retention.register("keep_recordings_days", forget_recordings)
    retention.register("keep_transcripts_days", forget_transcripts)
    retention.register("keep_events_days", forget_events)
