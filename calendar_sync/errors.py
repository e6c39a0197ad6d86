"""What Graph answered when it did not do what was asked. Two kinds and no other: try again, or do not."""

from __future__ import annotations

from crm.errors import PermanentError, TransientError


class Unavailable(TransientError):
    """Graph, or the way to it, did not answer as it should. `retry_after` are the seconds it asked to wait, if any."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Refused(PermanentError):
    """Graph refused for good. `status` is HTTP's, `code` is Graph's, such as ErrorAccessDenied."""

    def __init__(self, message: str, *, status: int = 0, code: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class Gone(Refused):
    """What the request named is not there, or not in this mailbox."""


class AlreadyThere(Refused):
    """A create was refused because of something that exists: look it up before doing anything else."""


class Changed(Refused):
    """The event is not as it was when its etag was read."""


class ResyncNeeded(Refused):
    """The place a delta round went on from is forgotten: read everything anew."""
