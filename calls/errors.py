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


class VapiNotReady(CrmError):
    """Vapi is not connected, or cannot be asked just now."""

    code = "vapi_not_ready"


class VapiUnavailable(TransientError):
    """Vapi, or the way to it, did not answer as it should. `retry_after` are the seconds it asked to wait, if any.

    `status` is HTTP's, 0 when there was no answer.
    """

    def __init__(self, message: str, *, status: int = 0, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after


class VapiRefused(PermanentError):
    """Vapi refused for good. `status` is HTTP's, 0 when the answer made no sense; `reason` is in Vapi's words."""

    def __init__(self, message: str, *, status: int = 0, reason: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason


class ControlRefusal(CrmError):
    """A live call is not steered. `status` is what a program is answered."""

    status = 409


class CallOver(ControlRefusal):
    code = "call_over"


class NotControllable(ControlRefusal):
    """Nothing that Vapi has sent says where the call can be steered."""

    code = "not_controllable"


class Supervised(ControlRefusal):
    """Somebody else steers the call: `holder` is their id."""

    code = "supervised"

    def __init__(self, message: str, holder: int | None) -> None:
        super().__init__(message)
        self.holder = holder


class ListenExpired(ControlRefusal):
    """The permission to listen was used, is old, or was never given."""

    code = "expired"
    status = 410


class Unplayable(ControlRefusal):
    """Vapi sends sound that the page cannot play."""

    code = "unplayable"
    status = 502


class MayNotSupervise(ControlRefusal):
    code = "not_allowed"
    status = 403


class ControlInvalid(ControlRefusal):
    code = "bad_arguments"
    status = 422


class ControlRefusedByVapi(ControlRefusal):
    code = "vapi_refused"
    status = 502


class ControlNotSent(ControlRefusal):
    """Vapi could not be reached, or was too busy: nothing has happened."""

    code = "vapi_unavailable"
    status = 503


class ControlUnconfirmed(ControlRefusal):
    """Vapi took the request and did not answer: it may have happened."""

    code = "vapi_silent"
    status = 504
