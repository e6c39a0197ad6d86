"""Who is asking: a program with a token, or a person with a session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils import timezone
from rest_framework import authentication, exceptions

from crm.audit.actors import note_token
from crm.tokens import find_token, note_use

if TYPE_CHECKING:
    from rest_framework.request import Request

    from crm.models import Agent, ApiToken


class TokenAuthentication(authentication.BaseAuthentication):
    """`Authorization: Bearer <token>`. Another scheme is left to others; a bad token is refused."""

    def authenticate(self, request: Request) -> tuple[Agent, ApiToken] | None:
        scheme, _, secret = request.headers.get("Authorization", "").strip().partition(" ")
        if scheme.lower() != "bearer":
            return None
        token = find_token(secret.strip())
        refuse_unusable(token)
        assert token is not None
        note_use(token)
        note_token(token)
        return token.agent, token

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="Pete"'


class SessionAuthentication(authentication.SessionAuthentication):
    """A person in a browser; writes need the CSRF token."""

    def enforce_csrf(self, request: Request) -> None:
        try:
            super().enforce_csrf(request)
        except exceptions.PermissionDenied as exc:
            raise exceptions.PermissionDenied(str(exc.detail), "csrf_failed") from exc


def refuse_unusable(token: ApiToken | None) -> None:
    """Raise AuthenticationFailed unless the token may be used now."""
    if token is None:
        raise exceptions.AuthenticationFailed("This token is not known here.", "invalid_token")
    if token.revoked_at is not None:
        raise exceptions.AuthenticationFailed("This token was revoked.", "token_revoked")
    if token.expires_at is not None and token.expires_at <= timezone.now():
        raise exceptions.AuthenticationFailed("This token has expired.", "token_expired")
    if not token.agent.is_active:
        raise exceptions.AuthenticationFailed("The person behind this token is no longer active.", "inactive")
