"""Changes made in a request are those of whoever sent it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction

from crm.audit.actors import OfRequest, acting

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from django.http import HttpRequest, HttpResponse


class AuditMiddleware:
    """Name the request as the source of what is written meanwhile."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse | Awaitable[HttpResponse]]) -> None:
        self._get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponse | Awaitable[HttpResponse]:
        if self._is_async:
            return self._later(request)
        with acting(OfRequest(request)):
            return cast("HttpResponse", self._get_response(request))

    async def _later(self, request: HttpRequest) -> HttpResponse:
        with acting(OfRequest(request)):
            return await cast("Awaitable[HttpResponse]", self._get_response(request))
