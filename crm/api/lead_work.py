"""/api/v1/leads/<id>/claim, /release and /messages"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from crm import claims
from crm.api.fields import InstantField, TextField
from crm.api.lead_history import changeable_lead, seen_lead
from crm.api.leads import LeadSerializer
from crm.api.problems import Problem
from crm.api.views import ApiView, ResourceViewSet
from crm.messages import queue_message
from crm.models import OutgoingMessage

if TYPE_CHECKING:
    from rest_framework.request import Request


class ClaimView(ApiView):
    """Take a lead that belongs to nobody. Of two who ask at once one gets it; 409 `already_claimed` for the other."""

    @extend_schema(request=None, responses={200: LeadSerializer})
    def post(self, request: Request, lead: str) -> Response:
        row = claims.claim(seen_lead(self.person, lead), self.person, actor=self.actor())
        return Response(LeadSerializer(row).data)


class ReleaseView(ApiView):
    """Give back a lead of one's own, so that it belongs to nobody."""

    @extend_schema(request=None, responses={200: LeadSerializer})
    def post(self, request: Request, lead: str) -> Response:
        row = seen_lead(self.person, lead)
        if not claims.release(row, self.person, actor=self.actor()):
            raise Problem(409, "not_yours", "This lead is not yours.")
        return Response(LeadSerializer(row).data)


class MessageSerializer(serializers.ModelSerializer[OutgoingMessage]):
    """An e-mail to the lead. `status` is queued, sent or failed; `last_error` says why it did not go out."""

    subject = TextField(max_length=200)
    body = TextField(max_length=20_000)
    sent_at = InstantField(read_only=True, allow_null=True)
    created_at = InstantField(read_only=True)

    class Meta:
        model = OutgoingMessage
        fields = [
            "id", "lead", "appointment", "to", "subject", "body", "status", "last_error", "sent_at", "created_at",
        ]  # fmt: skip
        read_only_fields = ["lead", "appointment", "to", "status", "last_error"]
        extra_kwargs: dict[str, Any] = {"appointment": {"allow_null": True}}


class MessageViewSet(ResourceViewSet):
    """The e-mails to a lead, newest first."""

    queryset = OutgoingMessage.objects.all()
    serializer_class = MessageSerializer
    ordering_fields = ["id", "created_at"]
    ordering = ["-created_at"]

    def list(self, request: Request, lead: str) -> Response:
        """One page of the e-mails."""
        rows = self.page(self.get_queryset().filter(lead=seen_lead(self.person, lead)))
        return self.get_paginated_response(self.sparse(self.get_serializer(rows, many=True).data))

    @extend_schema(responses={201: MessageSerializer})
    def create(self, request: Request, lead: str) -> Response:
        """Queue an e-mail to the lead's address; 409 `no_address` while there is none."""
        row = changeable_lead(self.person, lead)
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        if not row.email:
            raise Problem(409, "no_address", "This lead has no e-mail address yet.")
        key = f"api:{row.pk}:{uuid.uuid4()}"
        return Response(
            self.get_serializer(queue_message(key=key, lead=row, to=row.email, **serializer.validated_data)).data, 201
        )
