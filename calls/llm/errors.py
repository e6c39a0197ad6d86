"""Why a model's answer did not come."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    LATE = "late"
    STALLED = "stalled"
    EMPTY = "empty"
    REFUSED = "refused"  # 4xx
    BUSY = "busy"  # 429 for too long, or too many waiting here
    FAILING = "failing"  # 5xx
    CUT_OFF = "cut_off"
    MALFORMED = "malformed"
    UNREACHABLE = "unreachable"
    BROKEN = "broken"  # a bug of ours


class Failure(Exception):
    """The model did not answer. The text is for the log, and holds nothing that was said."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(detail or reason.value)
        self.reason = reason
