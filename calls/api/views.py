"""/api/v1/calls and /api/v1/live"""

from __future__ import annotations

import uuid
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from django.db.models import Q
from django.http import Http404
from rest_framework.response import Response

from calls import board
from calls.models import Call, Phase, Stage, call_pk
from calls.shapes import call_shape, prompt_shape
from calls.stage_prompts import spoken_in
from calls.tower.log import log_of
from calls.webhook.shapes import identifier
from crm.api import parameters
from crm.api.views import ApiView, ResourceViewSet

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request


class CallViewSet(ResourceViewSet):
    """Calls, newest first, with transcript.

    Filters: vapi_id, status, stage, phase, direction, lead, listing, phone, live, from, to (by when they began).
    """

    queryset = Call.objects.all()
    reads_projections = True
    # Whatever Vapi calls a call, slashes and line ends too.
    lookup_value_regex = r"[\s\S]+?"
    ordering_fields = ["id", "created_at", "started_at", "ended_at", "cost"]
    ordering = ["-created_at"]

    def narrow(self, queryset: QuerySet[Call]) -> QuerySet[Call]:
        request = self.request
        given = request.query_params
        wanted: dict[str, Any] = {
            "vapi_id": identifier(given.get("vapi_id")) or None,
            "status": given.get("status") or None,
            "stage__in": parameters.choices(request, "stage", Stage.values),
            "phase__in": parameters.choices(request, "phase", Phase.values),
            "direction__in": parameters.choices(request, "direction", ["inbound", "outbound", "web"]),
            "lead__in": parameters.ids(request, "lead"),
            "listing__in": parameters.ids(request, "listing"),
            "customer_number": parameters.phone(request, "phone"),
            "created_at__gte": parameters.instant(request, "from"),
            "created_at__lt": parameters.instant(request, "to"),
        }
        found = queryset.filter(**parameters.given(wanted))
        live = parameters.flag(request, "live")
        ended = Q(phase=Phase.ENDED)
        return found if live is None else found.filter(~ended if live else ended)

    def list(self, request: Request) -> Response:
        """One page of calls."""
        rows = self.page(self.get_queryset())
        return self.get_paginated_response([call_shape(call) for call in rows])

    def retrieve(self, request: Request, pk: str) -> Response:
        """One call, by Pete's id or Vapi's, with the versions of the prompts that spoke in it."""
        found = Q(pk=call_pk(identifier(pk)))
        with suppress(ValueError):
            found |= Q(pk=uuid.UUID(pk))
        call = self.get_queryset().filter(found).first()
        if call is None:
            raise Http404
        more = {"prompts": [prompt_shape(version) for version in spoken_in(call)], "control_actions": log_of(call)}
        return Response(call_shape(call) | more)


class LiveView(ApiView):
    """GET what the live board shows: {"seq", "calls"}."""

    reads_projections = True

    def get(self, request: Request) -> Response:
        return Response(board.snapshot())
