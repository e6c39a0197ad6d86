"""Errors as `application/problem+json` (RFC 9457), each with a stable `code`.

{"type", "title", "status", "code", "detail"}; a refused body adds "errors": {"field": [{"code", "message"}]}, where a
field inside a list or object is written "agents.0". Refused times add "alternatives".
"""

from __future__ import annotations

import json
import logging
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import DataError, IntegrityError, InterfaceError, OperationalError
from django.db.models import ProtectedError
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions, status
from rest_framework.response import Response

from crm.api.slots import slot_shape
from crm.errors import CrmError, SlotRefused, SlotTaken
from crm.vault import VaultError

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
# Some messages repeat what was sent, however long that is.
LONGEST_MESSAGE = 300
RETRY_AFTER_SECONDS = "5"

# Refusals of services that are neither a bad body (400) nor a conflict.
STATUS_OF_CODE = {
    "bad_arguments": status.HTTP_400_BAD_REQUEST,
    "bad_email": status.HTTP_400_BAD_REQUEST,
    "idempotency_mismatch": status.HTTP_422_UNPROCESSABLE_ENTITY,
    "unknown_property": status.HTTP_404_NOT_FOUND,
    "no_viewing": status.HTTP_409_CONFLICT,
    "admin_required": status.HTTP_403_FORBIDDEN,
    "not_allowed": status.HTTP_403_FORBIDDEN,
    "stage_refused": status.HTTP_400_BAD_REQUEST,
}


class Problem(exceptions.APIException):
    """An answer that is a problem document. `extra` goes into it as it is."""

    def __init__(self, status_code: int, code: str, detail: str, **extra: Any) -> None:
        super().__init__(detail, code)
        self.status_code = status_code
        self.extra = extra


def document(status_code: int, code: str, detail: str, **extra: Any) -> dict[str, Any]:
    """Return a problem document."""
    title = HTTPStatus(status_code).phrase
    return {
        "type": f"urn:pete:problem:{code}",
        "title": title,
        "status": status_code,
        "code": code,
        "detail": detail,
        **extra,
    }


def code_of(exc: exceptions.APIException) -> str:
    """Return the code of a refusal that has one message."""
    return str(getattr(exc.detail, "code", None) or exc.default_code)


def field_errors(detail: Any, path: str = "") -> dict[str, list[dict[str, str]]]:
    """Flatten DRF's nested details to {"field.0.inner": [{"code", "message"}]}; "" is the body as a whole."""
    if isinstance(detail, dict):
        pairs: Any = detail.items()
    elif isinstance(detail, list) and any(isinstance(item, dict | list) for item in detail):
        pairs = enumerate(detail)
    else:
        messages = detail if isinstance(detail, list) else [detail]
        return {path: [{"code": item.code, "message": str(item)[:LONGEST_MESSAGE]} for item in messages]}
    found: dict[str, list[dict[str, str]]] = {}
    for key, inner in pairs:
        name = path if key == "non_field_errors" else f"{path}.{key}".lstrip(".")
        if inner:
            found.update(field_errors(inner, name))
    return found


def _validation(exc: exceptions.ValidationError) -> dict[str, Any]:
    errors = field_errors(exc.detail)
    field, first = next(iter(errors.items()))
    message = first[0]["message"]
    detail = f"{field}: {message}" if field else message
    return document(exc.status_code, "invalid", detail, errors=errors)


def _refusal(exc: CrmError) -> dict[str, Any]:
    if isinstance(exc, SlotRefused):
        code = status.HTTP_409_CONFLICT if isinstance(exc, SlotTaken) else status.HTTP_422_UNPROCESSABLE_ENTITY
        return document(code, exc.code, exc.message, alternatives=[slot_shape(offer) for offer in exc.alternatives])
    return document(STATUS_OF_CODE.get(exc.code, status.HTTP_409_CONFLICT), exc.code, exc.message)


def _database(exc: DataError | IntegrityError) -> dict[str, Any]:
    """Name what the database refused. Views answer what they expect themselves; this is the floor."""
    logger.info("The database refused a request: %s", exc)
    constraint = getattr(getattr(exc.__cause__, "diag", None), "constraint_name", None)
    if isinstance(exc, DataError):
        return document(400, "invalid", "A value is outside what can be stored.")
    return document(409, "conflict", "This would contradict what is already stored.", constraint=constraint)


def describe(exc: Exception) -> dict[str, Any] | None:
    """Return the problem document of a refusal, None for a bug."""
    match exc:
        case Problem():
            return document(exc.status_code, code_of(exc), str(exc.detail), **exc.extra)
        case exceptions.ValidationError():
            return _validation(exc)
        case exceptions.APIException():
            return document(exc.status_code, code_of(exc), str(exc.detail))
        case VaultError():
            logger.error("A secret cannot be sealed: %s", exc)
            return document(503, "unavailable", "Secrets cannot be kept: TOKEN_ENCRYPTION_KEYS is not set.")
        case CrmError():
            return _refusal(exc)
        case Http404():
            return document(404, "not_found", "There is nothing here.")
        case PermissionDenied():
            return document(403, "permission_denied", str(exc) or "You may not do this.")
        case ProtectedError():
            return document(409, "in_use", "Other records still refer to this.")
        case DataError() | IntegrityError():
            return _database(exc)
        case OperationalError() | InterfaceError():
            logger.error("The database does not answer: %s", exc)
            return document(503, "unavailable", "The database does not answer just now. Try again in a moment.")
    return None


def answer_exception(exc: Exception, context: dict[str, Any]) -> Response | None:
    """Turn a refusal into its problem document; None for a bug, which becomes a 500."""
    body = describe(exc)
    if body is None:
        return None
    headers = {}
    if challenge := getattr(exc, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if wait := getattr(exc, "wait", None):
        headers["Retry-After"] = str(int(wait))
    if body["status"] == status.HTTP_503_SERVICE_UNAVAILABLE:
        headers["Retry-After"] = RETRY_AFTER_SECONDS
    return Response(body, body["status"], headers=headers, content_type=CONTENT_TYPE)


def problem_response(status_code: int, code: str, detail: str) -> HttpResponse:
    """Return a problem outside DRF, for handlers of unknown paths and failures."""
    body = document(status_code, code, detail)
    return HttpResponse(json.dumps(body), status=status_code, content_type=CONTENT_TYPE)


@csrf_exempt  # Whether there is anything at a path is no secret, and a write there changes nothing.
def not_found(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
    """Answer an unknown path of the API."""
    return problem_response(404, "not_found", f"There is nothing at {request.path[:200]}.")
