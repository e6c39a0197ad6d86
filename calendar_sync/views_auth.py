"""/calendar/auth: to Microsoft's sign-in and back, how a connection stands, and the choice of calendars.

People get pages, programs problem documents.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from calendar_sync import choice, connect
from calendar_sync.clouds import cloud
from calendar_sync.diagnosis import diagnose
from calendar_sync.models import Connection, ConnectionStatus
from calendar_sync.outcomes import ConnectRefused
from calendar_sync.status import PROVIDER
from crm.api import parameters, problems
from crm.api.instants import write_instant
from crm.api.permissions import may_manage
from crm.api.schema import ID, INSTANT, maybe, parameter, record
from crm.api.views import ApiView
from crm.calendar_status import CalendarStatus
from crm.errors import BadArguments, PermanentError, TransientError
from crm.models import Agent

logger = logging.getLogger(__name__)

View = Callable[[HttpRequest], HttpResponse]


def _wants_page(request: HttpRequest) -> bool:
    return request.get_preferred_type(["application/json", "text/html"]) == "text/html"


def _person(request: HttpRequest) -> Agent:
    return cast(Agent, request.user)


def sign_in_step(view: View) -> View:
    """Let only staff in, and answer each ConnectRefused with its own page or problem."""

    @never_cache
    @require_GET
    @wraps(view)
    def answered(request: HttpRequest) -> HttpResponse:
        if not request.user.is_authenticated:
            if _wants_page(request):
                return redirect_to_login(request.get_full_path())
            return problems.problem_response(401, "not_authenticated", "Sign in first.")
        try:
            return view(request)
        except ConnectRefused as exc:
            return _refused(request, exc)

    return answered


def _refused(request: HttpRequest, exc: ConnectRefused) -> HttpResponse:
    outcome = exc.outcome
    if not _wants_page(request):
        return problems.problem_response(outcome.status, exc.code, f"{outcome.title}. {outcome.cure}")
    context: dict[str, Any] = {
        "place": "users",
        "outcome": outcome,
        "code": exc.code,
        "details": exc.details,
    }
    if outcome.can_retry:
        own = Connection.objects.filter(agent=_person(request), status=ConnectionStatus.CONNECTED)
        context["is_connected"] = own.exists()
    if outcome.for_admin:
        context["admin_url"] = cloud().admin_consent_url(settings.MS_CLIENT_ID)
    return render(request, "calendar_sync/outcome.html", context, status=outcome.status)


@sign_in_step
def start(request: HttpRequest) -> HttpResponse:
    """Send a person to Microsoft to sign in; `user_id` can only be their own."""
    person = _person(request)
    wanted = request.GET.get("user_id", "").strip()
    if wanted and wanted != str(person.pk):
        raise ConnectRefused("not_yourself", **_link_for(person, wanted))
    return HttpResponseRedirect(connect.start(person, request.session.session_key or ""))


def _link_for(person: Agent, wanted: str) -> dict[str, Any]:
    """Return whom a manager may send the link, and the link; nothing for others."""
    if not may_manage(person) or not wanted.isascii() or not wanted.isdigit() or len(wanted) > 18:
        return {}
    other = Agent.objects.filter(pk=int(wanted), is_active=True).first()
    return {"agent": other, "link": connect.shareable_link(other)} if other else {}


def callback(request: HttpRequest) -> HttpResponse:
    """Take back whoever Microsoft sends: a person with a code, or the administrator of a company with their consent."""
    # The latter need not know Pete at all, and are told no more than that they are done.
    if request.method == "GET" and request.GET.get("admin_consent", "").lower() == "true" and "code" not in request.GET:
        is_approved = "error" not in request.GET
        status = 200 if is_approved else 400
        return render(request, "calendar_sync/approved.html", {"is_approved": is_approved}, status=status)
    return _come_back(request)


@sign_in_step
def _come_back(request: HttpRequest) -> HttpResponse:
    """Take a person back from Microsoft, and go on at once: the address holds the code."""
    person = _person(request)
    connection = connect.finish(person, request.session.session_key or "", request.GET.dict())
    if connection.calendars.filter(is_written=True).exists():
        choice.request_sync(connection)
        messages.success(request, _("Microsoft 365 is connected again."))
        return redirect("calendar-health", person.pk)
    try:
        choice.refresh_calendars(connection)
    except (TransientError, PermanentError) as exc:
        # The page that comes next says so, and asks again.
        logger.warning("The calendars of connection %s could not be listed: %s", connection.pk, exc)
    return redirect(f"{reverse('calendar-choose')}?welcome=1")


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def choose(request: HttpRequest) -> HttpResponse:
    """Choose which of one's own calendars Pete reads, and where it writes viewings."""
    connection = Connection.objects.defer("blob").filter(agent=_person(request)).first()
    if connection is None:
        messages.error(request, _("Connect Microsoft 365 first."))
        return redirect("calendar-health", _person(request).pk)
    if request.method == "POST":
        return _chosen(request, connection)
    return _choices(request, connection, problem=_refresh(connection, is_wanted="refresh" in request.GET))


