"""`Idempotency-Key` on POST: the same key from the same person acts once and gets the first answer again.

Only what succeeded is kept. A refusal leaves the key free, so that the corrected or repeated request can succeed.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from typing import TYPE_CHECKING, Any, cast

from django.db import transaction
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder

from crm.api.problems import Problem
from crm.models import IdempotentRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from django.core.files.uploadedfile import UploadedFile
    from rest_framework.request import Request

LONGEST_KEY = 120


def key_of(request: Request) -> str | None:
    """Return the request's key, None without one."""
    key = request.headers.get("Idempotency-Key", "").strip()
    if not key:
        return None
    if len(key) > LONGEST_KEY or not re.fullmatch(r"[\x21-\x7e]+(?: [\x21-\x7e]+)*", key):
        raise Problem(
            400, "bad_idempotency_key", f"An Idempotency-Key has 1 to {LONGEST_KEY} printable ASCII characters."
        )
    return key


def booking_key(request: Request) -> str:
    """Return the key under which an appointment is booked: the person's own, or a new one."""
    return f"api:{request.user.pk}:{key_of(request) or uuid.uuid4()}"


def _fingerprint(request: Request) -> str:
    given: Any = request.data
    if request.FILES:
        # What a form carries is its fields and its files, and these may be large.
        files = {name: _digest(file) for name, file in request.FILES.items()}
        given = [files, {name: values for name, values in given.lists() if name not in files}]
    content = json.dumps(given, sort_keys=True, cls=JSONEncoder)
    return hashlib.sha256(content.encode()).hexdigest()


def _digest(file: UploadedFile) -> str:
    digest = hashlib.sha256()
    for piece in file.chunks():
        digest.update(piece)
    file.seek(0)
    return digest.hexdigest()


def once(request: Request, act: Callable[[], Response], *, not_kept: Collection[str] = ()) -> Response:
    """Run `act` in a transaction, once per key and path. A concurrent twin waits for the first to finish.

    What `not_kept` names is null in the answer to a repeated request: secrets are not stored to be shown again.
    """
    with transaction.atomic():
        given = key_of(request)
        if given is None:
            return act()
        key = f"{request.path.rstrip('/')} {given}"
        fingerprint = _fingerprint(request)
        agent_id = cast(int, request.user.pk)
        mine = IdempotentRequest.objects.filter(agent_id=agent_id, key=key)
        if not IdempotentRequest.objects.claim(agent_id=agent_id, key=key, fingerprint=fingerprint):
            return _first_answer(mine.get(), fingerprint)
        response = act()
        body = json.loads(json.dumps(response.data, cls=JSONEncoder))
        mine.update(status=response.status_code, body=body | dict.fromkeys(not_kept) if not_kept else body)
        return response


def _first_answer(first: IdempotentRequest, fingerprint: str) -> Response:
    if first.fingerprint != fingerprint:
        raise Problem(422, "idempotency_mismatch", "This Idempotency-Key was used for another request.")
    return Response(first.body, first.status, headers={"Idempotent-Replay": "true"})
