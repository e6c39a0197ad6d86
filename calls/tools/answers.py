"""Who asks, and what is answered."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True)
class Caller:
    """The person on the line, as the call itself knows them and never as the model says.

    `number` is as Vapi sent it, None when withheld; `context` is what the call has learnt; `now` is the call's clock.
    """

    call_id: UUID
    vapi_id: str
    number: str | None
    email: str | None
    context: dict[str, Any]
    now: datetime
    assistant_id: str | None = None
    listing_id: int | None = None

    @property
    def has_call(self) -> bool:
        """A tool may be tried out from Vapi's dashboard, with no call behind it."""
        return bool(self.vapi_id)


@dataclass(frozen=True)
class Answer:
    """One line to say or read. `code` is the refusal's code or ""; `facts` is what the call's context gains."""

    text: str
    facts: dict[str, Any] = field(default_factory=dict)
    code: str = ""

    @property
    def ok(self) -> bool:
        return not self.code
