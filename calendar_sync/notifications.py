"""POST /calendar/notifications: Microsoft says that something changed. A hint, never believed: a round reads it."""

from __future__ import annotations

import hmac
import json
import logging
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from kombu.exceptions import OperationalError

from calendar_sync import subscriptions
from calendar_sync.models import Calendar
from crm.api.problems import problem_response

logger = logging.getLogger(__name__)

LONGEST_TOKEN = 2_048
# One change is told several times, and our own writes come back too: what comes together is one round.
COALESCE_SECONDS = 3
# A hint this old was lost: nobody is going to follow it.
_LOST = timedelta(seconds=60)


@csrf_exempt
def receive(request: HttpRequest) -> HttpResponse:
    """Prove that we are there, or take notice of what is told: 202 whether we believe it or not."""
    if request.method != "POST":
        answer = problem_response(405, "method_not_allowed", "Notifications are POSTed.")
        answer["Allow"] = "POST"
        return answer
    token = request.GET.get("validationToken")
    if token is not None:
        return _echo(token)
    entries = _entries(request)
    if entries is None:
        return problem_response(400, "invalid", "This is not a collection of notifications.")
    _take(entries)
    return HttpResponse(status=202)


def _echo(token: str) -> HttpResponse:
    if len(token) > LONGEST_TOKEN:
        return problem_response(400, "invalid", "The validation token is too long.")
    return HttpResponse(token, content_type="text/plain", headers={"X-Content-Type-Options": "nosniff"})


def _entries(request: HttpRequest) -> list[dict[str, Any]] | None:
    """Return what the body tells, None for what is no notification."""
    try:
        payload = json.loads(request.body)
    except (ValueError, RecursionError):
        return None
    value = payload.get("value") if isinstance(payload, dict) else None
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else None


def _take(entries: list[dict[str, Any]]) -> None:
    ids = [_plain(entry.get("subscriptionId")) for entry in entries]
    rows = Calendar.objects.filter(subscription_id__in={*ids} - {""}, is_read=True).select_related("connection")
    known = {calendar.subscription_id: calendar for calendar in rows.defer("delta_link", "connection__blob")}
    told = [(known[number], entry) for number, entry in zip(ids, entries, strict=True) if number in known]
    genuine = [(calendar, entry) for calendar, entry in told if _is_genuine(calendar, entry)]
    if len(genuine) < len(entries):
        logger.info("%s of %s notifications are not for us", len(entries) - len(genuine), len(entries))
    for calendar, entry in genuine:
        if "lifecycleEvent" in entry:
            _live(calendar, entry["lifecycleEvent"])
    _hint({calendar.pk: calendar for calendar, _ in genuine}.values())


def _plain(value: Any) -> str:
    """Return an id or a secret as it was given; "" for what is none and what no table could hold."""
    return value if isinstance(value, str) and value.isascii() and value.isprintable() else ""


def _is_genuine(calendar: Calendar, entry: dict[str, Any]) -> bool:
    """Compare the secret, in a time that says nothing about it, and the tenant."""
    state, tenant = _plain(entry.get("clientState")), entry.get("tenantId")
    given = subscriptions.digest(state)
    is_known = hmac.compare_digest(given, calendar.client_state_digest)
    return is_known and (not tenant or str(tenant).lower() == calendar.connection.tenant_id.lower())


def _live(calendar: Calendar, event: Any) -> None:
    """Do what a change in a subscription's own life asks for."""
    logger.info("Calendar %s: %s", calendar.pk, str(event)[:50])
    if event == "reauthorizationRequired":
        if subscriptions.reauthorize(calendar):
            _queue("maintain_subscription", calendar.pk)
        return
    if event == "subscriptionRemoved":
        subscriptions.forget(calendar)
        _queue("maintain_subscription", calendar.pk)
    # Removed, missed, or something new: notifications were lost, so everything is read again.
    Calendar.objects.filter(pk=calendar.pk).update(delta_link=b"")


def _hint(calendars: Iterable[Calendar]) -> None:
    """Have calendars read soon, each once however often it is told of. The poll does what is not queued."""
    now = timezone.now()
    for calendar in calendars:
        is_new = calendar.hinted_at is None or calendar.hinted_at < now - _LOST
        Calendar.objects.filter(pk=calendar.pk).update(hinted_at=now)
        if is_new:
            _queue("sync_calendar", calendar.pk, countdown=COALESCE_SECONDS)


def _queue(name: str, calendar_id: int, countdown: float = 0) -> None:
    from calendar_sync import tasks

    try:
        getattr(tasks, name).apply_async((calendar_id,), countdown=countdown)
    except (OperationalError, OSError) as exc:
        logger.warning("Calendar %s waits for the next poll: %r", calendar_id, exc)
