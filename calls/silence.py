"""Calls that fell silent: Vapi is asked, then they are closed. What is closed so opens again when it is heard of."""

from __future__ import annotations

import logging
import uuid
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone
from redis.exceptions import RedisError

from calls import phases, projection
from calls.client import VapiClient
from calls.models import Call, Phase, WebhookEvent
from calls.stages import forget_now
from calls.webhook.redact import redact
from crm import booking
from crm.errors import PermanentError, TransientError
from crm.models import Appointment, AppointmentStatus

logger = logging.getLogger(__name__)

MOST_AT_ONCE = 200
_OVER = frozenset({"ended", "not-found", "deletion-failed"})


def silent_calls(now: datetime) -> QuerySet[Call]:
    """Return live calls of which nothing was heard for the time to live."""
    since = now - timedelta(seconds=settings.CALL_TTL_SECONDS)
    return Call.objects.exclude(phase=Phase.ENDED).filter(last_event_at__lt=since).order_by("last_event_at")


def close_silent_calls(client: VapiClient | None = None, now: datetime | None = None) -> int:
    """Close silent calls, free what they hold, and forget their stage state; return how many were closed.

    With a client Vapi is asked first: a call that goes on there stays open, of one that ended its end is recorded.
    While Vapi does not answer nothing is closed. Safe to run twice and at once.
    """
    now = now or timezone.now()
    closed = []
    for call in silent_calls(now)[:MOST_AT_ONCE]:
        # The columns may lag behind the ledger; what was heard there counts.
        projection.project(call.pk)
        still = silent_calls(now).filter(pk=call.pk).first()
        try:
            if still is not None and _close(still, client):
                closed.append(still.pk)
        except TransientError as exc:
            # The others would only wait for the same.
            logger.warning("Silent calls stay open, Vapi does not answer: %s", exc)
            break
    try:
        forget_now(closed)
    except RedisError as exc:
        logger.warning("The state of silent calls is left to expire by itself: %s", exc)
    return len(closed)


def _close(call: Call, client: VapiClient | None) -> bool:
    record: dict[str, Any] | None = None
    if client is not None:
        try:
            record = client.call(call.vapi_id)
        except PermanentError as exc:
            logger.error("Vapi refuses to tell about call %s: %s", call.pk, exc)
    if record is not None and record.get("status") not in _OVER:
        logger.info("Call %s is silent but goes on at Vapi", call.pk)
        return False
    _record_end(call, record)
    _free_holds(call)
    projection.project(call.pk)
    logger.info("Call %s was silent and is closed", call.pk)
    return True


def _record_end(call: Call, record: dict[str, Any] | None) -> None:
    """Append the end to the ledger, once for each silence."""
    kind = phases.EXPIRED if record is None else phases.CALL_RECORD
    message = {**(record or {}), "type": kind, "call": {"id": call.vapi_id}}
    body = redact(msgspec.json.encode({"message": message}))
    fingerprint = uuid.uuid5(call.pk, f"{kind} {call.last_event_at.isoformat()}")
    event = WebhookEvent(call=call, fingerprint=fingerprint, type=kind, at=timezone.now(), body=body)
    WebhookEvent.objects.bulk_create([event], ignore_conflicts=True)


def _free_holds(call: Call) -> None:
    held = Appointment.objects.filter(call_id=call.pk, status=AppointmentStatus.HELD)
    if held.update(expires_at=timezone.now()):
        booking.release_expired_holds()
