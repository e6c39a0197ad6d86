"""Lists in pages, as OData hands them out."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from calendar_sync.sandbox.messages import GraphError, Request, Response

DEFAULT_PAGE = 10
LARGEST_PAGE = 1000


def number(request: Request, name: str, default: int, *, at_least: int = 0) -> int:
    """Read a whole number from the query."""
    text = request.query.get(name, str(default))
    if not text.isdecimal() or int(text) < at_least:
        raise GraphError(400, "ErrorInvalidUrlQuery", f"'{name}' must be a whole number of at least {at_least}.")
    return int(text)


def link(request: Request, query: dict[str, str]) -> str:
    """Return the address of a following page."""
    pairs = "&".join(f"{quote(name, safe='$')}={quote(value, safe='$,')}" for name, value in query.items())
    return f"{request.origin}{request.path}?{pairs}"


def listing(items: list[Any], request: Request, context: str) -> Response:
    """Answer with one page of a list, by $top and $skip. A following page has a link in the answer."""
    top = min(number(request, "$top", DEFAULT_PAGE, at_least=1), LARGEST_PAGE)
    skip = number(request, "$skip", 0)
    payload: dict[str, Any] = {"@odata.context": f"{request.origin}/v1.0/$metadata#{context}"}
    payload["value"] = items[skip : skip + top]
    if skip + top < len(items):
        payload["@odata.nextLink"] = link(request, {**request.query, "$skip": str(skip + top)})
    return Response(200, payload)


def empty_page(request: Request) -> Response:
    """Answer with a page that has nothing on it but leads to the same place again."""
    context = f"{request.origin}/v1.0/$metadata#Collection(event)"
    return Response(200, {"@odata.context": context, "value": [], "@odata.nextLink": link(request, request.query)})
