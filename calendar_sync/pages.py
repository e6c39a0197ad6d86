"""/users: who works here and how each person's calendar stands. Everybody sees it; one acts on one's own."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any, cast
from urllib.parse import quote

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from calendar_sync import actions
from calendar_sync.agenda import by_day
from calendar_sync.clouds import is_configured
from calendar_sync.health import Person, person, pushes_of
from calendar_sync.people import Filters, people
from crm.api.permissions import may_manage
from crm.errors import CrmError, PermanentError, TransientError
from crm.models import Agent

AGENDA_DAYS = 7
# The id of the form that narrows the list.
FORM = "people-filters"


@login_required
@never_cache
@require_safe
@vary_on_headers("HX-Request")
def users(request: HttpRequest) -> HttpResponse:
    """The list of staff; htmx asks for the list alone, narrowed or fresh."""
    filters = Filters.read(request.GET)
    context = _context(request) | {"people": people(filters, cast(Agent, request.user))}
    if not _is_htmx(request):
        return render(request, "calendar_sync/users.html", context)
    answer = render(request, "calendar_sync/parts/people.html", context)
    if request.headers.get("HX-Trigger") == FORM:
        # The form sends its empty fields too; the address is for people.
        answer.headers["HX-Push-Url"] = f"{reverse('users')}?{filters.query()}".rstrip("?")
    return answer


@login_required
@never_cache
@require_safe
def row(request: HttpRequest, agent_id: int) -> HttpResponse:
    """One line of the list, asked for again while a calendar is being read."""
    context = _context(request) | {"person": _person(agent_id)}
    return render(request, "calendar_sync/parts/person.html", context)


@login_required
@never_cache
@require_safe
@vary_on_headers("HX-Request")
def health(request: HttpRequest, agent_id: int) -> HttpResponse:
    """One person's calendar: what is read and written, what waits, what is wrong. htmx asks for what changes."""
    part = "calendar_sync/parts/health.html"
    template = part if _is_htmx(request) else "calendar_sync/health.html"
    return render(request, template, _health(request, agent_id))


@login_required
@require_POST
def act(request: HttpRequest, agent_id: int, action: str) -> HttpResponse:
    """Do what a button says and show how things stand afterwards."""
    chosen = actions.ACTIONS.get(action)
    if chosen is None:
        raise Http404
    subject = _person(agent_id)
    if not actions.may(cast(Agent, request.user), subject.agent, action):
        raise PermissionDenied
    try:
        said, level = chosen(subject, cast(Agent, request.user), request.POST), messages.SUCCESS
    except CrmError as exc:
        said, level = exc.message, messages.ERROR
    except (TransientError, PermanentError):
        said, level = actions.did_not_work(), messages.ERROR
    # Who left is nowhere to be seen once their calendar is disconnected.
    is_gone = not (subject.agent.is_active or person(agent_id))
    if _is_htmx(request) and not is_gone:
        return _fresh_part(request, agent_id, said)
    messages.add_message(request, level, said)
    return HttpResponseRedirect(reverse("users") if is_gone else _next(request, agent_id))


def _fresh_part(request: HttpRequest, agent_id: int, said: str) -> HttpResponse:
    """Return the part that the button stands in, and have the page say what was done."""
    if request.headers.get("HX-Target") == "health":
        answer = render(request, "calendar_sync/parts/health.html", _health(request, agent_id))
    else:
        context = _context(request) | {"person": _person(agent_id)}
        answer = render(request, "calendar_sync/parts/person.html", context)
    answer.headers["HX-Trigger"] = json.dumps({"people:said": said})
    return answer


def _next(request: HttpRequest, agent_id: int) -> str:
    wanted = request.POST.get("next", "")
    if wanted.startswith("/") and url_has_allowed_host_and_scheme(wanted, None):
        return wanted
    return reverse("calendar-health", args=[agent_id])


def _person(agent_id: int) -> Person:
    found = person(agent_id)
    if found is None:
        raise Http404
    return found


def _context(request: HttpRequest) -> dict[str, Any]:
    user = cast(Agent, request.user)
    return {"place": "users", "is_manager": may_manage(user), "is_configured": is_configured()}


def _health(request: HttpRequest, agent_id: int) -> dict[str, Any]:
    subject = _person(agent_id)
    return _context(request) | {
        "person": subject,
        "pushes": pushes_of(subject),
        "days": by_day(subject.agent, subject.now, subject.now + timedelta(days=AGENDA_DAYS)),
        "wants_disconnect": "disconnect" in request.GET,
        "stand_in": _stand_in(subject),
    }


def _stand_in(subject: Person) -> str:
    """Return where one is this person in Outlook, "" unless a stand-in keeps the mailbox."""
    if not settings.MS_SANDBOX_URL or subject.connection is None:
        return ""
    return f"{settings.MS_SANDBOX_URL}/_sandbox/outlook/{quote(subject.connection.email)}"


def _is_htmx(request: HttpRequest) -> bool:
    return bool(getattr(request, "htmx", False))
