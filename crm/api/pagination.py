"""Cursor pages: {"next", "previous", "results"}, stable while rows come and go, without COUNT(*).

A cursor is the position of a row in the ordering, signed, so that it cannot be made up.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from django.core import signing
from django.core.exceptions import ValidationError
from django.db.models import F, Q
from rest_framework.pagination import BasePagination
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from crm.api.problems import Problem

if TYPE_CHECKING:
    from django.db.models import Model
    from rest_framework.request import Request

DEFAULT_PAGE_SIZE = 50
MAX_PAGE_SIZE = 200


def page_size_of(request: Request, name: str = "page_size", *, default: int, largest: int) -> int:
    """Return the wanted number of rows. More than `largest` gets `largest`; no positive number is a 400."""
    text = request.query_params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and int(text[:10]) > 0):
        raise Problem(400, "invalid_parameter", f"{name} must be a number from 1 to {largest}.", parameter=name)
    return min(int(text[:10]), largest)


def ordering_of(request: Request, allowed: list[str], default: list[str]) -> list[str]:
    """Return the wanted order as field names, "-" for descending, always ending in the primary key."""
    text = request.query_params.get("ordering")
    wanted = [name.strip() for name in (text or "").split(",") if name.strip()] or default
    names = [name.removeprefix("-") for name in wanted]
    if any(name not in allowed for name in names) or len(set(names)) != len(names):
        message = f"ordering takes {', '.join(allowed)}, with - for descending."
        raise Problem(400, "invalid_parameter", message, parameter="ordering")
    if "id" in names:
        return wanted[: names.index("id") + 1]
    return [*wanted, "-id" if wanted[0].startswith("-") else "id"]


class CursorPages(BasePagination):
    """Reads rows after (or before) a position in the view's ordering. NULLs come last."""

    size = DEFAULT_PAGE_SIZE

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        self.request = request
        self.model: type[Model] = queryset.model
        self.annotations: dict[str, Any] = queryset.query.annotations
        self.ordering = ordering_of(request, view.ordering_fields, view.ordering)
        size = page_size_of(request, default=self.size, largest=MAX_PAGE_SIZE)
        backwards, position = self._read_cursor()
        if position is not None:
            queryset = queryset.filter(self._beyond(position, backwards))
        rows = list(queryset.order_by(*self._order_by(backwards))[: size + 1])
        more = len(rows) > size
        rows = rows[:size]
        if backwards:
            rows.reverse()
        self.has_next = bool(rows) and (more or backwards)
        self.has_previous = bool(rows) and (more if backwards else position is not None)
        self.rows = rows
        return rows

    def get_paginated_response(self, data: Any) -> Response:
        following = self._link(self.rows[-1], backwards=False) if self.has_next else None
        preceding = self._link(self.rows[0], backwards=True) if self.has_previous else None
        return Response({"next": following, "previous": preceding, "results": data})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Describe a page to programs."""
        link = {"type": ["string", "null"], "format": "uri"}
        properties = {"next": link, "previous": link, "results": schema}
        return {"type": "object", "required": list(properties), "properties": properties}

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """Describe the parameters that this class reads."""
        size = {"type": "integer", "minimum": 1, "default": self.size}
        said = f"At most {MAX_PAGE_SIZE}; more gets that."
        return [
            {"name": "cursor", "in": "query", "schema": {"type": "string"}, "description": "From a page's links."},
            {"name": "page_size", "in": "query", "schema": size, "description": said},
        ]

    def _order_by(self, backwards: bool) -> list[Any]:
        order = []
        for name in self.ordering:
            field, descending = F(name.removeprefix("-")), name.startswith("-") != backwards
            nulls = {"nulls_first": True} if backwards else {"nulls_last": True}
            if not self._is_nullable(name):
                nulls = {}  # Plain order, so that an index can serve it.
            order.append(field.desc(**nulls) if descending else field.asc(**nulls))
        return order

    def _is_nullable(self, name: str) -> bool:
        return name.removeprefix("-") in self.annotations or self._field(name).null

    def _field(self, name: str) -> Any:
        """Return the column that is ordered by; an annotation has the field of what it computes."""
        name = name.removeprefix("-")
        if name in self.annotations:
            return self.annotations[name].output_field
        return self.model._meta.get_field(name)

    def _beyond(self, position: list[Any], backwards: bool) -> Q:
        """Say which rows come after `position`: equal in the first fields and beyond it in the next one."""
        found, equal = Q(pk__in=[]), Q()
        for name, value in zip(self.ordering, position, strict=True):
            found |= equal & self._past(name, value, backwards)
            field = name.removeprefix("-")
            equal &= Q(**{f"{field}__isnull": True}) if value is None else Q(**{field: value})
        return found & self._index_bound(self.ordering[0], position[0], backwards)

    def _past(self, name: str, value: Any, backwards: bool) -> Q:
        field = name.removeprefix("-")
        if value is None:
            # NULLs are last: nothing but rows with a value comes before them.
            return Q(**{f"{field}__isnull": False}) if backwards else Q(pk__in=[])
        beyond = Q(**{f"{field}__{'lt' if name.startswith('-') != backwards else 'gt'}": value})
        return beyond if backwards or not self._is_nullable(name) else beyond | Q(**{f"{field}__isnull": True})

    def _index_bound(self, name: str, value: Any, backwards: bool) -> Q:
        """Repeat the bound on the first field alone: PostgreSQL can start reading the index there."""
        if value is None or self._is_nullable(name):
            return Q()
        comparison = "lte" if name.startswith("-") != backwards else "gte"
        return Q(**{f"{name.removeprefix('-')}__{comparison}": value})

    def _salt(self) -> str:
        return f"pete.cursor.{self.model._meta.label}"

    def _link(self, row: Model, *, backwards: bool) -> str:
        values = [getattr(row, name.removeprefix("-")) for name in self.ordering]
        position = [value.isoformat() if isinstance(value, date | datetime) else value for value in values]
        position = [value if value is None or isinstance(value, int) else str(value) for value in position]
        payload = {"o": ",".join(self.ordering), "b": backwards, "p": position}
        cursor = signing.Signer(salt=self._salt()).sign_object(payload)
        return replace_query_param(self.request.build_absolute_uri(), "cursor", cursor)

    def _read_cursor(self) -> tuple[bool, list[Any] | None]:
        text = self.request.query_params.get("cursor")
        if not text:
            return False, None
        try:
            payload = signing.Signer(salt=self._salt()).unsign_object(text)
            if payload["o"] != ",".join(self.ordering):
                raise ValueError("made for another ordering")
            fields = [self._field(name) for name in self.ordering]
            position = [field.to_python(value) for field, value in zip(fields, payload["p"], strict=True)]
        except (signing.BadSignature, ValidationError, ValueError, KeyError, TypeError) as exc:
            raise Problem(400, "invalid_cursor", "This cursor is not one of ours for this list.") from exc
        return payload["b"], position
