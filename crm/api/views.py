"""What all views of the API share."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, cast

from django.db import transaction
from rest_framework import viewsets
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.views import APIView

from crm import freshness
from crm.api import limits, parameters
from crm.api.authentication import SessionAuthentication, TokenAuthentication
from crm.api.filters import Narrowing
from crm.api.idempotency import once
from crm.api.pagination import CursorPages
from crm.api.parsers import JSONParser
from crm.api.permissions import SignedIn
from crm.api.preconditions import conditional, etag_of, is_conditional, require_match
from crm.api.problems import Problem, answer_exception
from crm.api.schema import PeteSchema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from rest_framework.request import Request
    from rest_framework.serializers import BaseSerializer, Serializer

    from crm.models import Agent


class AlwaysJSON(BaseContentNegotiation):
    """Answers JSON whatever is accepted: a person who opens the address in a browser sees it too."""

    def select_parser(self, request: Request, parsers: Iterable[Any]) -> Any:
        content_type = request.content_type.partition(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == content_type), None)

    def select_renderer(self, request: Request, renderers: Iterable[Any], format_suffix: str | None = None) -> Any:
        renderer = next(iter(renderers))
        return renderer, renderer.media_type


def _once(act: Any, not_kept: list[str], request: Request, *args: Any, **kwargs: Any) -> Response:
    return once(request, lambda: act(request, *args, **kwargs), not_kept=not_kept)


class ApiView(APIView):
    """One view of the API. `access` adds permissions to being signed in with the right scope."""

    access: ClassVar[list[type[BasePermission]]] = []
    # Set by views that show what calls have changed.
    reads_projections = False
    authentication_classes = [TokenAuthentication, SessionAuthentication]
    parser_classes = [JSONParser]
    renderer_classes = [JSONRenderer]
    content_negotiation_class = AlwaysJSON
    schema = PeteSchema()
    throttle_classes = []
    # Whether the answer to a POST is kept under its Idempotency-Key, in the transaction of the act. Where not, the view
    # sees to it that the key acts once.
    keeps_answers = True
    # Whether a key means anything to its POST. Not where another system is asked, and asking twice does no harm.
    takes_keys = True
    # What an answer to POST shows once and what is not kept for a repeated request.
    shown_once: ClassVar[list[str]] = []

    def get_permissions(self) -> list[BasePermission]:
        return [SignedIn(), *(permission() for permission in self.access)]

    def get_exception_handler(self) -> Callable[..., Any]:
        return answer_exception

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.standing = limits.count(request)
        limits.refuse_excess(self.standing)
        if any("\0" in value for values in request.query_params.lists() for value in values[1]):
            raise Problem(400, "invalid_parameter", "Parameters may not contain NUL characters.")
        if self.reads_projections and request.method in SAFE_METHODS:
            freshness.settle()
        if request.method == "POST" and self.keeps_answers:
            self._act_once()

    def _act_once(self) -> None:
        """Have every POST honour an Idempotency-Key, whatever it does."""
        act: Any = getattr(self, "post", None)
        if act is not None:  # Without one the answer is 405.
            acting_once = partial(_once, act, self.shown_once)
            setattr(self, "post", acting_once)  # noqa: B010  (mypy knows no such attribute)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        standing = getattr(self, "standing", None)
        if standing is not None:
            limits.tell(response, standing)
        return response

    @property
    def person(self) -> Agent:
        """The person who asks, or for whom a program asks."""
        return cast("Agent", self.request.user)

    def actor(self) -> str:
        """Name what acts for the person: a program with a token, or the person in a browser."""
        return "api" if self.request.auth is not None else "staff"


def _names(known: Callable[[], list[str]], text: str) -> list[str]:
    wanted = [name.strip() for name in text.split(",") if name.strip()]
    if wanted and any(name not in known() for name in wanted):
        raise ValueError(f"choose from {', '.join(known())}.")
    return wanted


class ResourceViewSet(ApiView, viewsets.GenericViewSet[Any]):
    """A list with cursor pages, and its single records by number."""

    pagination_class = CursorPages
    lookup_value_regex = "[0-9]{1,19}"
    # What ?ordering= takes, and the order without it.
    ordering_fields: ClassVar[list[str]] = ["id"]
    ordering: ClassVar[list[str]] = ["id"]
    # What changes by itself, and so does not make another version.
    not_in_etag: ClassVar[list[str]] = []

    filter_backends = [Narrowing]

    def filter_queryset(self, queryset: Any) -> Any:
        return super().filter_queryset(queryset) if self.action == "list" else queryset

    def page(self, queryset: Any) -> list[Any]:
        """Return the rows of the page that is asked for."""
        return self.paginate_queryset(self.filter_queryset(queryset)) or []

    def etag(self, data: Any) -> str:
        """Return the ETag of one record as it is shown."""
        return etag_of(data, self.not_in_etag)

    def get_seen_object(self) -> Any:
        """Return the record that is to change. With If-Match it is locked and must be the version that was seen."""
        record = self.get_object()
        if is_conditional(self.request):
            record = self.get_queryset().model.objects.select_for_update(no_key=True).get(pk=record.pk)
            require_match(self.request, self.etag(self.get_serializer(record).data))
        return record

    def field_names(self) -> list[str]:
        """Return what ?fields= may name."""
        return list(cast("Serializer[Any]", self.get_serializer()).fields)

    def sparse(self, rows: Sequence[Any]) -> list[Any]:
        """Return of each row only what ?fields=id,name asks for."""
        wanted = parameters.asked(self.request, "fields", partial(_names, self.field_names), many=True)
        return [{name: row[name] for name in wanted if name in row} for row in rows] if wanted else list(rows)


class ReadMixin:
    """GET of the list and of one record."""

    def list(self: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        rows = self.page(self.get_queryset())
        return self.get_paginated_response(self.sparse(self.get_serializer(rows, many=True).data))

    def retrieve(self: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        data = self.get_serializer(self.get_object()).data
        return conditional(request, Response(self.sparse([data])[0]), self.etag(data))


class CreateMixin:
    """POST. `perform_create` saves and names what was refused."""

    def create(self: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
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
            serializer = self.get_serializer(self.get_seen_object(), data=request.data, partial=partial)
            serializer.is_valid(raise_exception=True)
            self.perform_update(serializer)
            data = serializer.data
            return Response(data, headers={"ETag": self.etag(data)})

    def perform_update(self, serializer: BaseSerializer[Any]) -> None:
        serializer.save()


class DeleteMixin:
    """DELETE, answered 204; 409 `in_use` while other records refer to it."""

    def destroy(self: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        with transaction.atomic():
            self.perform_destroy(self.get_seen_object())
        return Response(status=204)

    def perform_destroy(self, instance: Any) -> None:
        instance.delete()
