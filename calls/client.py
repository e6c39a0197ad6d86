"""Vapi's REST API: only what Pete asks of it.

Reference: https://docs.vapi.ai/api-reference/calls/get
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import httpx
from django.conf import settings

from crm.errors import PermanentError, TransientError

TIMEOUT_SECONDS = 5.0


class VapiClient:
    """Speaks to Vapi with the private key. Raises TransientError or PermanentError and nothing else; never retries."""

    def __init__(self, transport: httpx.BaseTransport | None = None) -> None:
        self._http = httpx.Client(
            base_url=settings.VAPI_API_URL,
            headers={"Authorization": f"Bearer {settings.VAPI_API_KEY}"},
            timeout=TIMEOUT_SECONDS,
            transport=transport,
        )

    def __enter__(self) -> VapiClient:
        return self

    def __exit__(self, *exc: object) -> None:
        self._http.close()

    def call(self, vapi_id: str) -> dict[str, Any] | None:
        """Return a call as Vapi has it now, None when Vapi does not know it."""
        response = self._request("GET", f"/call/{quote(vapi_id, safe='')}")
        if response is None:
            return None
        try:
            found = response.json()
        except ValueError as exc:
            raise PermanentError(f"GET /call: not JSON: {exc}") from exc
        if not isinstance(found, dict):
            raise PermanentError("GET /call: not an object")
        return found

    def _request(self, method: str, path: str) -> httpx.Response | None:
        """Return the response, None for a 404."""
        try:
            response = self._http.request(method, path)
        except httpx.TransportError as exc:
            raise TransientError(f"{method} {path}: {exc!r}") from exc
        if response.status_code == httpx.codes.NOT_FOUND:
            return None
        if response.status_code == httpx.codes.TOO_MANY_REQUESTS or response.status_code >= 500:
            raise TransientError(f"{method} {path}: HTTP {response.status_code}")
        if not response.is_success:
            raise PermanentError(f"{method} {path}: HTTP {response.status_code}")
        return response
