"""What is done with one viewing: move, cancel, say whether they came, and each of these taken back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, cast

from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from crm import booking, outcomes, slots, telling
from crm.diary.filters import read_day, whole
from crm.diary.offers import Time, alternative, is_open_for_move, times, value_of
from crm.diary.reasons import reasons
from crm.errors import CrmError, SlotRefused
from crm.models import Agent, Appointment
from crm.pages.appointments import is_htmx, read_instant
from crm.pages.said import done, refused, undone
from crm.pages.zones import in_viewers_zone
from crm.rights import visible_appointments
from crm.slots import Offer
from crm.wording import when


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@in_viewers_zone
def move(request: HttpRequest, appointment_id: int) -> HttpResponse:
    """Ask where to and whom to tell; posted, move it there."""
    row = _own(request, appointment_id)
    given = request.POST if request.method == "POST" else request.GET
    at_text, _sep, agent_text = given.get("at", "").partition("~")
    at = read_instant(at_text)
    agent = _agent(agent_text or given.get("agent"), row)
    if request.method != "POST" or at is None:
        error = _("Choose one of the times offered.") if request.method == "POST" else ""
        return _ask(request, row, agent, at, error=error)
    try:
        moved, told = _move(row, agent, at, request)
    except CrmError as exc:
        others = [alternative(offer) for offer in exc.alternatives] if isinstance(exc, SlotRefused) else []
        return _ask(request, row, agent, at, error=exc.message, others=others)
    text = _("Moved to %(when)s.") % {"when": when(moved.starts_at, timezone.now())}
    if told:
        text += " " + _("Told by e-mail: %(names)s.") % {"names": ", ".join(told)}
    back = slots.encode(row.agent_id, row.listing_id, row.starts_at, row.ends_at)
    return _finished(request, row, text, f"{reverse('appointment-move-back', args=[row.pk])}?to={back}")


@login_required
@require_POST
@in_viewers_zone
def move_back(request: HttpRequest, appointment_id: int) -> HttpResponse:
    """Undo a move: `to` is the slot it had."""
    row = _own(request, appointment_id)
    return _undo(request, row, lambda: booking.reschedule(row.pk, slot=request.GET.get("to", ""), replaces_holds=False))


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@in_viewers_zone
def cancel(request: HttpRequest, appointment_id: int) -> HttpResponse:
    """Ask for the reason and whom to tell; posted, give the time back."""
    row = _own(request, appointment_id)
    if request.method != "POST":
        return _render(request, "cancel", {"row": row, "reasons": _cancel_reasons()})
    reason = " ".join(request.POST.get("reason", "").replace("\0", "").split())[:500]
    if not reason:
        context = {"row": row, "reasons": _cancel_reasons(), "error": _("Say why; the next person will ask.")}
        return _render(request, "cancel", context)
    try:
        with transaction.atomic():
            gone = booking.cancel(row.pk, reason=reason)
            told = telling.tell(gone, telling.CANCELLED, request.POST.getlist("tell"), by=_viewer(request))
    except CrmError as exc:
        return _render(request, "cancel", {"row": row, "reasons": _cancel_reasons(), "error": exc.message})
    text = _("Cancelled.")
    if told:
        text += " " + _("Told by e-mail: %(names)s.") % {"names": ", ".join(told)}
    return _finished(request, row, text, reverse("appointment-restore", args=[row.pk]))


@login_required
@require_POST
@in_viewers_zone
def restore(request: HttpRequest, appointment_id: int) -> HttpResponse:
    """Book a cancelled viewing again at its old time."""
    row = _own(request, appointment_id)
    return _undo(request, row, lambda: booking.restore(row.pk))


@login_required
@require_POST
@in_viewers_zone
def take_back(request: HttpRequest, appointment_id: int) -> HttpResponse:
    """Undo a booking."""
    row = _own(request, appointment_id)
    return _undo(request, row, lambda: booking.cancel(row.pk, reason=_("Booked by mistake")))


@login_required
@require_POST
@in_viewers_zone
def confirm(request: HttpRequest, appointment_id: int) -> HttpResponse:
    """Book what is held."""
    row = _own(request, appointment_id)
    try:
        booking.confirm(row.pk)
    except CrmError as exc:
        return _refused(request, row, exc)
    return _finished(request, row, _("Booked."), reverse("appointment-take-back", args=[row.pk]))


@login_required
@require_POST
@in_viewers_zone
def outcome(request: HttpRequest, appointment_id: int) -> HttpResponse:
    """Say whether they came."""
    row = _own(request, appointment_id)
    try:
        said = outcomes.record_outcome(row.pk, outcome=request.POST.get("outcome", ""), agent=_viewer(request))
    except CrmError as exc:
        return _refused(request, row, exc)
    text = _("Noted: %(outcome)s.") % {"outcome": said.get_status_display().lower()}
    return _finished(request, row, text, reverse("appointment-reopen", args=[row.pk]))


@login_required
@require_POST
@in_viewers_zone
def reopen(request: HttpRequest, appointment_id: int) -> HttpResponse:
    """Undo an outcome."""
    row = _own(request, appointment_id)
    return _undo(request, row, lambda: outcomes.take_back_outcome(row.pk, agent=_viewer(request)))


def _viewer(request: HttpRequest) -> Agent:
    return cast(Agent, request.user)


def _own(request: HttpRequest, appointment_id: int) -> Appointment:
    """Return a viewing that this person may see, and so may act on. Raises Http404."""
    rows = visible_appointments(_viewer(request)).select_related("lead", "listing", "agent")
    return get_object_or_404(rows, pk=appointment_id)


def _agent(text: str | None, row: Appointment) -> Agent:
    number = whole(text)
    if number is None or number == row.agent_id:
        return row.agent
    return get_object_or_404(Agent, pk=number, is_active=True)


@transaction.atomic
def _move(row: Appointment, agent: Agent, at: datetime, request: HttpRequest) -> tuple[Appointment, list[str]]:
    offer = Offer(agent.pk, row.listing_id, at, at)
    moved = booking.reschedule(row.pk, slot=offer, replaces_holds=False)
    return moved, telling.tell(moved, telling.MOVED, request.POST.getlist("tell"), by=_viewer(request))


def _ask(
    request: HttpRequest,
    row: Appointment,
    agent: Agent,
    at: datetime | None,
    *,
    error: str = "",
    others: Sequence[Time] = (),
) -> HttpResponse:
    """Show the question: where to, and whom to tell. A time that is not offered is answered with the reasons."""
    now, tz = timezone.now(), timezone.get_current_timezone()
    day = read_day(request.GET.get("date")) or timezone.localdate(at or row.starts_at)
    offered = times(listing=row.listing, agent=agent, day=day, tz=tz, now=now)
    is_open = at is not None and is_open_for_move(row, agent.pk, at, now)
    closed_by = []
    if at is not None and not is_open:
        closed_by = reasons(viewer=_viewer(request), agent=agent, listing=row.listing, starts_at=at, now=now)
    context = {
        "row": row,
        "agent": agent,
        "people": row.listing.agents.filter(is_active=True, is_bookable=True).order_by("full_name"),
        "at": at if is_open else None,
        "at_value": value_of(at, agent.pk) if at else "",
        "is_listed": any(time.starts_at == at for time in offered.options),
        "wanted": at,
        "closed_by": closed_by,
        "times": offered,
        "error": error,
        "others": others,
    }
    return _render(request, "move", context)


def _render(request: HttpRequest, name: str, context: dict[str, Any]) -> HttpResponse:
    context |= {"place": "appointments", "viewer": _viewer(request), "part": f"crm/appointments/{name}.html"}
    return render(request, context["part"] if is_htmx(request) else "crm/appointments/sheet_page.html", context)


def _cancel_reasons() -> list[str]:
    return [_("The lead cancelled"), _("The agent cannot come"), _("The home is no longer available")]


def _finished(request: HttpRequest, row: Appointment, text: str, undo: str) -> HttpResponse:
    answer: HttpResponse = HttpResponse(status=204)
    if not is_htmx(request):
        answer = HttpResponseRedirect(_panel(row))
    return done(request, answer, text, undo=undo, **{"sheet:close": {}, "diary:changed": {"viewing": row.pk}})


def _refused(request: HttpRequest, row: Appointment, exc: CrmError) -> HttpResponse:
    answer: HttpResponse = HttpResponse(status=204)
    if not is_htmx(request):
        answer = HttpResponseRedirect(_panel(row))
    return refused(request, answer, exc.message, **{"diary:changed": {"viewing": row.pk}})


def _undo(request: HttpRequest, row: Appointment, act: Callable[[], object]) -> HttpResponse:
    try:
        act()
    except CrmError as exc:
        return _refused(request, row, exc)
    return undone(request, HttpResponseRedirect(_panel(row)))


def _panel(row: Appointment) -> str:
    return f"{reverse('appointments')}?appointment={row.pk}"
