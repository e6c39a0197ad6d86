"""/calendar/events and /calendar/availability: one agent's time, for staff and for programs.

The same rules, tokens, scopes and problem documents as under /api/v1; `user_id`, `property_id` and `start_time` are
understood beside `agent`, `listing` and `starts_at`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from calendar_sync.agenda import Entry, agenda
from crm import booking
from crm.api import parameters
from crm.api.appointments import BookingSerializer, attendee
from crm.api.availability import AvailabilityView
from crm.api.idempotency import booking_key
from crm.api.instants import write_instant
from crm.api.problems import Problem
from crm.api.schema import ID, INSTANT, choice, maybe, parameter, record, several
from crm.api.views import ApiView
from crm.models import Agent
from crm.rights import colleagues, sees_everything

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from rest_framework.request import Request

_TEXT = {"type": "string"}
EVENT = record(
    type=choice(["viewing", "busy"]),
    id=maybe(ID),
    agent=ID,
    starts_at=INSTANT,
    ends_at=INSTANT,
    title=_TEXT,
    source=_TEXT,
)
EVENTS = record(agent=ID, start=INSTANT, end=INSTANT, events=several(EVENT))
WINDOW = [
    parameter("user_id", _TEXT, "An agent's id or e-mail address; oneself without one. `agent` is the same."),
    parameter("start", INSTANT, "Without one, now."),
    parameter("end", INSTANT, "Without one, a fortnight after the start."),
]
DEFAULT_WINDOW = timedelta(days=14)
LONGEST_WINDOW = timedelta(days=92)
OTHER_NAMES = {"user_id": "agent", "property_id": "listing", "start_time": "starts_at"}


def by_our_names(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was given under the names of /api/v1. Ours win over the others."""
    values = dict(given)
    for other, ours in OTHER_NAMES.items():
        if other in values:
            values.setdefault(ours, values.pop(other))
    return values


def event_shape(entry: Entry) -> dict[str, Any]:
    """Return one event. `id` is that of the appointment for a viewing, else that of the busy time."""
    row = entry.viewing or entry.busy
    assert row is not None
    shape = {
        "type": "viewing" if entry.viewing else "busy",
        "id": row.pk,
        "agent": row.agent_id,
        "starts_at": write_instant(entry.starts_at),
        "ends_at": write_instant(entry.ends_at),
        "title": entry.title,
    }
    return shape | (_of_viewing(entry.viewing) if entry.viewing else {"source": row.source})


def _of_viewing(row: Any) -> dict[str, Any]:
    return {
        "status": row.status,
        "lead": row.lead_id,
        "listing": row.listing_id,
        "source": row.source,
        "expires_at": write_instant(row.expires_at),
        "calendar_state": row.calendar_state,
        "external_id": row.external_id,
    }


def time_alone(entry: Entry) -> dict[str, Any]:
    """Return one event of somebody outside the reader's team: when it is, and nothing else."""
    shape = event_shape(entry)
    kept = {name: shape[name] for name in ("agent", "starts_at", "ends_at")}
    return {"type": "busy", "id": None, "title": _("Busy"), "source": "hidden"} | kept


class EventsView(ApiView):
    """GET an agent's viewings and busy times that touch [start, end); POST books a viewing.

    Without an agent: one's own. Without a window: the fortnight from now.
    """

    reads_projections = True

    @extend_schema(parameters=WINDOW, responses={200: EVENTS})
    def get(self, request: Request) -> Response:
        start, end = self._window(request)
        agent = self._agent(request)
        shape = event_shape if self._sees(agent) else time_alone
        events = [shape(entry) for entry in agenda(agent, start, end)]
        window = {"agent": agent.pk, "start": write_instant(start), "end": write_instant(end)}
        return Response(window | {"events": events})

    @extend_schema(request=BookingSerializer, responses={201: EVENT})
    def post(self, request: Request) -> Response:
        given = request.data
        wanted_by_us = by_our_names(given) if isinstance(given, dict) else given
        serializer = BookingSerializer(data=wanted_by_us, context={"request": request})
        serializer.is_valid(raise_exception=True)
        wanted = serializer.validated_data
        row = booking.book(
            lead=wanted.get("lead") or attendee(wanted),
            listing=wanted["listing"],
            agent=wanted.get("agent"),
            starts_at=wanted["starts_at"],
            idempotency_key=booking_key(request),
            source=self.actor(),
            hold=wanted["hold"],
            replaces_holds=False,
        )
        return Response(event_shape(Entry(row.starts_at, row.ends_at, viewing=row)), 201)

    def _sees(self, agent: Agent) -> bool:
        """Say whether the one who asks may know what `agent` does, and not only when."""
        return sees_everything(self.person) or colleagues(self.person).filter(pk=agent.pk).exists()

    def _agent(self, request: Request) -> Agent:
        asked = request.query_params.get("agent") or request.query_params.get("user_id") or ""
        if not asked.strip():
            return self.person
        if "@" in asked:
            found = Agent.objects.filter(email__iexact=asked.strip()).first()
        else:
            name = "agent" if request.query_params.get("agent") else "user_id"
            wanted = parameters.ids(request, name) or []
            if len(wanted) != 1:
                parameters.refuse(name, "give one agent, by id or e-mail address.")
            found = Agent.objects.filter(pk=wanted[0]).first()
        if found is None:
            raise Http404
        return found

    def _window(self, request: Request) -> tuple[datetime, datetime]:
        start = parameters.instant(request, "start") or timezone.now()
        end = parameters.instant(request, "end") or start + DEFAULT_WINDOW
        if end <= start:
            raise Problem(400, "bad_window", "end must be after start.", parameter="end")
        if end - start > LONGEST_WINDOW:
            message = f"The window may have at most {LONGEST_WINDOW.days} days."
            raise Problem(400, "bad_window", message, parameter="end")
        return start, end


class CalendarAvailabilityView(AvailabilityView):
    """GET what could be booked, exactly as /api/v1/availability says it."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        query: Any = request.query_params.copy()
        for other, ours in OTHER_NAMES.items():
            if ours not in query and other in query:
                query.setlist(ours, query.getlist(other))
        request._request.GET = query
