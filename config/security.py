"""Response headers that Django does not set by itself."""

import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse

POLICY = {
    "default-src": "'self'",
    # Each answer has a nonce of its own, put in below, for what cannot be a file: `request.csp_nonce`.
    "script-src": "'self' 'nonce-{nonce}'",
    "style-src": "'self' 'nonce-{nonce}'",
    "img-src": "'self' data:",
    "object-src": "'none'",
    "base-uri": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
# What Vapi's Web SDK needs on the one page where it runs: Daily, which carries the sound. Its code comes from its own
# server, works in a blob and compiles its noise filter.
VOICE_POLICY = POLICY | {
    "script-src": "'self' 'nonce-{nonce}' 'wasm-unsafe-eval' https://c.daily.co",
    "connect-src": "'self' https://*.daily.co wss://*.daily.co",
    "worker-src": "'self' blob:",
    "media-src": "'self' blob:",
}

# Django admin alone: its Alpine builds functions out of attributes, and a few of its templates have a style attribute
# or element. Scripts still come from here only, and none stands in a page.
ADMIN_POLICY = POLICY | {
    "script-src": "'self' 'unsafe-eval'",
    "style-src": "'self' 'unsafe-inline'",
}
ADMIN_PATH = "/admin/"


def policy(parts: Mapping[str, str], **added: str) -> str:
    """Return a policy as a header carries it; `added` is put behind a directive's sources, `connect_src` for one."""
    more = {name.replace("_", "-"): sources for name, sources in added.items()}
    return "; ".join(f"{name} {sources} {more.get(name, '')}".strip() for name, sources in parts.items())


CONTENT_SECURITY_POLICY = policy(POLICY)
ADMIN_CONTENT_SECURITY_POLICY = policy(ADMIN_POLICY)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


class SecurityHeadersMiddleware:
    """Set HEADERS on every response that has not set its own."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse | Awaitable[HttpResponse]]) -> None:
        self._get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponse | Awaitable[HttpResponse]:
        nonce = secrets.token_urlsafe(16)
        request.csp_nonce = nonce  # type: ignore[attr-defined]
        response = self._get_response(request)
        if self._is_async:
            return self._later(request, cast("Awaitable[HttpResponse]", response), nonce)
        return _with_headers(request, cast("HttpResponse", response), nonce)

    async def _later(self, request: HttpRequest, response: Awaitable[HttpResponse], nonce: str) -> HttpResponse:
        return _with_headers(request, await response, nonce)


def _with_headers(request: HttpRequest, response: HttpResponse, nonce: str) -> HttpResponse:
    if request.path.startswith(ADMIN_PATH):
        response.headers.setdefault("Content-Security-Policy", ADMIN_CONTENT_SECURITY_POLICY)
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    policy_said = response.headers["Content-Security-Policy"]
    response.headers["Content-Security-Policy"] = policy_said.replace("{nonce}", nonce)
    return response
