"""/api/v1/availability"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from crm.api import parameters
from crm.api.instants import write_instant
from crm.api.pagination import page_size_of
from crm.api.problems import Problem
from crm.api.schema import ID, INSTANT, SLOT, choice, parameter, record, several
from crm.api.slots import slot_shape
from crm.api.views import ApiView
from crm.availability import RULES, explain, find_slots
from crm.models import Agent, Listing, OfficeSettings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from typing import Any

    from rest_framework.request import Request

AVAILABILITY = record(
    slots=several(SLOT),
    explanations=several(record(starts_at=INSTANT, agent=ID, rule=choice(RULES))),
)
DEFAULT_LIMIT = 50
MAX_LIMIT = 500
LONGEST_WINDOW = timedelta(days=800)
# Every closed step is written out: 2,000 days of one agent's time are some 96,000 of them.
MOST_EXPLAINED_AGENT_DAYS = 2_000


class AvailabilityView(ApiView):
    """GET what could be booked in start ≤ s < end, by start; explain=1 says what closed every other step.

    Without a window: from now to the horizon.
    """

    @extend_schema(
        parameters=[
            parameter("start", INSTANT, "From then on; without one from now."),
            parameter("end", INSTANT, "Before then; without one to the horizon."),
            parameter("agent", ID, many=True),
            parameter("listing", ID),
            parameter("limit", {"type": "integer", "minimum": 1}, f"{DEFAULT_LIMIT}; at most {MAX_LIMIT}."),
            parameter("explain", {"type": "boolean"}, "Also say which rule closed each closed step."),
        ],
        responses={200: AVAILABILITY},
    )
    def get(self, request: Request) -> Response:
        agents, listing = self._agents(request), self._listing(request)
        start, end = self._window(request, listing)
        limit = page_size_of(request, "limit", default=DEFAULT_LIMIT, largest=MAX_LIMIT)
        offers = find_slots(start=start, end=end, agent_ids=agents, listing=listing, limit=limit)
        body: dict[str, Any] = {"slots": [slot_shape(offer) for offer in offers], "explanations": []}
        if parameters.flag(request, "explain"):
            self._refuse_unending(start, end, agents, listing)
            body["explanations"] = [
                {"starts_at": write_instant(step.starts_at), "agent": step.agent_id, "rule": step.rule}
                for step in explain(start=start, end=end, agent_ids=agents, listing=listing)
            ]
        return Response(body)

    def _agents(self, request: Request) -> list[int] | None:
        wanted = parameters.ids(request, "agent")
        if wanted is not None and Agent.objects.filter(pk__in=wanted).count() < len(set(wanted)):
            raise Http404
        return wanted

    def _listing(self, request: Request) -> Listing | None:
        wanted = parameters.ids(request, "listing")
        if wanted is None:
            return None
        if len(wanted) > 1:
            parameters.refuse("listing", "give one listing.")
        listing = Listing.objects.filter(pk=wanted[0]).first()
        if listing is None:
            raise Http404
        return listing

    def _window(self, request: Request, listing: Listing | None) -> tuple[datetime, datetime]:
        start = parameters.instant(request, "start") or timezone.now()
        end = parameters.instant(request, "end")
        if end is None:
            end = max(start, timezone.now()) + timedelta(days=self._horizon_days(listing))
        if end <= start:
            raise Problem(400, "bad_window", "end must be after start.", parameter="end")
        if end - start > LONGEST_WINDOW:
            message = f"The window may have at most {LONGEST_WINDOW.days} days."
            raise Problem(400, "bad_window", message, parameter="end")
        return start, end

    def _horizon_days(self, listing: Listing | None) -> int:
        own = listing.horizon_days if listing is not None else None
        return OfficeSettings.load().horizon_days if own is None else own

    def _refuse_unending(
        self, start: datetime, end: datetime, agents: Sequence[int] | None, listing: Listing | None
    ) -> None:
        everybody = listing.agents if listing is not None else Agent.objects.filter(is_active=True)
        people = len(agents) if agents else everybody.count()
        if people * ((end - start) / timedelta(days=1)) > MOST_EXPLAINED_AGENT_DAYS:
            message = "This is too much to explain at once: choose an agent, a listing or a shorter window."
            raise Problem(400, "bad_window", message, parameter="explain")
