"""What list pages share: tabs with counts, pages of rows by cursor, links that keep the filters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Generic, TypeVar
from urllib.parse import parse_qs, urlsplit

from django.db.models import Model, QuerySet
from django.http import HttpRequest
from rest_framework.request import Request

from crm.api.pagination import CursorPages
from crm.api.problems import Problem
from crm.rights import Scope

Row = TypeVar("Row", bound=Model)
PAGE_SIZE = 50


@dataclass(frozen=True)
class Tab:
    """One tab over a list. `href` keeps what else narrows the list."""

    name: str
    label: str
    count: int | None
    href: str
    is_current: bool


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Rows of one page. `next` and `previous` are hrefs, "" where there is nothing more."""

    rows: list[Row]
    next: str
    previous: str


def link(request: HttpRequest, **changes: object) -> str:
    """Return "?…" for this page with `changes`; None drops a parameter. The cursor never stays."""
    query = request.GET.copy()
    query.pop("cursor", None)
    for name, value in changes.items():
        query.pop(name, None)
        if value not in (None, ""):
            query[name] = str(value)
    return f"?{query.urlencode()}"


def tabs(
    request: HttpRequest,
    choices: Iterable[tuple[str, object]],
    counts: Mapping[str, int],
    *,
    name: str = "scope",
    current: str = "",
) -> list[Tab]:
    """Return a tab for each (value, label). Current is `current`, else what the address says, else the first."""
    pairs = [(str(value), str(label)) for value, label in choices]
    current = current or chosen(request, [value for value, _ in pairs], name=name)
    return [
        Tab(value, label, counts.get(value), link(request, **{name: value}), is_current=value == current)
        for value, label in pairs
    ]


def scope_tabs(request: HttpRequest, counts: Mapping[str, int]) -> list[Tab]:
    """Return Mine, Unclaimed, Team and All."""
    return tabs(request, Scope.choices, counts)


def scope_of(request: HttpRequest, default: Scope = Scope.MINE) -> Scope:
    """Return the tab the address names, `default` when it names none that exists."""
    return Scope(chosen(request, [default, *Scope.values]))


def chosen(request: HttpRequest, values: list[str], *, name: str = "scope") -> str:
    """Return the parameter when it is one of `values`, else the first of them."""
    wanted = request.GET.get(name, "")
    return wanted if wanted in values else values[0]


def page_of(request: HttpRequest, rows: QuerySet[Row], ordering: list[str], *, size: int = PAGE_SIZE) -> Page[Row]:
    """Return one page of `rows` in this order, found without counting. A cursor that is not ours starts over."""
    pages = _Pages(size)
    view = SimpleNamespace(ordering_fields=[name.removeprefix("-") for name in ordering], ordering=ordering)
    try:
        found = pages.paginate_queryset(rows, Request(request), view)
    except Problem:
        fresh = HttpRequest()
        fresh.META = request.META
        found = pages.paginate_queryset(rows, Request(fresh), view)
    links = pages.links()
    return Page(found, *(_with_cursor(request, links[name]) for name in ("next", "previous")))


def _with_cursor(request: HttpRequest, cursor: str) -> str:
    return f"{link(request)}&cursor={cursor}".replace("?&", "?") if cursor else ""


class _Pages(CursorPages):
    """The API's cursors over a page's rows."""

    def __init__(self, size: int) -> None:
        self.size = size

    def links(self) -> dict[str, str]:
        answer: dict[str, Any] = self.get_paginated_response([]).data
        return {name: _cursor_in(answer[name]) for name in ("next", "previous")}


def _cursor_in(url: str | None) -> str:
    return parse_qs(urlsplit(url).query)["cursor"][0] if url else ""
