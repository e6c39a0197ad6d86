"""From Graph's answers to values and errors: by status and code, never by the words of a message."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from calendar_sync.errors import AlreadyThere, Changed, Gone, Refused, ResyncNeeded, Unavailable

_KINDS: dict[int, type[Refused]] = {404: Gone, 409: AlreadyThere, 410: Gone, 412: Changed}
_RESYNC = {"syncstatenotfound", "syncstateinvalid", "resyncrequired", "fullsyncrequired"}
# 423: somebody else is writing the item at this moment.
_PASSING = {408, 423, 429}
LONGEST_WAIT_SECONDS = 3600.0


def payload_of(response: httpx.Response, what: str) -> dict[str, Any]:
    """Return the JSON object of a success, {} of one without content.

    Raises Unavailable for what may pass and Refused for what will not; `what` names the request in both.
    """
    status = response.status_code
    if status in _PASSING or status >= 500:
        after = retry_after(response.headers.get("Retry-After"))
        raise Unavailable(f"{what}: HTTP {status} {_code(response)}".rstrip(), retry_after=after)
    if not response.is_success:
        raise _refusal(response, what)
    if not response.content:
        return {}
    payload = _json(response)
    if not isinstance(payload, dict):
        raise Unavailable(f"{what}: HTTP {status} without a JSON object")
    return payload


def _refusal(response: httpx.Response, what: str) -> Refused:
    status, code = response.status_code, _code(response)
    kind = ResyncNeeded if code.lower() in _RESYNC else _KINDS.get(status, Refused)
    return kind(f"{what}: HTTP {status} {code}".rstrip(), status=status, code=code)


def _json(response: httpx.Response) -> Any:
    try:
        return response.json()
    except (ValueError, RecursionError):
        return None


def _code(response: httpx.Response) -> str:
    payload = _json(response)
    error = payload.get("error") if isinstance(payload, dict) else None
    code = error.get("code") if isinstance(error, dict) else None
    return code[:100] if isinstance(code, str) else ""


def retry_after(value: str | None, *, now: datetime | None = None) -> float | None:
    """Return the seconds that a Retry-After asks for: whole ones, fractions, or up to a date. None if it says none.

    More than an hour is not believed: a mailbox is asked again before anybody has forgotten it.
    """
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        seconds = _until(value, now or datetime.now(UTC))
    return min(max(seconds, 0.0), LONGEST_WAIT_SECONDS) if math.isfinite(seconds) else None


def _until(value: str, now: datetime) -> float:
    try:
        moment = parsedate_to_datetime(value)
    except (OverflowError, ValueError):
        return math.nan
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now).total_seconds()
