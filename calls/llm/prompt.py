"""What the model is told before the conversation: the prompt of the call's stage, the day, and the times offered.

Where a call stands is asked of the stage store on every turn. What only PostgreSQL knows, the times offered, is read
again when the store has counted another tool call, and not on every turn.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError
from django.utils import timezone

from calls import promotion
from calls.models import ToolCall
from calls.phrases import say_time
from calls.stages import FIRST_STAGE, StageState, StoreUnavailable, prompts, rebuild
from calls.webhook.door import Door

logger = logging.getLogger(__name__)

_MOST_CALLS = 5_000
# A call without any tool call has no state; how long PostgreSQL's word on that is good.
_UNKNOWN_SECONDS = 20.0
_NEW = StageState(FIRST_STAGE, {}, 0, False)
_OFFERING = ("get_availability", "set_appointment", "reschedule_appointment")


class _Known(NamedTuple):
    """What PostgreSQL said of a call. `is_settled`: it knew every tool call that the store had counted."""

    is_settled: bool
    state: StageState
    offers: str
    read_at: float


@dataclass(frozen=True, slots=True)
class Prompt:
    """`version_id` names the version of the stage's prompt, 0 the one that comes with Pete."""

    stage: str
    text: str
    version_id: int = 0


class PromptBook:
    """Makes the prompt of each turn. Belongs to one event loop."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._known: OrderedDict[UUID, _Known] = OrderedDict()

    async def prompt(self, call_id: UUID | None, assistant_id: str = "") -> Prompt:
        """Return what goes in front of a conversation; one without a call is at the beginning.

        `assistant_id` is Vapi's: an assistant may have words of its own.
        """
        prompts.refresh_soon()
        if call_id is None:
            return _written(_NEW, "", assistant_id)
        state, offers = await self._standing(call_id)
        return _written(state, offers, assistant_id)

    async def _standing(self, call_id: UUID) -> tuple[StageState, str]:
        """Return where the call stands and what it was offered. PostgreSQL answers when the store has nothing."""
        try:
            state = await self._door.store.get(call_id)
        except StoreUnavailable as exc:
            logger.info("Call %s is read from PostgreSQL: %s", call_id, exc)
            state = None
        known = self._known.get(call_id)
        now = self._door.loop.time()
        if known is not None and state is not None and known.is_settled and known.state.count == state.count:
            return state, known.offers
        if known is not None and state is None and not known.state.count and now - known.read_at < _UNKNOWN_SECONDS:
            return known.state, known.offers
        try:
            found, offers, is_settled = await self._door.in_thread(_read, call_id, state)
        except DatabaseError as exc:
            logger.warning("Where call %s stands is not known: %s", call_id, exc)
            return state or (known.state if known else _NEW), known.offers if known else ""
        self._keep(call_id, _Known(is_settled, found, offers, now))
        return found, offers

    def _keep(self, call_id: UUID, known: _Known) -> None:
        self._known[call_id] = known
        self._known.move_to_end(call_id)
        if len(self._known) > _MOST_CALLS:
            self._known.popitem(last=False)


def _read(call_id: UUID, state: StageState | None) -> tuple[StageState, str, bool]:
    """Return the state, the times offered, and whether every tool call counted so far is known. One query."""
    if state is None:
        promotion.promote([call_id])
    rows = list(ToolCall.objects.filter(call_id=call_id).order_by("pk").values_list("stage", "facts", "name", "answer"))
    if state is None:
        state = rebuild.fold((row[:2] for row in rows), ended=False)
    offers = (answer for *_, name, answer in reversed(rows) if name in _OFFERING and "(slot " in answer)
    # A tool that is still running has been counted, and its row is not there yet.
    return state, next(offers, ""), len(rows) >= state.count


def _written(state: StageState, offers: str, assistant_id: str) -> Prompt:
    now = timezone.now().astimezone(settings.OFFICE_TZ)
    spoken = prompts.chosen(state.stage, assistant_id)
    parts = [spoken.template.render(state.context, prompts.summary(state.context)), _today(now)]
    if offers:
        parts.append(f"Times offered last in this call, with their slot ids: {offers}")
    return Prompt(state.stage, "\n\n".join(parts), spoken.version_id)


def _today(now: datetime) -> str:
    return f"Today is {now:%A} {now.day} {now:%B %Y}, and it is {say_time(now)} at the office ({settings.TIME_ZONE})."
