from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from calls import retention
from calls.models import Call, Phase, WebhookEvent

pytestmark = pytest.mark.django_db
NOW = timezone.now()
BEFORE = NOW - timedelta(days=90)


def ended(at, **fields) -> Call:
    row = Call.objects.create(
        id=uuid.uuid4(),
        vapi_id=str(uuid.uuid4()),
        phase=Phase.ENDED,
        ended_at=at,
        recording_url="https://example.com/a.wav",
        transcript=[{"role": "user", "text": "Hi"}],
        summary="Said hi",
        **fields,
    )
    WebhookEvent.objects.create(call=row, fingerprint=uuid.uuid4(), type="status-update", at=at, body=b"{}")
    return row


def test_only_old_ended_calls_lose_what_is_not_kept(monkeypatch):
    monkeypatch.setattr(retention, "_BATCH", 1)
    old, older, recent = ended(BEFORE - timedelta(days=1)), ended(BEFORE - timedelta(days=9)), ended(NOW)

    for forget in (retention.forget_recordings, retention.forget_transcripts, retention.forget_events):
        assert forget(BEFORE) == 2
        assert forget(BEFORE) == 0

    for row in (old, older):
        row.refresh_from_db()
        assert (row.recording_url, row.transcript, row.summary) == ("", [], "")
    recent.refresh_from_db()
    assert recent.recording_url
    assert recent.transcript
    assert [event.call for event in WebhookEvent.objects.all()] == [recent]
