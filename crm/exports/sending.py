"""Answers that are made while they are sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import StreamingHttpResponse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from django.http import HttpRequest

# Small chunks are sent together: each is a step from thread to event loop.
_LEAST = 64 * 1024


def streamed(request: HttpRequest, chunks: Iterator[bytes], content_type: str, filename: str) -> StreamingHttpResponse:
    """Return an answer that a browser saves under this name."""
    steps = _steps(chunks) if isinstance(request, ASGIRequest) else chunks
    answer = StreamingHttpResponse(steps, content_type=content_type)
    answer["Content-Disposition"] = f'attachment; filename="{filename}"'
    answer["Cache-Control"] = "no-store"
    return answer


async def _steps(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Yield the chunks from the thread of the request. A plain iterator would be read to its end before it is sent."""

    def some() -> bytes:
        parts, size = [], 0
        for chunk in chunks:
            parts.append(chunk)
            size += len(chunk)
            if size >= _LEAST:
                break
        return b"".join(parts)

    while part := await sync_to_async(some)():
        yield part
