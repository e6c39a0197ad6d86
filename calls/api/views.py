"""/api/v1/calls and /api/v1/live"""

from __future__ import annotations

import uuid
from contextlib import suppress
from typing import TYPE_CHECKING, cast

from django.db.models import Q
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.response import Response

from calls import board
from calls.api.shapes import LIVE, ONE_CALL, ROW
from calls.models import Call, Phase, Stage, call_pk
from calls.rights import visible_calls
from calls.search import search
from calls.shapes import call_shape, prompt_shape
from calls.sight import Sight
from calls.stage_prompts import spoken_in
from calls.tower.log import log_of
from calls.webhook.shapes import identifier
from crm.api.filters import Choices, Flag, Ids, ListFilters, Phone, Text, When, Words
from crm.api.views import ApiView, ResourceViewSet
from crm.models import Agent

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request


class CallFilters(ListFilters):
    vapi_id = Text(method="named_by_vapi")
    status = Text()
    stage = Choices(Stage.values)
    phase = Choices(Phase.values)
    direction = Choices(["inbound", "outbound", "web"])
    lead = Ids()
    listing = Ids()
    phone = Phone("customer_number")
    live = Flag(method="still_live")
    search = Words(method="spoken")
    vars()["from"] = When("created_at", "gte")  # A keyword.
    to = When("created_at", "lt")

    def named_by_vapi(self, queryset: QuerySet[Call], name: str, vapi_id: str) -> QuerySet[Call]:
        return queryset.filter(vapi_id=identifier(vapi_id))

    def spoken(self, queryset: QuerySet[Call], name: str, words: str) -> QuerySet[Call]:
        person = cast(Agent, self.request.user)
        return queryset.filter(pk__in=search(person, visible_calls(person), words).values("pk"))

    def still_live(self, queryset: QuerySet[Call], name: str, live: bool) -> QuerySet[Call]:
        ended = Q(phase=Phase.ENDED)
        return queryset.filter(~ended if live else ended)


class CallViewSet(ResourceViewSet):
    """Calls, newest first, with transcript.

    Filters: vapi_id, status, stage, phase, direction, lead, listing, phone, live, from, to (by when
    they began), search (what was said, and the caller's name or number).
    """

    queryset = Call.objects.all()
    filterset_class = CallFilters
    reads_projections = True
    # Whatever Vapi calls a call, slashes and line ends too.
    lookup_value_regex = r"[\s\S]+?"
    ordering_fields = ["id", "created_at", "started_at", "ended_at", "cost"]
    ordering = ["-created_at"]

    def get_queryset(self) -> QuerySet[Call]:
        return visible_calls(self.person, super().get_queryset())

    def field_names(self) -> list[str]:
        now = timezone.now()
        nobody = Call(created_at=now, updated_at=now, last_event_at=now)
        return [*call_shape(nobody), "prompts", "control_actions"]

    @extend_schema(responses={200: ROW})
    def list(self, request: Request) -> Response:
        """One page of calls."""
        rows = self.page(self.get_queryset())
        return self.get_paginated_response(self.sparse([call_shape(call) for call in rows]))

    @extend_schema(
        parameters=[OpenApiParameter("id", str, OpenApiParameter.PATH, description="Pete's id or Vapi's.")],
        responses={200: ONE_CALL},
    )
    def retrieve(self, request: Request, pk: str) -> Response:
        """One call, by Pete's id or Vapi's, with the versions of the prompts that spoke in it."""
        call = self.get_queryset().filter(named(pk)).first()
        if call is None:
            raise Http404
        more = {"prompts": [prompt_shape(version) for version in spoken_in(call)], "control_actions": log_of(call)}
        return Response(self.sparse([call_shape(call) | more])[0])


def named(name: str) -> Q:
    """Return the condition for the call with this id, Pete's or Vapi's."""
    found = Q(pk=call_pk(identifier(name)))
    with suppress(ValueError):
        found |= Q(pk=uuid.UUID(name))
    return found


class LiveView(ApiView):
    """GET what the live board shows: {"seq", "calls"}."""

    reads_projections = True

    @extend_schema(responses={200: LIVE})
    def get(self, request: Request) -> Response:
        return Response(Sight.of(self.person).narrow(board.snapshot()))
