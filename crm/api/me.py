"""GET /api/v1/me: who asks, and what for they may"""

from __future__ import annotations

from typing import TYPE_CHECKING

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from crm.api.agents import AgentSerializer
from crm.api.permissions import may_manage
from crm.api.schema import choice, record, several
from crm.api.views import ApiView
from crm.models import ApiToken

if TYPE_CHECKING:
    from rest_framework.request import Request

ME = record(
    agent={"$ref": "#/components/schemas/Agent"},
    scopes=several(choice(ApiToken.Scope.values)),
    sees_everything={"type": "boolean"},
)


class MeView(ApiView):
    """GET the person who asks, or for whom a program asks, and the scopes of the token; a session has them all."""

    @extend_schema(responses={200: ME})
    def get(self, request: Request) -> Response:
        scopes = request.auth.scopes if isinstance(request.auth, ApiToken) else ApiToken.Scope.values
        agent = AgentSerializer(self.person).data
        return Response({"agent": agent, "scopes": sorted(scopes), "sees_everything": may_manage(self.person)})
