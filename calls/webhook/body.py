"""The body of a request, read no further than it may go."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

MAX_BODY_BYTES = 5_242_880


class TooLarge(Exception):
    """The body is larger than MAX_BODY_BYTES (413)."""


class Gone(Exception):
    """The client went away before it had sent everything."""


async def read_body(headers: list[tuple[bytes, bytes]], receive: Receive) -> bytes:
    """Return the whole body. Raises TooLarge as soon as that is known, Gone when the client went away."""
    for name, value in headers:
        if name == b"content-length" and (not value.isdigit() or int(value[:20]) > MAX_BODY_BYTES):
            raise TooLarge
    event = await receive()
    if event["type"] == "http.request" and not event.get("more_body"):
        body: bytes = event.get("body", b"")
        if len(body) > MAX_BODY_BYTES:
            raise TooLarge
        return body
    parts, size = [], 0
    while True:
        if event["type"] == "http.disconnect":
            raise Gone
        parts.append(event.get("body", b""))
        size += len(parts[-1])
        if size > MAX_BODY_BYTES:
            raise TooLarge
        if not event.get("more_body"):
            return b"".join(parts)
        event = await receive()
