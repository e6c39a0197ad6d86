"""The clocks a page shows: those of the person who looks at it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, cast
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from crm.models import Agent

P = ParamSpec("P")
Page = Callable[Concatenate[HttpRequest, P], HttpResponse]


def in_viewers_zone(page: Page[P]) -> Page[P]:
    """Have a page read and show times on the clocks of whoever is signed in."""

    @wraps(page)
    def shown(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        with timezone.override(ZoneInfo(cast(Agent, request.user).timezone)):
            return page(request, *args, **kwargs)

    return shown
