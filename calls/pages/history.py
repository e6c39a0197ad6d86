"""/assistants/history: the calls of the weeks before Pete, brought in from Vapi; for managers."""

from __future__ import annotations

from typing import Any, cast

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods
from kombu.exceptions import OperationalError

from calls import history_runs
from calls.history_import import DAYS
from calls.models import HistoryRun
from crm.api.permissions import may_manage
from crm.errors import CrmError
from crm.models import Agent


def history_context() -> dict[str, Any]:
    """Return what the section on the page of the assistants shows."""
    history_runs.give_up_lost()
    return {
        "history": HistoryRun.objects.select_related("agent").first(),
        "history_days": DAYS,
        "has_key": bool(settings.VAPI_API_KEY),
    }


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def history(request: HttpRequest) -> HttpResponse:
    """How far it is, for htmx alone; posted, begin. Pressed twice it is done once."""
    person = cast(Agent, request.user)
    if not may_manage(person):
        raise PermissionDenied
    if request.method == "POST":
        _start(request, person)
        return redirect("assistants")
    if not getattr(request, "htmx", False):
        return redirect("assistants")
    return render(request, "calls/parts/history.html", history_context())


def _start(request: HttpRequest, person: Agent) -> None:
    try:
        history_runs.start(person)
    except CrmError as exc:
        messages.error(request, exc.message)
    except (OperationalError, OSError):
        messages.error(request, _("No worker can be told: the broker does not answer. Run `manage.py doctor`."))
