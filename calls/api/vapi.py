"""GET /vapi/assistants: the assistants at Vapi with whom and what each one speaks for, for staff and for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from calls.api.shapes import ASSISTANTS
from calls.sync.overview import Line, overview
from crm.api.views import ApiView

if TYPE_CHECKING:
    from rest_framework.request import Request


def line_shape(line: Line) -> dict[str, Any]:
    """Return one assistant. `id` is Vapi's, with which a browser calls it; `assistant` is Pete's, null if unmapped."""
    row = line.row
    return {
        "id": line.vapi_id,
        "vapi_id": line.vapi_id,
        "name": line.name,
        "assistant": row.pk if row else None,
        "listing": row.listing_id if row else None,
        "agent": row.agent_id if row else None,
        "team": row.team_id if row else None,
        "phone_number": row.phone_number if row else None,
        "phone_numbers_at_vapi": line.numbers,
        "first_message": row.first_message if row else "",
        "is_active": row.is_active if row else True,
        "model": line.model,
        "version": line.version or None,
        "state": line.state,
        "differences": [change.path for plan in line.plans for change in plan.changes],
        "problems": [problem for plan in line.plans for problem in plan.problems],
    }


class VapiAssistantsView(ApiView):
    """GET {"assistants", "count", "source", "problem"}.

    `source` is "vapi", or "pete" when Vapi cannot be asked: `problem` says why, and those unknown here are missing.
    """

    @extend_schema(responses={200: ASSISTANTS})
    def get(self, request: Request) -> Response:
        seen = overview()
        shapes = [line_shape(line) for line in seen.lines]
        source = "vapi" if seen.found else "pete"
        return Response({"assistants": shapes, "count": len(shapes), "source": source, "problem": seen.trouble or None})
