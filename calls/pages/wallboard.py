"""/wallboard: the board for a screen that everybody passes. Which home, how far, how long; nothing about anybody."""

from __future__ import annotations

from typing import Any, cast

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from calls import board
from calls.models import Phase
from calls.sight import Sight
from calls.tiles import public, tile
from calls.views import today_counts
from crm.models import Agent


@login_required
@never_cache
@require_safe
@vary_on_headers("HX-Request")
def wallboard(request: HttpRequest) -> HttpResponse:
    """The whole screen; htmx asks for its contents every few seconds. No socket is opened."""
    now, person = timezone.now(), cast(Agent, request.user)
    shown = Sight.of(person).narrow(board.snapshot())["calls"]
    tiles = [tile(public(call), now, person) for call in shown if call["phase"] != Phase.ENDED]
    context: dict[str, Any] = {
        "tiles": tiles,
        "held_count": sum(item.hold is not None for item in tiles),
        "today": today_counts(now, person),
        "now": now,
    }
    is_part = getattr(request, "htmx", False)
    return render(request, "calls/parts/wall.html" if is_part else "calls/wall.html", context)
