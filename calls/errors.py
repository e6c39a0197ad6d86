"""Refusals of the voice side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crm.errors import CrmError, PermanentError, TransientError

if TYPE_CHECKING:
    from calls.models import StagePrompt


class UnknownTool(CrmError):
    code = "unknown_tool"


class UnknownStage(CrmError):
    code = "unknown_stage"


class StageOrder(CrmError):
    code = "stage_order"


class PromptConflict(CrmError):
    """Somebody else wrote a version meanwhile: `newest`. Nothing was saved, and nothing is lost."""

    code = "prompt_conflict"

    def __init__(self, message: str, newest: StagePrompt | None) -> None:
        super().__init__(message)
        self.newest = newest


class AssistantChanged(CrmError):
    """What is at Vapi is not what the person looked at."""

    code = "assistant_changed"


class VapiUnavailable(TransientError):
    """Vapi, or the way to it, did not answer as it should. `retry_after` are the seconds it asked to wait, if any."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class VapiRefused(PermanentError):
    """Vapi refused for good. `status` is HTTP's, 0 when the answer made no sense; `reason` is in Vapi's words."""

    def __init__(self, message: str, *, status: int = 0, reason: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
