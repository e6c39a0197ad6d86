"""API tokens: made once, kept as a SHA-256, found by it."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db.models import Q
from django.utils import timezone

from crm.models import ApiToken

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from crm.models import Agent

# Lets secret scanners, and people, see what the string is.
TOKEN_PREFIX = "pete_"
SHOWN_CHARACTERS = 11
# "Last used" is for people; writing it with every request would be an UPDATE per request.
USED_RESOLUTION = timedelta(minutes=1)


def digest_of(secret: str) -> str:
    """Return what is stored of `secret`. It is random, 256 bits long, so a plain hash is enough."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def issue_token(
    *, agent: Agent, scopes: Iterable[str], name: str = "API", expires_at: datetime | None = None
) -> tuple[ApiToken, str]:
    """Make a token for `agent`; return its row and the secret, which nothing can show again.

    Raises ValueError for an unknown or missing scope.
    """
    wanted = sorted(set(scopes))
    unknown = [scope for scope in wanted if scope not in ApiToken.Scope.values]
    known = ", ".join(ApiToken.Scope.values)
    if unknown:
        raise ValueError(f"unknown scope {', '.join(unknown)!r}; known are {known}")
    if not wanted:
        raise ValueError(f"a token needs a scope; known are {known}")
    secret = TOKEN_PREFIX + secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        agent=agent,
        name=name,
        digest=digest_of(secret),
        prefix=secret[:SHOWN_CHARACTERS],
        scopes=wanted,
        expires_at=expires_at,
    )
    return token, secret


def find_token(secret: str) -> ApiToken | None:
    """Return the token with this secret and its agent, usable or not."""
    return ApiToken.objects.select_related("agent").filter(digest=digest_of(secret)).first()


def note_use(token: ApiToken) -> None:
    """Keep when `token` was last used, to within a minute."""
    now = timezone.now()
    stale = now - USED_RESOLUTION
    if token.last_used_at is None or token.last_used_at < stale:
        never_or_stale = Q(last_used_at=None) | Q(last_used_at__lt=stale)
        ApiToken.objects.filter(never_or_stale, pk=token.pk).update(last_used_at=now)
