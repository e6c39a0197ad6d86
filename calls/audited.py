"""What of the voice side is watched by the audit: what people decide. Calls are their own record."""

from __future__ import annotations

from calls.models import Assistant, ControlAction, StagePrompt
from crm.audit.tracking import watch


def connect() -> None:
    watch(Assistant)
    watch(StagePrompt)
    watch(ControlAction, hidden=("key",))
