"""Stage state out of PostgreSQL: every tool call's row tells the stage it led to and the facts it brought."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from calls import promotion
from calls.models import EXPIRED_CLASS, Call, Phase, ToolCall, WebhookEvent
from calls.stages.interface import FIRST_STAGE, STAGES, Facts, Outcome, StageResult, StageState, is_allowed

if TYPE_CHECKING:
    from calls.webhook.ledger import ToolRow


def load_state(call_id: UUID) -> StageState:
    """Return the state of a call as its tool calls left it; the first stage when there were none."""
    promotion.promote([call_id])
    rows = ToolCall.objects.filter(call_id=call_id).order_by("pk").values_list("stage", "facts")
    return fold(rows.iterator(), ended=_is_over(call_id))


def fold(rows: Iterable[tuple[str, Facts]], *, ended: bool) -> StageState:
    """Return the state after these (stage, facts), oldest first."""
    stage, context, count = FIRST_STAGE, {}, 0
    for reached, facts in rows:
        count += 1
        if reached in STAGES and STAGES.index(reached) > STAGES.index(stage):
            stage = reached
        context.update(facts)
    return StageState(stage, context, count, ended)


def _is_over(call_id: UUID) -> bool:
    reported = WebhookEvent.objects.filter(call_id=call_id, type="end-of-call-report")
    over = Call.objects.filter(Q(phase=Phase.ENDED) | Q(status="ended"), pk=call_id)
    # One that was closed because it was silent goes on where it was.
    over = over.exclude(ended_class=EXPIRED_CLASS)
    return reported.exists() or over.exists()


def step(state: StageState, stage: str | None, facts: Facts) -> StageResult:
    """Return what the stage store would answer, from a state that PostgreSQL gave."""
    count = state.count + 1
    if state.ended:
        return StageResult(state.stage, state.context, Outcome.ENDED, count, False)
    if stage is not None and not is_allowed(state.stage, stage):
        return StageResult(state.stage, state.context, Outcome.REFUSED, count, False)
    return StageResult(stage or state.stage, {**state.context, **facts}, Outcome.MOVED, count, False)


def advance_in_postgres(
    call_id: UUID, stage: str | None, facts: Facts, write: Callable[[StageResult], ToolRow]
) -> ToolRow:
    """Decide and store one request under the lock of its call, whose row exists. Returns the row that stands."""
    promotion.promote([call_id])
    with transaction.atomic():
        Call.objects.select_for_update(no_key=True).get(pk=call_id)
        row = write(step(load_state(call_id), stage, facts))
        known, _ = ToolCall.objects.get_or_create(
            call_id=call_id,
            tool_call_id=row.tool_call_id,
            fingerprint=UUID(bytes=row.fingerprint),
            defaults={
                "name": row.name,
                "arguments": row.arguments,
                "answer": row.answer,
                "prompt": row.prompt,
                "code": row.code,
                "stage": row.stage,
                "facts": json.loads(row.facts),
            },
        )
    return row._replace(answer=known.answer, prompt=known.prompt, stage=known.stage, code=known.code)
