"""Pages of the voice side. The dashboard lives here because it needs calls, and crm may not import them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from calls import board, presence
from calls.models import Phase
from calls.rights import visible_calls
from calls.sight import Sight
from calls.tiles import STEPS, Tile, board_words, tile
from calls.tower.rights import viewer
from crm.desk import day_bounds, desk
from crm.models import Agent, AppointmentStatus, OfficeSettings
from crm.rights import visible_appointments


@login_required
@never_cache
@require_safe
@vary_on_headers("HX-Request")
def dashboard(request: HttpRequest) -> HttpResponse:
    """The live desk. htmx asks for the panel alone: `needs` and `viewings` without the board."""
    if "wall" in request.GET:
        return redirect("wallboard")
    now, person = timezone.now(), cast(Agent, request.user)
    presence.note_seen(person)
    context: dict[str, Any] = {"desk": desk(person, now=now), "now": now, "takes_calls": presence.takes_calls(person)}
    if getattr(request, "htmx", False):
        return render(request, "calls/parts/desk.html", context)
    return render(request, "calls/dashboard.html", context | board_context(now, person))


def board_context(now: datetime, person: Agent) -> dict[str, Any]:
    """Return what the board starts with: its calls as tiles, and all the page's script needs to go on."""
    snapshot = Sight.of(person).narrow(board.snapshot())
    tiles = [tile(call, now, person) for call in snapshot["calls"]]
    live = [item for item in tiles if not item.is_ended]
    ended = [item for item in tiles if item.is_ended]
    return {
        "place": "dashboard",
        "tiles": live,
        "ended": sorted(ended, key=lambda item: item.ended_at, reverse=True),
        "held_count": sum(item.hold is not None for item in live),
        "blank": Tile(),
        "today": today_counts(now, person),
        "board": {
            "snapshot": snapshot,
            "words": board_words(),
            "steps": STEPS,
            "zone": timezone.get_current_timezone_name(),
            "now": now.isoformat(),
            "viewer": viewer(person),
            "hold_seconds": OfficeSettings.load().hold_seconds,
        },
    }


def today_counts(now: datetime, person: Agent) -> dict[str, Any]:
    """Return today's calls so far, the viewings booked in them, and when the last call ended; of what is visible."""
    start, end = day_bounds(now)
    seen, promised = visible_calls(person), visible_appointments(person)
    booked = promised.filter(created_at__gte=start, created_at__lt=end, source="voice")
    kept = [AppointmentStatus.BOOKED, AppointmentStatus.COMPLETED, AppointmentStatus.NO_SHOW]
    last = seen.filter(phase=Phase.ENDED, ended_at__isnull=False).order_by("-ended_at").first()
    return {
        "calls": seen.filter(created_at__gte=start, created_at__lt=end).count(),
        "booked": booked.filter(status__in=kept).count(),
        "last_ended_at": last.ended_at if last else None,
    }
