"""/appointments: the agenda and the grid, one viewing's panel, and why a time is not offered."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from crm import freshness
from crm.diary.days import agenda
from crm.diary.filters import SCOPES, By, Filters, View, whole
from crm.diary.grid import grid
from crm.diary.lanes import in_scope
from crm.diary.reasons import reasons
from crm.diary.viewing import Viewing, viewing
from crm.models import Agent, AppointmentStatus, Listing, ListingStatus
from crm.pages.zones import in_viewers_zone
from crm.rights import Scope


@login_required
@never_cache
@require_safe
@vary_on_headers("HX-Request")
@in_viewers_zone
def appointments(request: HttpRequest) -> HttpResponse:
    """The diary; htmx asks for it without the frame. `?appointment=` opens that viewing beside it."""
    freshness.settle()
    viewer, now = cast(Agent, request.user), timezone.now()
    chosen = opened(viewer, request.GET.get("appointment"), now)
    given = request.GET.dict()
    if chosen and "date" not in given:
        # A link from Outlook names the viewing alone: the days round it come with it.
        given["date"] = timezone.localtime(chosen.row.starts_at).date().isoformat()
    filters = Filters.read(given, viewer, now)
    context = _frame(viewer, filters) | _days(viewer, filters, now) | {"viewing": chosen, "now": now}
    template = "crm/appointments/diary.html" if is_htmx(request) else "crm/appointments/page.html"
    return render(request, template, context)


@login_required
@never_cache
@require_safe
@in_viewers_zone
def panel(request: HttpRequest, appointment_id: int) -> HttpResponse:
    """One viewing: beside the diary for htmx, else on the page where it is open."""
    viewer = cast(Agent, request.user)
    if not is_htmx(request):
        return HttpResponseRedirect(f"{reverse('appointments')}?appointment={appointment_id}")
    chosen = viewing(viewer, appointment_id, timezone.now())
    if chosen is None:
        raise Http404
    return render(request, "crm/appointments/viewing.html", {"viewing": chosen})


@login_required
@never_cache
@require_safe
@in_viewers_zone
def why(request: HttpRequest) -> HttpResponse:
    """Why `agent` (or anybody who shows `listing`) is not offered `at` that time."""
    viewer, now = cast(Agent, request.user), timezone.now()
    at = read_instant(request.GET.get("at"))
    listing = _maybe(Listing, request.GET.get("listing"))
    agent = _maybe(Agent, request.GET.get("agent"))
    if at is None or (agent is None and listing is None):
        raise Http404
    people = [agent] if agent else list(listing.agents.filter(is_active=True, is_bookable=True)) if listing else []
    answers = [
        (person, reasons(viewer=viewer, agent=person, listing=listing, starts_at=at, now=now)) for person in people
    ]
    context = {"at": at, "answers": answers, "listing": listing, "agent": agent, "place": "appointments"}
    template = "crm/appointments/why.html" if is_htmx(request) else "crm/appointments/why_page.html"
    return render(request, template, context)


def is_htmx(request: HttpRequest) -> bool:
    return bool(getattr(request, "htmx", False))


def read_instant(text: str | None) -> datetime | None:
    """Return an aware instant from an address, None for anything else."""
    try:
        # A plus sign in an address is a space.
        at = parse_datetime((text or "").replace(" ", "+"))
    except ValueError:
        return None
    return at if at is not None and timezone.is_aware(at) and 2000 <= at.year < 2100 else None


def opened(viewer: Agent, text: str | None, now: datetime) -> Viewing | None:
    """Return the viewing an address names. Raises Http404 for one that this person may not see."""
    number = whole(text)
    if number is None:
        return None
    chosen = viewing(viewer, number, now)
    if chosen is None:
        raise Http404
    return chosen


def _maybe(model: type[Any], text: str | None) -> Any:
    number = whole(text)
    return get_object_or_404(model, pk=number) if number else None


def _frame(viewer: Agent, filters: Filters) -> dict[str, Any]:
    """Return what stands round the days: tabs, switches and the choices of the filters."""
    people = in_scope(viewer, filters.scope).order_by("full_name", "pk")
    homes = Listing.objects.exclude(status__in=[ListingStatus.WITHDRAWN, ListingStatus.LET])
    return {
        "place": "appointments",
        "filters": filters,
        "tabs": [(scope, filters.query(scope=scope, agent=None, columns=0)) for scope in SCOPES],
        "views": [(view, filters.query(view=view)) for view in View],
        "sides": [(side, filters.query(by=side, columns=0)) for side in By],
        "previous": filters.query(day=filters.day - filters.step),
        "next": filters.query(day=filters.day + filters.step),
        "this_day": filters.query(day=filters.today),
        "people": people if filters.scope != Scope.MINE else [],
        "homes": homes,
        "statuses": AppointmentStatus.choices,
    }


def _days(viewer: Agent, filters: Filters, now: datetime) -> dict[str, Any]:
    """Return the days: as a list, as columns, or both where the window's width decides."""
    context: dict[str, Any] = {}
    if filters.view in (None, View.AGENDA):
        context["agenda"] = agenda(viewer, filters, now)
    if filters.layout != View.AGENDA:
        context["grid"] = grid(viewer, filters, now)
    return context
