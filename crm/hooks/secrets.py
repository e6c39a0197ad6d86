"""The secret that a subscriber checks signatures with: shown once, kept sealed."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from crm.vault import open_sealed, seal

if TYPE_CHECKING:
    from crm.models import WebhookSubscription

PREFIX = "whsec_"
_PURPOSE = "webhook subscription"


def renew_secret(subscription: WebhookSubscription) -> str:
    """Give a saved subscription a new secret and return it."""
    secret = PREFIX + secrets.token_urlsafe(32)
    subscription.secret = seal(_PURPOSE, subscription.pk, secret.encode())
    subscription.save(update_fields=["secret"])
    return secret


def secret_of(subscription: WebhookSubscription) -> str:
    return open_sealed(_PURPOSE, subscription.pk, subscription.secret).decode()
