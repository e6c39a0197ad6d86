"""/api/v1/presence: whether callers may be put through to the one who asks"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from calls import presence
from crm.api.views import ApiView

if TYPE_CHECKING:
    from rest_framework.request import Request


class PresenceSerializer(serializers.Serializer[Any]):
    """The switch at the desk: on, callers may be put through. Turning it says that one is there, too."""

    takes_calls = serializers.BooleanField()


class PresenceView(ApiView):
    """One's own switch: GET shows it, PUT turns it."""

    @extend_schema(responses={200: PresenceSerializer})
    def get(self, request: Request) -> Response:
        return Response({"takes_calls": presence.takes_calls(self.person)})

    @extend_schema(request=PresenceSerializer, responses={200: PresenceSerializer})
    def put(self, request: Request) -> Response:
        """Turn it."""
        serializer = PresenceSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        presence.set_takes_calls(self.person, serializer.validated_data["takes_calls"])
        return Response({"takes_calls": presence.takes_calls(self.person)})
