"""POST /api/v1/calls/<id>/control: stepping into a live call"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from calls.api.shapes import CONTROL
from calls.api.views import named
from calls.models import Call, ControlKind
from calls.rights import visible_calls
from calls.shapes import supervisor_shape, with_related
from calls.tower import actions
from calls.tower.log import action_shape
from crm.api.fields import ChoiceField, IdField, TextField
from crm.api.idempotency import key_of
from crm.api.problems import Problem
from crm.api.views import ApiView
from crm.models import Agent

if TYPE_CHECKING:
    from rest_framework.request import Request

    from calls.models import ControlAction

RELEASE = "release"
# Hearing a call needs a browser, and taking over comes with another action.
KINDS = [kind.value for kind in ControlKind if kind not in (ControlKind.LISTEN, ControlKind.TAKE_OVER)]


class ControlSerializer(serializers.Serializer[Any]):
    """What to do, and why. `text` is for say and whisper, `to` for transfer; release gives the call back."""

    kind = ChoiceField([(kind, kind) for kind in [*KINDS, RELEASE]])
    reason = TextField(max_length=actions.LONGEST_REASON, required=False, allow_blank=True, default="")
    text = TextField(max_length=actions.LONGEST_TEXT, required=False, allow_blank=True, default="")
    answers = serializers.BooleanField(required=False, default=False)
    hangs_up = serializers.BooleanField(required=False, default=False)
    to = IdField(queryset=Agent.objects.filter(is_active=True).exclude(phone=""), required=False, default=None)
    take_over_from = IdField(queryset=Agent.objects.all(), required=False, default=None)


class ControlView(ApiView):
    """Say something, whisper to the assistant, mute it, put the caller through, end the call; as in the tower.

    The action is written down before Vapi is asked, so a refusal of Vapi's is kept too.
    """

    # The action itself is kept under the key, and Vapi is not asked inside of a transaction.
    keeps_answers = False

    @extend_schema(
        request=ControlSerializer,
        responses={200: CONTROL},
        parameters=[OpenApiParameter("call", str, OpenApiParameter.PATH, description="Pete's id or Vapi's.")],
    )
    def post(self, request: Request, call: str) -> Response:
        row = self._call(call)
        serializer = ControlSerializer(data=request.data, context={"request": request})
        serializer.is_valid(raise_exception=True)
        wanted, action = serializer.validated_data, None
        if wanted["kind"] == RELEASE:
            actions.release(row, self.person)
        else:
            action = actions.perform(row, self.person, self._wish(request, row, wanted))
            self._refuse_another(action, wanted)
        supervisor = supervisor_shape(self._call(call))
        return Response({"supervisor": supervisor, "action": action_shape(action) if action else None})

    def _call(self, name: str) -> Call:
        found = visible_calls(self.person, with_related(Call.objects.all())).filter(named(name)).first()
        if found is None:
            raise Http404
        return found

    def _wish(self, request: Request, call: Call, wanted: dict[str, Any]) -> actions.Wish:
        given = key_of(request)
        key = uuid.uuid5(call.pk, f"{self.person.pk} {given}") if given else uuid.uuid4()
        taken_from = wanted["take_over_from"]
        return actions.Wish(
            kind=ControlKind(wanted["kind"]),
            key=key,
            reason=wanted["reason"],
            text=wanted["text"],
            answers=wanted["answers"],
            hangs_up=wanted["hangs_up"],
            to=wanted["to"],
            take_over_from=taken_from.pk if taken_from else None,
        )

    def _refuse_another(self, action: ControlAction, wanted: dict[str, Any]) -> None:
        to = wanted["to"].pk if wanted["to"] else None
        if (action.kind, action.text, action.other_id) != (wanted["kind"], wanted["text"], to):
            raise Problem(422, "idempotency_mismatch", "This Idempotency-Key was used for another request.")
