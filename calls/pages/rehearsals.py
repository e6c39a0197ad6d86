"""/rehearsals: the scenarios, how they went when they were last played, and starting them again.

Everybody sees it; managers start a run, which a worker plays.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers
from kombu.exceptions import OperationalError

from calls.models import RehearsalRun
from calls.rehearsal import runs
from calls.rehearsal.reading import read_scenarios
from crm.api.permissions import may_manage
from crm.errors import CrmError
from crm.models import Agent

SHOWN_RUNS = 10
BAD = ("failed", "broken")


@login_required
@never_cache
@require_safe
@vary_on_headers("HX-Request")
def rehearsals(request: HttpRequest) -> HttpResponse:
    """The newest run; htmx asks for it alone while it is being played."""
    runs.give_up_lost()
    return _shown(request, RehearsalRun.objects.select_related("agent").first())


@login_required
@never_cache
@require_safe
@vary_on_headers("HX-Request")
def rehearsal(request: HttpRequest, run_id: int) -> HttpResponse:
    """One earlier run."""
    return _shown(request, get_object_or_404(RehearsalRun.objects.select_related("agent"), pk=run_id))


@login_required
@require_POST
def start(request: HttpRequest) -> HttpResponse:
    """Queue a run of the chosen scenarios, or of all."""
    user = cast(Agent, request.user)
    if not may_manage(user):
        raise PermissionDenied
    try:
        runs.start(request.POST.getlist("name"), user)
    except CrmError as exc:
        messages.error(request, exc.message)
    except (OperationalError, OSError):
        messages.error(request, _("No worker can be told: the broker does not answer. Run `manage.py doctor`."))
    return redirect("rehearsals")


def _shown(request: HttpRequest, run: RehearsalRun | None) -> HttpResponse:
    template = "calls/parts/rehearsal.html" if getattr(request, "htmx", False) else "calls/rehearsals.html"
    return render(request, template, _context(cast(Agent, request.user), run))


def _context(user: Agent, run: RehearsalRun | None) -> dict[str, Any]:
    """Return the run's rows, one for each of its scenarios, played or not yet; without a run, for all there are."""
    abouts = {scenario.name: scenario.about for scenario in read_scenarios([])}
    results = {result["name"]: result for result in run.results} if run else {}
    names = run.names if run else list(abouts)
    waiting = {"outcome": "waiting", "problems": [], "transcript": []}
    rows = [results.get(name) or waiting | {"name": name, "about": abouts.get(name, "")} for name in names]
    counts = Counter(row["outcome"] for row in rows)
    earlier = RehearsalRun.objects.select_related("agent")
    return {
        "place": "rehearsals",
        "may_start": may_manage(user),
        "run": run,
        "is_running": run is not None and run.finished_at is None,
        # What went wrong comes first.
        "rows": sorted(rows, key=lambda row: row["outcome"] not in BAD),
        "passed": counts["passed"],
        "bad": counts["failed"] + counts["broken"],
        "earlier": earlier.exclude(pk=run.pk)[:SHOWN_RUNS] if run else earlier[:SHOWN_RUNS],
    }
