"""/assistants: the assistants at Vapi, whom they speak for, how they differ, and setting that right.

Everybody sees it; managers change it.
"""

from __future__ import annotations

from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from calls.errors import VapiNotReady
from calls.forms import MappingForm
from calls.models import Assistant, Stage
from calls.pages.history import history_context
from calls.stage_prompts import speaking
from calls.sync.apply import Outcome, Result
from calls.sync.overview import Line, last_version_spoken, overview
from calls.sync.setting_right import set_right
from calls.sync.wanted import obstacle
from crm.api.permissions import may_manage
from crm.models import Agent


@login_required
@never_cache
@require_safe
def assistants(request: HttpRequest) -> HttpResponse:
    """The list, with everything that differs."""
    context = _context(request) | {"seen": overview(), "obstacle": obstacle()} | history_context()
    return render(request, "calls/assistants.html", context)


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def assistant(request: HttpRequest, vapi_id: str) -> HttpResponse:
    """One assistant: its differences, its mapping, its prompts. POST saves the mapping."""
    seen = overview()
    line = seen.line(vapi_id)
    if line is None:
        raise Http404
    form = MappingForm(request.POST or None, instance=line.row or Assistant(vapi_id=vapi_id, name=line.name[:100]))
    if request.method == "POST":
        _require_manager(request)
        if form.is_valid():
            form.save()
            messages.success(request, _("Saved whom %(name)s speaks for.") % {"name": line.name})
            return redirect("assistant", vapi_id=vapi_id)
    context = _context(request) | {"seen": seen, "line": line, "form": form, "obstacle": obstacle()} | _spoken(line)
    return render(request, "calls/assistant.html", context, status=422 if form.errors else 200)


@login_required
@require_POST
def apply_changes(request: HttpRequest) -> HttpResponse:
    """Set right what the person has looked at: `look` names each thing and the differences seen, "id:fingerprint"."""
    _require_manager(request)
    looked_at = dict(look.rpartition(":")[::2] for look in request.POST.getlist("look"))
    try:
        _say(request, set_right(looked_at))
    except VapiNotReady as exc:
        messages.error(request, exc.message)
    return redirect(_next(request))


def _say(request: HttpRequest, results: list[Result]) -> None:
    applied = sum(result.outcome is Outcome.APPLIED for result in results)
    in_order = sum(result.outcome is Outcome.IN_ORDER for result in results)
    if applied:
        said = ngettext("%(n)s was set right.", "%(n)s were set right.", applied) % {"n": applied}
        messages.success(request, said)
    if in_order or not results:
        messages.success(
            request, _("The rest was in order already.") if applied else _("Everything is in order already.")
        )
    for result in results:
        if not result.is_good:
            messages.error(request, f"{result.plan.name}: {result.detail}.")


def _spoken(line: Line) -> dict[str, Any]:
    """Return the prompt of each stage that speaks for this assistant, and the version its last call ran with."""
    if line.row is None or line.row.pk is None:
        return {"prompts": [], "spoken_version": ""}
    prompts = [(stage, speaking(stage.value, line.row)) for stage in Stage]
    return {"prompts": prompts, "spoken_version": last_version_spoken(line.row)}


def _next(request: HttpRequest) -> str:
    wanted = request.POST.get("next", "")
    return wanted if url_has_allowed_host_and_scheme(wanted, None) else reverse("assistants")


def _require_manager(request: HttpRequest) -> None:
    if not may_manage(cast(Agent, request.user)):
        raise PermissionDenied


def _context(request: HttpRequest) -> dict[str, Any]:
    return {"place": "assistants", "is_manager": may_manage(cast(Agent, request.user))}
