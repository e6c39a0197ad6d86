"""Refusals and failures. A `code` is stable: outside programs and the voice assistant read it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crm.slots import Offer


class CrmError(Exception):
    """A refusal with a stable `code` and a sentence a person can be told."""

    code = "refused"

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details = details


class SlotRefused(CrmError):
    """This time cannot be booked; `alternatives` are times that can."""

    def __init__(self, message: str, *, alternatives: Sequence[Offer] = (), **details: Any) -> None:
        super().__init__(message, **details)
        self.alternatives = list(alternatives)


class SlotTaken(SlotRefused):
    code = "slot_taken"


class OutsideHours(SlotRefused):
    code = "outside_hours"


class PastTime(SlotRefused):
    code = "past_time"


class UnclearTime(SlotRefused):
    code = "unclear_time"


class UnknownSlot(SlotRefused):
    code = "unknown_slot"


class IdempotencyMismatch(CrmError):
    """The key was used before, for something else."""

    code = "idempotency_mismatch"


class BadArguments(CrmError):
    code = "bad_arguments"


class UnknownProperty(CrmError):
    code = "unknown_property"


class NoViewing(CrmError):
    code = "no_viewing"


class StageRefused(CrmError):
    """A lead cannot be put into that stage; `details["field"]` names what is missing."""

    code = "stage_refused"


class MergeRefused(CrmError):
    """These two leads cannot be made one, or not be parted again."""

    code = "merge_refused"


class NotAllowed(CrmError):
    """This person sees it, and may not change it so."""

    code = "not_allowed"


class BadEmail(CrmError):
    code = "bad_email"


class TransientError(Exception):
    """Another system did not answer as it should this time; trying again may help."""


class PermanentError(Exception):
    """Another system refused for good; a person must do something."""
