"""What goes wrong, and when: a queue of faults, each for the next request that fits."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from threading import Lock

from calls.vapi_sandbox.messages import Answer, ConnectionLost, Refusal, Request


class Kind(StrEnum):
    """What a fault does. "Before" means that nothing was done, "after" that everything was."""

    # Any refusal with `status`: 401, 404, 429, 5xx.
    REFUSED = "refused"
    # As REFUSED, but the change was made: the caller cannot know.
    REFUSED_AFTER = "refused_after"
    DROP_BEFORE = "drop_before"
    DROP_AFTER = "drop_after"
    # The answer takes `seconds`.
    SLOW = "slow"
    # The answer stops in the middle of its body.
    CUT = "cut"
    # An error page of some gateway in front of Vapi, with `status`.
    HTML = "html"


_PAGE = "<html><body><h1>Bad gateway</h1></body></html>"


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong with the next request whose method and path fit."""

    kind: Kind
    method: str = ""
    path: str = ""
    status: int = 500
    seconds: float = 0.0
    retry_after: str | None = None

    def fits(self, request: Request) -> bool:
        return self.method in ("", request.method) and self.path in request.path

    def before(self) -> None:
        """Refuse the request without looking at it, if that is what this fault does."""
        if self.kind is Kind.REFUSED:
            raise self._refusal()
        if self.kind is Kind.DROP_BEFORE:
            raise ConnectionLost

    def after(self, answer: Answer) -> Answer:
        """Return the answer that is sent in place of the true one."""
        if self.kind is Kind.REFUSED_AFTER:
            raise self._refusal()
        if self.kind is Kind.DROP_AFTER:
            raise ConnectionLost
        if self.kind is Kind.HTML:
            return Answer(self.status, text=_PAGE, headers={"Content-Type": "text/html"})
        return Answer(answer.status, answer.payload, answer.headers, cut=True) if self.kind is Kind.CUT else answer

    def _refusal(self) -> Refusal:
        headers = {} if self.retry_after is None else {"Retry-After": self.retry_after}
        return Refusal(self.status, "Refused by the fault script.", headers)


class FaultScript:
    """The faults still to come, in order."""

    def __init__(self) -> None:
        self._queue: list[Fault] = []
        self._lock = Lock()

    def add(self, fault: Fault, times: int = 1) -> None:
        with self._lock:
            self._queue += [fault] * times

    def clear(self) -> None:
        with self._lock:
            self._queue.clear()

    def take(self, request: Request) -> Fault | None:
        """Return the fault that strikes this request, and cross it off."""
        with self._lock:
            fault = next((fault for fault in self._queue if fault.fits(request)), None)
            if fault is not None:
                self._queue.remove(fault)
            return fault
