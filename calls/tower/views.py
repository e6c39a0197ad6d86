"""/calls/<id>/tower: the menu of a live call, and what its buttons do.

Three kinds of answer, as asked for: the menu alone (htmx), a page (without scripts), JSON (programs).
"""

from __future__ import annotations

import uuid
from typing import Any, cast

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from calls import presence
from calls.duty import Circle, free_people
from calls.errors import ControlInvalid, ControlRefusal
from calls.models import Call, ControlAction, ControlKind, ControlOutcome, Phase
from calls.rights import visible_calls
from calls.shapes import supervisor_shape, tile_shape, viewings_of, with_related
from calls.tiles import tile
from calls.tower import actions, keyring, lease, listening
from calls.tower.forms import ControlForm
from calls.tower.log import action_shape
from calls.tower.rights import may_supervise
from crm.models import Agent

RELEASE = "release"
# What a form may ask for besides listening; the rest is written down by what these do.
_KINDS = {kind.value: kind for kind in ControlKind if kind not in (ControlKind.TAKE_OVER, ControlKind.LISTEN)}


@login_required
@never_cache
@require_safe
@vary_on_headers("HX-Request", "Accept")
def tower(request: HttpRequest, call_id: uuid.UUID) -> HttpResponse:
    """The menu: what can be done, who steers the call now, and what was done so far."""
    person = cast(Agent, request.user)
    call = _call(call_id, person)
    presence.note_seen(person)
    if not may_supervise(person, call):
        return _answer(request, call, refusal=_may_not(call, person))
    return _answer(request, call)


@login_required
@never_cache
@require_POST
@vary_on_headers("HX-Request", "Accept")
def control(request: HttpRequest, call_id: uuid.UUID, name: str) -> HttpResponse:
    """Do one thing to the call."""
    person = cast(Agent, request.user)
    call = _call(call_id, person)
    presence.note_seen(person)
    if name == RELEASE:
        actions.release(call, person)
        return _answer(request, _call(call_id, person))
    if name != ControlKind.LISTEN and name not in _KINDS:
        raise Http404
    try:
        if name == ControlKind.LISTEN:
            form = _form(request)
            action = listening.ask(call, person, form["key"], form["reason"])
        else:
            action = actions.perform(call, person, _wish(request, _KINDS[name]))
    except ControlRefusal as refusal:
        return _answer(request, _call(call_id, person), refusal=refusal)
    return _answer(request, _call(call_id, person), action=action)


@login_required
@require_POST
def take_calls(request: HttpRequest) -> HttpResponse:
    """Turn one's own switch: whether callers may be put through."""
    presence.set_takes_calls(cast(Agent, request.user), request.POST.get("takes_calls") == "1")
    if getattr(request, "htmx", False):
        return render(request, "calls/parts/takes_calls.html", {"takes_calls": request.POST.get("takes_calls") == "1"})
    return redirect("dashboard")


def _call(call_id: uuid.UUID, person: Agent) -> Call:
    """Return the call. What somebody may not see does not exist for them, whatever they may steer besides."""
    return get_object_or_404(with_related(visible_calls(person)), pk=call_id)


def _may_not(call: Call, person: Agent) -> ControlRefusal | None:
    try:
        actions.check(call, person)
    except ControlRefusal as refusal:
        return refusal
    return None


def _form(request: HttpRequest) -> dict[str, Any]:
    form = ControlForm(request.POST)
    if not form.is_valid():
        fields = ", ".join(form.errors)
        raise ControlInvalid(_("This cannot be read: %(fields)s.") % {"fields": fields})
    return form.cleaned_data


def _wish(request: HttpRequest, kind: ControlKind) -> actions.Wish:
    given = _form(request)
    return actions.Wish(
        kind=kind,
        key=given["key"],
        reason=given["reason"],
        text=given["text"],
        answers=given["answers"],
        hangs_up=given["hangs_up"],
        to=given["to"],
        take_over_from=given["take_over_from"],
    )


def _answer(
    request: HttpRequest, call: Call, *, action: ControlAction | None = None, refusal: ControlRefusal | None = None
) -> HttpResponse:
    # A second click is told what became of the first.
    failed = action is not None and action.outcome in (ControlOutcome.REFUSED, ControlOutcome.UNKNOWN)
    status = refusal.status if refusal else 409 if failed else 200
    if not getattr(request, "htmx", False) and request.get_preferred_type(["text/html", "application/json"]) == (
        "application/json"
    ):
        return _json(call, action, refusal, status)
    template = "calls/parts/tower.html" if getattr(request, "htmx", False) else "calls/tower.html"
    return render(request, template, _context(request, call, action, refusal), status=status)


def _json(call: Call, action: ControlAction | None, refusal: ControlRefusal | None, status: int) -> HttpResponse:
    if refusal is not None:
        problem = {"type": "about:blank", "title": refusal.message, "status": status, "code": refusal.code}
        return JsonResponse(problem, status=status, content_type="application/problem+json")
    body = {"supervisor": supervisor_shape(call), "action": action_shape(action) if action else None}
    if permit := _permit(action):
        body["listen"] = {"socket": "/ws/listen", "permit": permit, "expires_in": listening.PERMIT_SECONDS}
    return JsonResponse(body, status=status)


def _permit(action: ControlAction | None) -> str:
    """Return what opens the socket to a call's sound, "" when this was no request to listen."""
    is_new = action is not None and action.outcome == ControlOutcome.SENDING
    return listening.permit(action) if action is not None and is_new and action.kind == ControlKind.LISTEN else ""


def _context(
    request: HttpRequest, call: Call, action: ControlAction | None, refusal: ControlRefusal | None
) -> dict[str, Any]:
    person, now = cast(Agent, request.user), timezone.now()
    may, is_over = may_supervise(person, call), call.phase == Phase.ENDED
    holder = lease.holder_of(getattr(call, "supervision", None), now)
    known = keyring.find(call.pk) if may and not is_over else None
    done = list(call.control_actions.select_related("agent", "other").order_by("-at", "-pk"))
    own = next((row.reason for row in done if row.agent_id == person.pk), "")
    return {
        "place": "dashboard",
        "call": call,
        "tile": tile(tile_shape(call, viewings_of([call.pk]).get(call.pk)), now, person),
        "may": may,
        "is_over": is_over,
        "can_steer": known is not None and bool(known.control),
        "only_hears": known is not None and bool(known.listen) and "listen" in request.GET,
        "can_hear": known is not None and bool(known.listen),
        "holder": holder if holder is not None and holder.pk != person.pk else None,
        "is_mine": holder is not None and holder.pk == person.pk,
        "done": done,
        "action": action,
        "permit": _permit(action),
        "refusal": refusal,
        "given": request.POST if refusal is not None else {},
        "reason": request.POST.get("reason") or own,
        "key": uuid.uuid4(),
        "people": _people(call, now) if may and not is_over else [],
    }


def _people(call: Call, now: Any) -> list[tuple[Agent, bool]]:
    """Return whom the caller can be put through to, with whether they are free: those first."""
    free = free_people(Circle(call.assistant, call.listing, call.lead), now)
    known = {agent.pk for agent in free}
    others = Agent.objects.filter(is_active=True).exclude(phone="").exclude(pk__in=known)
    return [(agent, True) for agent in free] + [(agent, False) for agent in others]