def _refresh(connection: Connection, *, is_wanted: bool) -> str:
    """List the calendars anew if that is wanted or there are none; return what went wrong."""
    if connection.calendars.exists() and not is_wanted:
        return ""
    try:
        choice.refresh_calendars(connection)
    except TransientError:
        return _("Microsoft does not answer just now, so the calendars could not be listed. Try again in a minute.")
    except PermanentError:
        connection.refresh_from_db(fields=["status", "status_code"])
        found = diagnose(connection.status_code)
        return f"{found.text} {found.cure}"
    return ""


def _choices(request: HttpRequest, connection: Connection, *, problem: str = "", status: int = 200) -> HttpResponse:
    context = {
        "place": "users",
        "connection": connection,
        "calendars": connection.calendars.defer("delta_link"),
        "problem": problem,
        "is_welcome": "welcome" in request.GET,
    }
    return render(request, "calendar_sync/choose.html", context, status=status)


def _chosen(request: HttpRequest, connection: Connection) -> HttpResponse:
    read = {int(pk) for pk in request.POST.getlist("read") if _is_id(pk)}
    written = request.POST.get("written", "")
    try:
        kept = choice.choose(connection, read=read, written=int(written) if _is_id(written) else 0)
    except BadArguments as exc:
        return _choices(request, connection, problem=exc.message, status=400)
    for calendar in kept:
        words = _("“%s” is read all the same while viewings to come are in it: moved there, they move here.")
        messages.info(request, words % calendar.name)
    messages.success(request, _("Your choice is kept. Your calendar is being read now."))
    return redirect("calendar-health", connection.agent_id)


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 18


# The person and managers are told more.
STATUS = record(
    user_id=ID,
    provider={"type": "string"},
    status={"type": "string"},
    connected={"type": "boolean"},
    last_synced_at=maybe(INSTANT),
    connect_url={"type": "string"},
)


class StatusView(ApiView):
    """GET /calendar/auth/status?user_id=: how somebody's connection stands; without user_id, one's own."""

    @extend_schema(parameters=[parameter("user_id", ID, "Oneself without one.")], responses={200: STATUS})
    def get(self, request: Any) -> Response:
        wanted = parameters.ids(request, "user_id")
        agent = Agent.objects.filter(pk=wanted[0]).first() if wanted else request.user
        if agent is None:
            raise Http404
        connection = Connection.objects.defer("blob").filter(agent=agent).first()
        shape = _status_shape(agent, connection)
        if connection and (request.user.pk == agent.pk or may_manage(request.user)):
            shape |= _private_shape(connection)
        return Response(shape)


def _status_shape(agent: Agent, connection: Connection | None) -> dict[str, Any]:
    local = CalendarStatus()
    return {
        "user_id": agent.pk,
        "provider": PROVIDER if connection else local.provider,
        "status": connection.status if connection else local.status,
        "connected": connection is not None and connection.status == ConnectionStatus.CONNECTED,
        "last_synced_at": write_instant(connection.last_synced_at) if connection else None,
        "connect_url": connect.shareable_link(agent),
    }


def _private_shape(connection: Connection) -> dict[str, Any]:
    """Return what the person and managers see: which account, which calendars, and what is wrong."""
    is_well = connection.status == ConnectionStatus.CONNECTED
    found = None if is_well else diagnose(connection.status_code)
    rows = connection.calendars.values("id", "name", "is_read", "is_written")
    return {
        "account": connection.email,
        "status_code": connection.status_code,
        "problem": found.text if found else "",
        "cure": found.cure if found else "",
        "calendars": list(rows),
    }
