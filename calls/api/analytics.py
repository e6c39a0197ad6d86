"""GET /api/v1/analytics and /api/v1/analytics/<table>: the figures of the page, as numbers"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.response import Response

from calls.analytics.asked import PRESETS, Asked
from calls.analytics.figures import TABLES
from calls.analytics.headline import sums
from crm.api import parameters
from crm.api.schema import COUNT, ID, choice, maybe, parameter, record, several
from crm.api.views import ApiView

if TYPE_CHECKING:
    from rest_framework.request import Request

    from calls.analytics.asked import Period

_DAY = {"type": "string", "format": "date"}
_TEXT = {"type": "string"}
ASKED = [
    parameter("since", _DAY, "The first day, on the office's clock."),
    parameter("until", _DAY, "The last day, included; without one today."),
    parameter("days", {"type": "integer", "enum": PRESETS}, "So many days, instead of since."),
    *(parameter(name, ID) for name in ("assistant", "listing", "owner", "team")),
    parameter("source", {"type": "string", "maxLength": 50}),
]
_SUMS = record(
    since=_DAY,
    until=_DAY,
    calls=COUNT,
    connected=COUNT,
    booked=COUNT,
    average_seconds=maybe({"type": "number"}),
    cost=maybe(_TEXT),
    currency=_TEXT,
    with_an_alert=COUNT,
)
FIGURES = record(now=_SUMS, before=_SUMS, tables=several(_TEXT))
TABLE = record(name=_TEXT, title=_TEXT, definition=_TEXT, columns=several(_TEXT), rows=several(several({})))


def asked_by(request: Request) -> Asked:
    """Return what is asked for. Raises the problem for a parameter that makes no sense."""
    asked = Asked(request.user, request.query_params)  # type: ignore[arg-type]
    for name, messages in asked.form.errors.items():
        parameters.refuse(name, str(messages[0]))
    return asked


def _shape(asked: Asked, period: Period) -> dict[str, Any]:
    found = sums(asked, period)
    return {
        "since": period.first.isoformat(),
        "until": period.last.isoformat(),
        "calls": found["calls"],
        "connected": found["connected"],
        "booked": found["booked"],
        "average_seconds": found["lasted"].total_seconds() if found["lasted"] else None,
        "cost": None if found["cost"] is None else str(found["cost"]),
        "currency": "USD",
        "with_an_alert": found["alerts"],
    }


class AnalyticsView(ApiView):
    """GET what came of the calls one may see, beside the same number of days before; `tables` are the further ones.

    Without days: the last 30. At most 400.
    """

    reads_projections = True

    @extend_schema(parameters=ASKED, responses={200: FIGURES})
    def get(self, request: Request) -> Response:
        asked = asked_by(request)
        shapes = {"now": _shape(asked, asked.period), "before": _shape(asked, asked.period.before)}
        return Response(shapes | {"tables": list(TABLES)})


class TableView(ApiView):
    """GET one table: what is counted, its columns and its rows."""

    reads_projections = True

    @extend_schema(
        parameters=[OpenApiParameter("table", choice(TABLES), OpenApiParameter.PATH), *ASKED], responses={200: TABLE}
    )
    def get(self, request: Request, table: str) -> Response:
        if table not in TABLES:
            raise Http404
        found = TABLES[table](asked_by(request))
        rows = [row.cells for row in found.rows]
        shape = {"name": found.name, "title": str(found.title), "definition": str(found.definition)}
        return Response(shape | {"columns": [str(column) for column in found.columns], "rows": rows})
