"""/api/v1/agents/<id>/calendar: how somebody's calendar stands, which ones are read, and what its page's buttons do"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from calendar_sync import actions, choice
from calendar_sync.health import Person, person, pushes_of
from crm.api.fields import WholeField
from crm.api.instants import write_instant
from crm.api.preconditions import conditional, etag_of, require_match
from crm.api.problems import Problem
from crm.api.schema import COUNT, ID, IF_MATCH, IF_NONE_MATCH, INSTANT, maybe, record, several
from crm.api.schema import choice as one_of
from crm.api.views import ApiView
from crm.errors import PermanentError, TransientError

if TYPE_CHECKING:
    from rest_framework.request import Request

_TEXT, _FLAG = {"type": "string"}, {"type": "boolean"}
CALENDAR = record(id=ID, name=_TEXT, can_edit=_FLAG, is_read=_FLAG, is_written=_FLAG, last_error=_TEXT)
NOTICE = record(id=ID, kind=_TEXT, text=_TEXT, cure=_TEXT, appointment=maybe(ID))
PUSH = record(id=ID, appointment=maybe(ID), status=_TEXT, last_error=_TEXT)
STANDING = record(
    agent=ID,
    state=_TEXT,
    word=_TEXT,
    synced_at=maybe(INSTANT),
    waiting=COUNT,
    failed=COUNT,
    troubles=several(record(text=_TEXT, cure=_TEXT)),
    calendars=several(CALENDAR),
    notices=several(NOTICE),
    pushes=several(PUSH),
)
AGENT = OpenApiParameter("agent", ID, OpenApiParameter.PATH)


def standing(subject: Person) -> dict[str, Any]:
    """Return how a calendar stands, with its details."""
    return {
        "agent": subject.agent.pk,
        "state": subject.state.key,
        "word": str(subject.state.word),
        "synced_at": write_instant(subject.synced_at),
        "waiting": subject.waiting,
        "failed": subject.failed,
        "troubles": [{"text": one.text, "cure": one.cure} for one in subject.troubles],
        "calendars": [{name: getattr(row, name) for name in CALENDAR["properties"]} for row in subject.calendars],
        "notices": [
            {"id": row.pk, "kind": row.kind, "text": row.text, "cure": row.cure, "appointment": row.appointment_id}
            for row in subject.notices
        ],
        "pushes": [
            {"id": row.pk, "appointment": row.appointment_id, "status": row.status, "last_error": row.last_error}
            for row in pushes_of(subject)
        ],
    }


class ChosenSerializer(serializers.Serializer[Any]):
    """The ids of the calendars that are read, and of the one that viewings are written into."""

    read = serializers.ListField(child=WholeField(min_value=1, max_value=2**31), max_length=200)
    written = WholeField(min_value=1, max_value=2**31)


class ActSerializer(serializers.Serializer[Any]):
    """Which one is meant: `push` for retry (all without it), `notice` for retry and done."""

    push = WholeField(min_value=1, max_value=2**31, required=False)
    notice = WholeField(min_value=1, max_value=2**31, required=False)


class OfPerson(ApiView):
    """What is asked about one person's calendar: by themselves, and by managers."""

    # Microsoft is asked, which no transaction waits for.
    keeps_answers = takes_keys = False

    def subject(self, action: str = "") -> Person:
        found = person(int(self.kwargs["agent"]))
        if found is None:
            raise Http404
        if not actions.may(self.person, found.agent, action):
            raise Problem(403, "not_allowed", "This is somebody else's calendar.")
        return found


class PersonCalendarView(OfPerson):
    """One's own calendar; managers see everybody's, and only the person chooses which of them count."""

    @extend_schema(parameters=[AGENT, IF_NONE_MATCH], responses={200: STANDING})
    def get(self, request: Request, agent: str) -> Response:
        """GET how it stands: its state in a word, what is wrong with the cure, what waits to be written."""
        shape = standing(self.subject())
        return conditional(request, Response(shape), etag_of(shape["calendars"]))

    @extend_schema(request=ChosenSerializer, parameters=[AGENT, IF_MATCH], responses={200: STANDING})
    def put(self, request: Request, agent: str) -> Response:
        """Choose which calendars are read, and into which one viewings are written. Only for oneself."""
        subject = self.subject()
        if subject.agent.pk != self.person.pk:
            raise Problem(403, "not_allowed", "Only the person themselves chooses their calendars.")
        if subject.connection is None:
            raise Problem(409, "not_connected", "Connect Microsoft 365 first: a browser is needed for that.")
        require_match(request, etag_of(standing(subject)["calendars"]))
        serializer = ChosenSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        wanted = serializer.validated_data
        choice.choose(subject.connection, read=wanted["read"], written=wanted["written"])
        shape = standing(self.subject())
        return Response(shape, headers={"ETag": etag_of(shape["calendars"])})


class PersonCalendarActView(OfPerson):
    """What the buttons of a calendar's page do.

    sync reads it now, retry writes again what failed, repair sets right what differs, done puts a notice away,
    disconnect parts from Microsoft, send-link (managers) writes to the person where to connect.
    """

    @extend_schema(
        request=ActSerializer,
        parameters=[AGENT, OpenApiParameter("action", one_of(sorted(actions.ACTIONS)), OpenApiParameter.PATH)],
        responses={200: record(said=_TEXT)},
    )
    def post(self, request: Request, agent: str, action: str) -> Response:
        chosen = actions.ACTIONS.get(action)
        if chosen is None:
            raise Http404
        subject = self.subject(action)
        serializer = ActSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        given = {name: str(value) for name, value in serializer.validated_data.items()}
        try:
            return Response({"said": chosen(subject, self.person, given)})
        except (TransientError, PermanentError) as exc:
            raise Problem(503, "microsoft_unavailable", actions.did_not_work()) from exc
