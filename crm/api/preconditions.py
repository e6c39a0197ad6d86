"""ETag, If-None-Match and If-Match: what a reader has seen, so that nobody writes over what they have not.

An ETag is a hash of the representation. It is asked for under the row's lock, so of two writers who read the same
version one gets 412. Without If-Match a write is not conditional.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from django.utils.http import parse_etags
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder

from crm.api.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Collection

    from rest_framework.request import Request


def etag_of(data: Any, without: Collection[str] = ()) -> str:
    """Return the ETag of a representation; `without` names what changes by itself and is not written through it."""
    if isinstance(data, dict):
        data = {name: value for name, value in data.items() if name not in without}
    content = json.dumps(data, sort_keys=True, cls=JSONEncoder)
    return f'"{hashlib.sha256(content.encode()).hexdigest()[:32]}"'


def is_conditional(request: Request) -> bool:
    """Say whether the write is to happen only to a version that was seen."""
    return "If-Match" in request.headers


def require_match(request: Request, etag: str) -> None:
    """Raise 412 unless If-Match, when it is given, names this version."""
    if not is_conditional(request):
        return
    wanted = parse_etags(request.headers["If-Match"])
    if "*" not in wanted and etag not in wanted:
        raise Problem(412, "precondition_failed", "This has changed since you read it. Read it again.", etag=etag)


def conditional(request: Request, response: Response, etag: str) -> Response:
    """Put the ETag on a read, and answer 304 to who has that version already."""
    if etag in parse_etags(request.headers.get("If-None-Match", "")):
        response = Response(status=304)
    response["ETag"] = etag
    return response
