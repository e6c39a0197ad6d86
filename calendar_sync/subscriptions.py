"""Being told of changes: one subscription for each calendar that is read, renewed ahead, made anew when it is lost.

Without any of it polling finds everything, only later.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from datetime import datetime, timedelta

from django.conf import settings
from django.core.cache import cache
from django.db.models import Q, QuerySet
from django.utils import timezone

from calendar_sync.errors import Gone
from calendar_sync.graph import Graph
from calendar_sync.models import Calendar, Connection
from calendar_sync.remote import RemoteSubscription
from crm.errors import PermanentError, TransientError

logger = logging.getLogger(__name__)

# Microsoft allowed 4,230 minutes for years, and allows 10,080 now; not every cloud follows at once.
LIFETIME = timedelta(minutes=4_200)
RENEW_BEFORE = timedelta(days=1)
# Renewing twice in a row is refused; what asks for it comes in bursts.
_JUST_RENEWED = timedelta(minutes=10)
_AT_WORK_SECONDS = 60
_REFUSED_SECONDS = 3_600
_FAILED_SECONDS = 300


def are_wanted() -> bool:
    """Say whether Microsoft, or its stand-in, can reach this installation."""
    return settings.PUBLIC_URL.startswith("https://") or bool(settings.MS_SANDBOX_URL)


def notification_url() -> str:
    """Return where notifications are sent."""
    return f"{settings.PUBLIC_URL}/calendar/notifications"


def digest(client_state: str) -> str:
    """Return what is kept of the secret that comes with each notification."""
    return hashlib.sha256(client_state.encode()).hexdigest()


def due(now: datetime) -> QuerySet[Calendar]:
    """Return the calendars whose subscription is missing or runs out soon."""
    runs_out = Q(subscription_expires_at=None) | Q(subscription_expires_at__lt=now + RENEW_BEFORE)
    return Calendar.objects.filter(runs_out, is_read=True, connection__in=Connection.objects.at_work())


def maintain(calendar_id: int, *, now: datetime | None = None) -> bool:
    """Renew or make the subscription of a calendar, if that is due; return whether it was done.

    What fails is tried again in a few minutes, what Graph refuses in an hour.
    """
    now = now or timezone.now()
    calendar = due(now).select_related("connection").filter(pk=calendar_id).first()
    if calendar is None or not are_wanted() or cache.get(_later_key(calendar)):
        return False
    # Two at once would make two subscriptions.
    if not cache.add(f"calendar_sync:subscribing:{calendar.pk}", "", timeout=_AT_WORK_SECONDS):
        return False
    try:
        _renew_or_create(calendar, Graph(calendar.connection_id), now)
    except (TransientError, PermanentError) as exc:
        logger.warning("Calendar %s has no subscription, it is only polled: %s", calendar.pk, exc)
        later = _REFUSED_SECONDS if isinstance(exc, PermanentError) else _FAILED_SECONDS
        cache.set(_later_key(calendar), True, timeout=later)
        return False
    finally:
        cache.delete(f"calendar_sync:subscribing:{calendar.pk}")
    return True


def reauthorize(calendar: Calendar, *, now: datetime | None = None) -> bool:
    """Have a subscription renewed before long, as Graph asks, unless it just was; return whether that is needed."""
    now = now or timezone.now()
    expires_at = calendar.subscription_expires_at
    if expires_at is not None and expires_at > now + LIFETIME - _JUST_RENEWED:
        return False
    return bool(Calendar.objects.filter(pk=calendar.pk).update(subscription_expires_at=now))


def forget(calendar: Calendar) -> None:
    """Note that a subscription is gone; the next maintenance makes another."""
    _keep(calendar, "", None, "")


def _later_key(calendar: Calendar) -> str:
    return f"calendar_sync:subscribe-later:{calendar.pk}"


def _renew_or_create(calendar: Calendar, graph: Graph, now: datetime) -> None:
    if calendar.subscription_id:
        try:
            renewed = graph.renew_subscription(calendar.subscription_id, expires_at=now + LIFETIME)
        except Gone:
            logger.info("The subscription of calendar %s is gone", calendar.pk)
        else:
            Calendar.objects.filter(pk=calendar.pk).update(subscription_expires_at=renewed.expires_at)
            return
    _create(calendar, graph, now)


def _create(calendar: Calendar, graph: Graph, now: datetime) -> None:
    secret = secrets.token_urlsafe(32)
    made = graph.create_subscription(
        _resource(calendar), notification_url=notification_url(), client_state=secret, expires_at=now + LIFETIME
    )
    _keep(calendar, made.id, made.expires_at, digest(secret))
    # What changed before it was there, nobody told us.
    Calendar.objects.filter(pk=calendar.pk).update(hinted_at=now)
    _tidy(calendar, graph, made)


def _resource(calendar: Calendar) -> str:
    return f"me/calendars/{calendar.external_id}/events"


def _keep(calendar: Calendar, subscription_id: str, expires_at: datetime | None, client_state_digest: str) -> None:
    Calendar.objects.filter(pk=calendar.pk).update(
        subscription_id=subscription_id,
        subscription_expires_at=expires_at,
        client_state_digest=client_state_digest,
    )


def _tidy(calendar: Calendar, graph: Graph, made: RemoteSubscription) -> None:
    """Delete this installation's other subscriptions to the same calendar: they would only say everything twice."""
    for other in graph.list_subscriptions():
        is_ours = other.notification_url == notification_url() and other.resource == _resource(calendar)
        if is_ours and other.id != made.id:
            graph.delete_subscription(other.id)
