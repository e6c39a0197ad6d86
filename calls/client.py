"""Vapi's REST API: only what Pete asks of it.

Plain values in and out, a timeout on every request, VapiUnavailable and VapiRefused and no other error. Nothing here
waits or tries again; the private key is in no message.
Reference: https://docs.vapi.ai/api-reference/assistants/list
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

import httpx
from django.conf import settings

from calls.errors import VapiRefused, VapiUnavailable

TIMEOUT_SECONDS = 5.0
PAGE = 1000
_MOST_PAGES = 20
_LONGEST_REASON = 300

Resource = dict[str, Any]


class VapiClient:
    """Speaks to Vapi with the private key."""

    def __init__(self, transport: httpx.BaseTransport | None = None, *, timeout: float = TIMEOUT_SECONDS) -> None:
        self._http = httpx.Client(base_url=settings.VAPI_API_URL, timeout=timeout, transport=transport)

    def __enter__(self) -> VapiClient:
        return self

    def __exit__(self, *exc: object) -> None:
        self._http.close()

    def call(self, vapi_id: str) -> Resource | None:
        """Return a call as Vapi has it now, None when Vapi does not know it."""
        try:
            return self._one("GET", _path("call", vapi_id))
        except VapiRefused as exc:
            if exc.status == httpx.codes.NOT_FOUND:
                return None
            raise

    def calls(self, since: datetime) -> Iterator[Resource]:
        """Yield the calls that were made since then, newest first."""
        at = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        for call in self._all("/call", {"createdAtGe": at}):
            if str(call.get("createdAt") or at) >= at:
                yield call

    def assistants(self) -> list[Resource]:
        """Return all assistants of the organisation, newest first. Of one in a draft: what is published."""
        return list(self._all("/assistant"))

    def assistant(self, vapi_id: str) -> Resource:
        return self._one("GET", _path("assistant", vapi_id))

    def update_assistant(self, vapi_id: str, changes: Mapping[str, Any]) -> Resource:
        """Replace these fields, each as a whole, and return the assistant as it is then."""
        return self._one("PATCH", _path("assistant", vapi_id), changes)

    def phone_numbers(self) -> list[Resource]:
        return list(self._all("/phone-number"))

    def phone_number(self, vapi_id: str) -> Resource:
        return self._one("GET", _path("phone-number", vapi_id))

    def update_phone_number(self, vapi_id: str, changes: Mapping[str, Any]) -> Resource:
        """Replace these fields, each as a whole. `provider` has to be among them."""
        return self._one("PATCH", _path("phone-number", vapi_id), changes)

    def tools(self) -> list[Resource]:
        """Return the tools that assistants share by `model.toolIds`."""
        return list(self._all("/tool"))

    def tool(self, vapi_id: str) -> Resource:
        return self._one("GET", _path("tool", vapi_id))

    def update_tool(self, vapi_id: str, changes: Mapping[str, Any]) -> Resource:
        """Replace these fields, each as a whole. `type` has to be among them."""
        return self._one("PATCH", _path("tool", vapi_id), changes)

    def _all(self, path: str, narrowed: Mapping[str, Any] | None = None) -> Iterator[Resource]:
        """Yield a list page by page: the next one is what was made before the oldest of the last."""
        params: dict[str, Any] = {**(narrowed or {}), "limit": PAGE}
        seen: set[str] = set()
        for _page in range(_MOST_PAGES):
            rows = self._json("GET", path, params=params)
            if not isinstance(rows, list) or not all(isinstance(row, dict) and row.get("id") for row in rows):
                raise VapiRefused(f"GET {path}: not a list of objects with ids")
            new = [row for row in rows if row["id"] not in seen]
            yield from new
            seen.update(row["id"] for row in new)
            made_at = [row["createdAt"] for row in rows if isinstance(row.get("createdAt"), str)]
            if len(rows) < PAGE or not new or not made_at:
                return
            # Not "before": some may share their instant. What comes twice is dropped.
            params["createdAtLe"] = min(made_at)
        raise VapiRefused(f"GET {path}: there are more than can be read")

    def _one(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Resource:
        found = self._json(method, path, body)
        if not isinstance(found, dict):
            raise VapiRefused(f"{method} {path}: not an object")
        return found

    def _json(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, params: dict[str, Any] | None = None
    ) -> Any:
        response = self._request(method, path, body, params)
        try:
            return response.json()
        except ValueError as exc:
            raise VapiRefused(f"{method} {path}: not JSON: {type(exc).__name__}") from exc

    def _request(
        self, method: str, path: str, body: Mapping[str, Any] | None, params: dict[str, Any] | None
    ) -> httpx.Response:
        try:
            response = self._http.request(method, path, json=body, params=params, headers=_headers())
        except (httpx.HTTPError, httpx.InvalidURL) as exc:
            raise VapiUnavailable(f"{method} {path}: {type(exc).__name__}") from exc
        status = response.status_code
        if status in (httpx.codes.REQUEST_TIMEOUT, httpx.codes.TOO_MANY_REQUESTS) or status >= 500:
            wait = _retry_after(response)
            raise VapiUnavailable(f"{method} {path}: HTTP {status}", status=status, retry_after=wait)
        if not response.is_success:
            reason = _reason(response)
            raise VapiRefused(f"{method} {path}: HTTP {status} {reason}".rstrip(), status=status, reason=reason)
        return response


def _path(kind: str, vapi_id: str) -> str:
    return f"/{kind}/{quote(vapi_id, safe='')}"


def _headers() -> dict[str, str]:
    key = settings.VAPI_API_KEY
    # httpx would raise errors of its own, with the key in them.
    if not key.isascii() or not key.isprintable():
        raise VapiRefused("VAPI_API_KEY holds characters that no key has", status=httpx.codes.UNAUTHORIZED)
    return {"Authorization": f"Bearer {key}"}


def _retry_after(response: httpx.Response) -> float | None:
    """Return the seconds that Vapi asks to wait: a number, or an HTTP date."""
    given = response.headers.get("Retry-After", "").strip()
    try:
        seconds = float(given)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(given) - datetime.now(UTC)).total_seconds()
        except (TypeError, ValueError):
            return None
    return max(seconds, 0.0) if seconds < 86_400 else None


def _reason(response: httpx.Response) -> str:
    """Return why Vapi refused, in its words: {"message": text or a list of them}. Without what we sent as a key."""
    try:
        said = response.json().get("message", "")
    except (ValueError, AttributeError):
        return ""
    text = "; ".join(map(str, said)) if isinstance(said, list) else str(said)
    if settings.VAPI_API_KEY:
        text = text.replace(settings.VAPI_API_KEY, "…")
    return " ".join(text.split())[:_LONGEST_REASON]
