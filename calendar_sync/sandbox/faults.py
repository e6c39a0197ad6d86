"""What goes wrong, and when: a queue of faults for each mailbox, one for all, and chance."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from threading import Lock
from typing import Any

from calendar_sync.sandbox.messages import GraphError, Request, Response


class Kind(StrEnum):
    """What a fault does. "Before" means that nothing was done, "after" that everything was."""

    # The connection breaks before the request is looked at, or after it was carried out.
    DROP_BEFORE = "drop_before"
    DROP = "drop"
    UNAVAILABLE_BEFORE = "unavailable_before"
    UNAVAILABLE_AFTER = "unavailable_after"
    # An error page of some gateway in front of Graph.
    HTML = "html"
    SLOW = "slow"
    TOKEN_EXPIRED = "token_expired"
    CONSENT_REVOKED = "consent_revoked"
    THROTTLED = "throttled"
    # Only for requests whose kind they concern: a delta round, an answer with pages.
    DELTA_GONE = "delta_gone"
    REPLAY = "replay"
    EMPTY_PAGE = "empty_page"
    # The answer stops in the middle of its body.
    TRUNCATED = "truncated"
    # Any other refusal: `status`, `code`.
    REFUSED = "refused"


_AFTER = {Kind.DROP, Kind.UNAVAILABLE_AFTER, Kind.TRUNCATED}
_IN_ANSWER = {Kind.REPLAY, Kind.EMPTY_PAGE}
# What a long test of both sides may meet at any moment and must survive.
PASSING = (
    Kind.DROP_BEFORE,
    Kind.DROP,
    Kind.UNAVAILABLE_BEFORE,
    Kind.UNAVAILABLE_AFTER,
    Kind.HTML,
    Kind.THROTTLED,
    Kind.TRUNCATED,
    Kind.TOKEN_EXPIRED,
)


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong with the next request that fits.

    It fits when `method` is the request's, or empty, and `path` is a part of its path and query. `retry_after` is sent
    as it is: seconds, fractions of them, an HTTP date, or None for no such header.
    """

    kind: Kind
    method: str = ""
    path: str = ""
    seconds: float = 0.0
    retry_after: str | None = None
    status: int = 400
    code: str = "ErrorInvalidRequest"

    @classmethod
    def read(cls, values: dict[str, Any]) -> Fault:
        """Build one from JSON."""
        return cls(**{**values, "kind": Kind(values["kind"])})

    def fits(self, request: Request) -> bool:
        if self.method not in ("", request.method):
            return False
        if self.kind is Kind.DELTA_GONE and "/delta" not in request.path:
            return False
        if self.kind is Kind.REPLAY and "/delta" not in request.path:
            return False
        if self.kind is Kind.EMPTY_PAGE and not _has_pages(request):
            return False
        return self.path in f"{request.path}?{'&'.join(f'{k}={v}' for k, v in request.query.items())}"

    def before(self) -> None:
        """Refuse the request without looking at it, if that is what this fault does."""
        if self.kind in _REFUSALS:
            status, code, message = _REFUSALS[self.kind]
            raise GraphError(status, code, message, self._retry_header())
        if self.kind is Kind.REFUSED:
            raise GraphError(self.status, self.code, "Refused by the fault script.", self._retry_header())

    def after(self, answer: Response) -> Response:
        """Return the answer that is sent in place of the true one."""
        if self.kind is Kind.UNAVAILABLE_AFTER:
            raise GraphError(*_UNAVAILABLE, self._retry_header())
        if self.kind is Kind.TRUNCATED and answer.content:
            return Response(answer.status, answer.payload, answer.headers, cut=True)
        return answer

    def _retry_header(self) -> dict[str, str]:
        return {} if self.retry_after is None else {"Retry-After": self.retry_after}


_UNAVAILABLE = (503, "ServiceUnavailable", "")
_REFUSALS: dict[Kind, tuple[int, str, str]] = {
    Kind.UNAVAILABLE_BEFORE: _UNAVAILABLE,
    Kind.TOKEN_EXPIRED: (401, "InvalidAuthenticationToken", "Lifetime validation failed, the token is expired."),
    Kind.CONSENT_REVOKED: (403, "ErrorAccessDenied", "Access is denied. Check credentials and try again."),
    Kind.THROTTLED: (429, "TooManyRequests", "Please retry again later."),
    Kind.DELTA_GONE: (410, "syncStateNotFound", "The sync state generation is not found."),
}


def _has_pages(request: Request) -> bool:
    return request.method == "GET" and request.segments[-1].lower() in {"calendarview", "delta", "events", "calendars"}


class FaultScript:
    """The faults still to come. Queues go first, then chance."""

    def __init__(self) -> None:
        self._queues: dict[str, deque[Fault]] = {}
        self._lock = Lock()
        self._dice = random.Random(0)
        self._chance = 0.0
        self._kinds: tuple[Kind, ...] = PASSING

    def add(self, *faults: Fault, mailbox: str = "", times: int = 1) -> None:
        """Queue faults for one mailbox, or with none named for whoever comes first."""
        with self._lock:
            self._queues.setdefault(mailbox, deque()).extend([*faults] * times)

    def by_chance(self, chance: float, *, seed: int = 0, kinds: Iterable[Kind] = PASSING) -> None:
        """Let each request fail with this probability, in one of these ways."""
        with self._lock:
            self._dice, self._chance, self._kinds = random.Random(seed), chance, tuple(kinds)

    def clear(self) -> None:
        """Let everything go well from now on."""
        with self._lock:
            self._queues.clear()
            self._chance = 0.0

    def pending(self) -> dict[str, list[Fault]]:
        """Return what is queued, by mailbox; "" stands for all."""
        with self._lock:
            return {mailbox: list(queue) for mailbox, queue in self._queues.items() if queue}

    def take(self, mailbox: str, request: Request) -> Fault | None:
        """Return the fault that strikes this request, and cross it off."""
        with self._lock:
            for queue in (self._queues.get(mailbox), self._queues.get("")):
                fault = next((fault for fault in queue or () if fault.fits(request)), None)
                if queue is not None and fault is not None:
                    queue.remove(fault)
                    return fault
            if self._chance and self._dice.random() < self._chance:
                fault = Fault(self._dice.choice(self._kinds), retry_after=self._dice.choice([None, "0", "0.1"]))
                return fault if fault.fits(request) else None
        return None
