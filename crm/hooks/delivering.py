"""Sending what was written down: signed, one after the other, again after a while when nobody took it.

The order of one subscriber's events is kept: a delivery that waits for its next attempt holds up the ones behind it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import time
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import httpx
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from crm.errors import PermanentError, TransientError
from crm.hooks.addresses import check_url, public_address
from crm.hooks.secrets import secret_of
from crm.models import DeliveryStatus, WebhookDelivery, WebhookSubscription
from crm.vault import VaultError

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS = 10
# After the n-th failure; nobody took it after the last one: some 14 hours.
WAITS = [timedelta(seconds=s) for s in (10, 30, 120, 600, 1800, 3600, 7200, 14400, 21600)]
AT_ONCE = 50
# Longer than any one attempt; taken anew before each.
LEASE = timedelta(minutes=5)
LONGEST_ERROR = 300


def sign(secret: str, timestamp: int, body: bytes) -> str:
    """Return the signature over "{timestamp}.{body}": HMAC-SHA256, hexadecimal."""
    return hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()


def due_subscriptions() -> list[int]:
    """Return the ids of those who have something due and nobody at work on it."""
    now = timezone.now()
    idle = Q(busy_until=None) | Q(busy_until__lte=now)
    waiting = Q(deliveries__status=DeliveryStatus.PENDING, deliveries__next_attempt_at__lte=now)
    return list(
        WebhookSubscription.objects.filter(idle, waiting, is_active=True).distinct().values_list("pk", flat=True)
    )


def deliver(subscription_id: int) -> int:
    """Send what is due to one subscriber, oldest first; return how many arrived."""
    lease, arrived = _Lease(subscription_id), 0
    try:
        while arrived < AT_ONCE and lease.take():
            row = _next(subscription_id)
            if row is None or not _attempt(row):
                break
            arrived += 1
    finally:
        lease.give_back()
    return arrived


class _Lease:
    """One worker's right to a subscription, so that no other sends its next event before this one has."""

    def __init__(self, subscription_id: int) -> None:
        self.subscription = WebhookSubscription.objects.filter(pk=subscription_id)
        self.until: datetime | None = None

    def take(self) -> bool:
        """Take it, or go on having it; False when somebody else has it or nobody wants to be told any more."""
        now = timezone.now()
        free = Q(busy_until=None) | Q(busy_until__lte=now)
        mine = Q(busy_until=self.until) if self.until else free
        taken = self.subscription.filter(mine, is_active=True).update(busy_until=now + LEASE) == 1
        self.until = now + LEASE if taken else None
        return taken

    def give_back(self) -> None:
        if self.until:
            self.subscription.filter(busy_until=self.until).update(busy_until=None)


def _next(subscription_id: int) -> WebhookDelivery | None:
    """Return the oldest pending delivery when it is due: what comes after it waits for it."""
    pending = WebhookDelivery.objects.filter(subscription=subscription_id, status=DeliveryStatus.PENDING)
    first = pending.select_related("subscription").order_by("pk").first()
    is_due = first is not None and first.subscription.is_active and first.next_attempt_at <= timezone.now()
    return first if is_due else None


def _attempt(row: WebhookDelivery) -> bool:
    row.attempts += 1
    row.response_status, row.error = None, ""
    try:
        row.response_status = _post(row)
    except (TransientError, PermanentError, VaultError) as exc:
        row.error = str(exc)[:LONGEST_ERROR]
    took_it = row.response_status is not None and 200 <= row.response_status < 300
    if took_it:
        row.status, row.delivered_at = DeliveryStatus.DELIVERED, timezone.now()
    elif row.attempts > len(WAITS):
        _give_up(row)
    else:
        row.next_attempt_at = timezone.now() + WAITS[row.attempts - 1]
    row.save()
    return took_it


@transaction.atomic
def _give_up(row: WebhookDelivery) -> None:
    """Switch a subscriber off that has not taken an event for hours; a person can switch it on again."""
    row.status = DeliveryStatus.FAILED
    reason = f"{row.attempts} attempts at delivery {row.pk} failed"
    WebhookSubscription.objects.filter(pk=row.subscription_id).update(is_active=False, disabled_reason=reason)
    logger.error("Webhook subscription %s is switched off: %s", row.subscription_id, reason)


def _post(row: WebhookDelivery) -> int:
    """Send one delivery and return the status of the answer, whose body nobody reads."""
    body = json.dumps(
        {"id": row.pk, "event": row.event, "created_at": row.created_at.isoformat(), "data": row.payload}
    ).encode()
    subscription, now = row.subscription, int(time.time())
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Pete-Webhooks/1",
        "X-Pete-Event": row.event,
        "X-Pete-Delivery": str(row.pk),
        "X-Pete-Timestamp": str(now),
        "X-Pete-Signature": f"sha256={sign(secret_of(subscription), now, body)}",
    }
    return _send(subscription.url, headers, body)


def _send(url: str, headers: dict[str, str], body: bytes) -> int:
    """POST to the checked address of the host, under the host's name. Redirects are answers like others."""
    try:
        host = check_url(url)
    except ValueError as exc:
        raise PermanentError(str(exc)) from exc
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    address = public_address(host, port)
    target = httpx.URL(url).copy_with(host=address)
    headers = headers | {"Host": parts.netloc}
    try:
        with httpx.Client(timeout=TIMEOUT_SECONDS, trust_env=False) as client:
            request = client.build_request(
                "POST", target, headers=headers, content=body, extensions={"sni_hostname": host}
            )
            response = client.send(request, stream=True)
            response.close()
            return response.status_code
    except (httpx.HTTPError, httpx.InvalidURL) as exc:
        raise TransientError(f"{type(exc).__name__}: the subscriber did not answer.") from exc
