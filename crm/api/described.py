"""GET /api/schema/ and the page /api/docs/ that shows it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from django.contrib.auth.decorators import login_required
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator
from rest_framework.response import Response

from crm.api.views import ApiView

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse
    from rest_framework.request import Request


@cache
def description() -> dict[str, Any]:
    """Return the OpenAPI document. It depends on the code alone."""
    return SchemaGenerator().get_schema(request=None, public=True)


class SchemaView(ApiView):
    """GET the description of everything programs use, as OpenAPI 3.1."""

    schema = None  # type: ignore[assignment]  # Not part of what it describes.

    def get(self, request: Request) -> Response:
        return Response(description())


@login_required
@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """Show the description to people, who can try it with their own rights."""
    return render(request, "crm/api_docs.html")
