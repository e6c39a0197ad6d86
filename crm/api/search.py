"""GET /api/v1/search: one box for everything"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from crm.api import parameters
from crm.api.pagination import page_size_of
from crm.api.rentals import OUTSIDE, outside_shape
from crm.api.schema import choice, parameter, record, several
from crm.api.views import ApiView
from crm.search import anything

if TYPE_CHECKING:
    from rest_framework.request import Request

DEFAULT_LIMIT = 8
MAX_LIMIT = 50
_TEXT = {"type": "string"}
# As they are registered; apps below crm are not known here.
KINDS = ["lead", "listing", "person", "call"]
HIT = record(kind=choice(KINDS), id=_TEXT, title=_TEXT, detail=_TEXT, path=_TEXT, said=_TEXT)
FOUND = record(query=_TEXT, results=several(HIT), outside=OUTSIDE)


class SearchView(ApiView):
    """GET what fits a few words: leads, listings, people and calls that the one who asks may see.

    `path` is the record's page, `said` the line of a call in which the words were found. Nothing is counted beyond
    what is shown.
    """

    reads_projections = True

    @extend_schema(
        parameters=[
            parameter("q", {"type": "string", "maxLength": parameters.LONGEST_SEARCH}, "A name, number, place, words."),
            parameter("kind", choice(KINDS), "Only these.", many=True),
            parameter(
                "limit", {"type": "integer", "minimum": 1}, f"Of each kind: {DEFAULT_LIMIT}; at most {MAX_LIMIT}."
            ),
            parameter("outside", {"type": "boolean"}, "Also ask the web, where that is switched on."),
        ],
        responses={200: FOUND},
    )
    def get(self, request: Request) -> Response:
        query = parameters.words(request, "q")
        kinds = parameters.asked(request, "kind", parameters.choices_reader(KINDS), many=True)
        limit = page_size_of(request, "limit", default=DEFAULT_LIMIT, largest=MAX_LIMIT)
        found = anything.find(self.person, query, of=kinds or (), limit=limit)
        results = [asdict(hit) for hit in found]
        return Response({"query": query, "results": results, "outside": outside_shape(request, query)})
