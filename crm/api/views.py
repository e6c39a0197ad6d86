"""What all views of the API share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, cast

from django.db import transaction
from rest_framework import viewsets
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.views import APIView

from crm import freshness
from crm.api.authentication import SessionAuthentication, TokenAuthentication
from crm.api.filters import Narrowing
from crm.api.idempotency import once
from crm.api.pagination import CursorPages
from crm.api.parsers import JSONParser
from crm.api.permissions import SignedIn
from crm.api.problems import Problem, answer_exception

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rest_framework.request import Request
    from rest_framework.serializers import BaseSerializer

    from crm.models import Agent


class AlwaysJSON(BaseContentNegotiation):
    """Answers JSON whatever is accepted: a person who opens the address in a browser sees it too."""

    def select_parser(self, request: Request, parsers: Iterable[Any]) -> Any:
        content_type = request.content_type.partition(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == content_type), None)

    def select_renderer(self, request: Request, renderers: Iterable[Any], format_suffix: str | None = None) -> Any:
        renderer = next(iter(renderers))
        return renderer, renderer.media_type


class ApiView(APIView):
    """One view of the API. `access` adds permissions to being signed in with the right scope."""

    access: ClassVar[list[type[BasePermission]]] = []
    # Set by views that show what calls have changed.
    reads_projections = False
    authentication_classes = [TokenAuthentication, SessionAuthentication]
    parser_classes = [JSONParser]
    renderer_classes = [JSONRenderer]
    content_negotiation_class = AlwaysJSON
    throttle_classes = []

    def get_permissions(self) -> list[BasePermission]:
        return [SignedIn(), *(permission() for permission in self.access)]

    def get_exception_handler(self) -> Callable[..., Any]:
        return answer_exception

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if any("\0" in value for values in request.query_params.lists() for value in values[1]):
            raise Problem(400, "invalid_parameter", "Parameters may not contain NUL characters.")
        if self.reads_projections and request.method in SAFE_METHODS:
            freshness.settle()

    @property
    def person(self) -> Agent:
        """The person who asks, or for whom a program asks."""
        return cast("Agent", self.request.user)

    def actor(self) -> str:
        """Name what acts for the person: a program with a token, or the person in a browser."""
        return "api" if self.request.auth is not None else "staff"


class ResourceViewSet(ApiView, viewsets.GenericViewSet[Any]):
    """A list with cursor pages, and its single records by number."""

    pagination_class = CursorPages
    lookup_value_regex = "[0-9]{1,19}"
    # What ?ordering= takes, and the order without it.
    ordering_fields: ClassVar[list[str]] = ["id"]
    ordering: ClassVar[list[str]] = ["id"]

    filter_backends = [Narrowing]

    def filter_queryset(self, queryset: Any) -> Any:
        return super().filter_queryset(queryset) if self.action == "list" else queryset

    def page(self, queryset: Any) -> list[Any]:
        """Return the rows of the page that is asked for."""
        return self.paginate_queryset(self.filter_queryset(queryset)) or []


class ReadMixin:
    """GET of the list and of one record."""

    def list(self: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        rows = self.page(self.get_queryset())
        return self.get_paginated_response(self.get_serializer(rows, many=True).data)

    def retrieve(self: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        return Response(self.get_serializer(self.get_object()).data)


class CreateMixin:
    """POST, once per Idempotency-Key. `perform_create` saves and names what was refused."""

    def create(self: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        return once(request, lambda: self._create(request))

    def _create(self: Any, request: Request) -> Response:
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        self.perform_create(serializer)
        return Response(serializer.data, 201)

    def perform_create(self, serializer: BaseSerializer[Any]) -> None:
        serializer.save()


class UpdateMixin:
    """PATCH changes what is given, PUT everything that can be changed."""

    def update(self: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self._update(request, partial=False)

    def partial_update(self: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self._update(request, partial=True)

    def _update(self: Any, request: Request, *, partial: bool) -> Response:
        with transaction.atomic():
            serializer = self.get_serializer(self.get_object(), data=request.data, partial=partial)
            serializer.is_valid(raise_exception=True)
            self.perform_update(serializer)
            return Response(serializer.data)

    def perform_update(self, serializer: BaseSerializer[Any]) -> None:
        serializer.save()


class DeleteMixin:
    """DELETE, answered 204; 409 `in_use` while other records refer to it."""

    def destroy(self: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        self.perform_destroy(self.get_object())
        return Response(status=204)

    def perform_destroy(self, instance: Any) -> None:
        instance.delete()
