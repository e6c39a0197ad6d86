"""update_system_prompt: the tool call that moves the call to another stage, without a thread or a query.

One script in the stage store and one group commit. Only when the two stores disagree does it take the slow way, over
what PostgreSQL has kept of the call.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from uuid import UUID

import msgspec
from django.db import DatabaseError

from calls import promotion
from calls.stages import STAGES, Facts, Outcome, StageResult, StoreUnavailable, prompts, rebuild, stage_metrics
from calls.stages.facts import KNOWN_FACTS, validate_facts
from calls.webhook import lenient
from calls.webhook.decode import Message, ToolRequest
from calls.webhook.door import Door
from calls.webhook.inbox import Poisoned, StoreDown
from calls.webhook.ledger import EventRow, Held, Stored, ToolRow, Verdict
from calls.webhook.results import one_line
from calls.webhook.rows import call_id_of, one_row, tool_row

logger = logging.getLogger(__name__)

NAME = "update_system_prompt"
_MOST_SUMMARY = 400
_ATTEMPTS = 3
_ALL_STAGES = ", ".join(STAGES[:-1]) + " or " + STAGES[-1]
_NEXT = {
    "QUALIFICATION": "Ask for what is missing, one question at a time: budget, timeline, property type, location.",
    "BOOKING": "Now offer times with get_availability and book the one the caller picks with set_appointment.",
    "CONFIRMATION": "Now read the viewing back, check the contact details and offer a confirmation by e-mail.",
}


class Wish(msgspec.Struct):
    """What one tool call asks for. With a `refusal` (code, sentence) nothing is changed."""

    stage: str | None = None
    facts: Facts = {}
    refusal: tuple[str, str] | None = None


def is_fast(request: ToolRequest) -> bool:
    """Return whether this module answers the request: the stage tool, and arguments nobody could read."""
    return request.name == NAME or request.arguments is None


def read_wish(request: ToolRequest) -> Wish:
    """Read the arguments leniently: context as an object or as JSON text, facts beside it, stage in any case."""
    arguments = request.arguments
    if arguments is None:
        return Wish(refusal=("bad_arguments", "The arguments could not be read. Send them as one JSON object."))
    wanted = arguments.get("new_state", arguments.get("newState", arguments.get("state")))
    if wanted is None or wanted == "":
        return Wish(refusal=("bad_arguments", f"new_state is missing. It is one of {_ALL_STAGES}."))
    stage = wanted.strip().upper() if isinstance(wanted, str) else None
    if stage not in STAGES:
        return Wish(refusal=("unknown_stage", f"There is no such stage. It is one of {_ALL_STAGES}."))
    return Wish(stage=stage, facts=_facts(arguments))


def _facts(arguments: Facts) -> Facts:
    context = arguments.get("context")
    if isinstance(context, str):
        try:
            context = lenient.parse(context.encode("utf-8", "replace"))
        except lenient.NotJson:
            context = None
    facts = validate_facts(context)
    if len(arguments) > 2 or (len(arguments) == 2 and "context" not in arguments):
        # Models put facts beside the context, too; of those only the known ones are meant.
        beside = {key: value for key, value in arguments.items() if key in KNOWN_FACTS}
        facts = {**validate_facts(beside), **facts}
    return facts


async def answer_all(message: Message, event: EventRow, requests: Sequence[ToolRequest], door: Door) -> list[Stored]:
    """Answer and store these tool calls together with their event. Raises StoreDown.

    One after the other for each call: a request that finds lost state brings it back before the next one asks.
    """
    prompts.refresh_soon()
    if not door.take_turn(event.call_id):
        await door.turn(event.call_id)
    try:
        asked = [await _ask(message, event.call_id, request, door) for request in requests]
        verdicts = await _commit_first(message, door, event, [row for row, _ in asked])
        if not any(verdicts):
            return [_given(row) for row, _ in asked]
        return [
            await _settled(message, event, request, row, fresh, verdict, door)
            for request, (row, fresh), verdict in zip(requests, asked, verdicts, strict=True)
        ]
    except StoreUnavailable as exc:
        logger.info("Call %s is answered from PostgreSQL: %s", message.vapi_id, exc)
        await door.inbox.commit(event)
        return [await _in_postgres(message, request, door) for request in requests]
    finally:
        door.turn_over(event.call_id)


async def _ask(message: Message, call_id: UUID, request: ToolRequest, door: Door) -> tuple[ToolRow, bool]:
    """Ask the stage store; return the answer as the row to store, and whether the store knew nothing of the call."""
    wish = read_wish(request)
    result = await door.store.advance(call_id, wish.stage, wish.facts, fingerprint=applied_as(request))
    return _row(message, request, wish, result), result.fresh


def applied_as(request: ToolRequest) -> bytes:
    """Return under which name the stage store remembers that it has acted on this request."""
    return request.fingerprint + request.key.encode()


def _row(message: Message, request: ToolRequest, wish: Wish, result: StageResult) -> ToolRow:
    spoken = prompts.chosen(result.stage, message.assistant_id)
    stored = word(wish, result, spoken)
    has_moved = result.outcome is Outcome.MOVED and wish.refusal is None
    if has_moved:
        stage_metrics.transitions += 1
    else:
        stage_metrics.failures += 1
    facts = lenient.encode(wish.facts) if has_moved and wish.facts else b"{}"
    spoken_id = spoken.version_id if stored.prompt else 0
    return tool_row(message, request, stored, facts=facts, count=result.count, stage_prompt_id=spoken_id)


def word(wish: Wish, result: StageResult, spoken: prompts.Spoken) -> Stored:
    """Return what the assistant is told; `spoken` is the prompt of the stage the call is in now."""
    stage = result.stage
    if wish.refusal is not None:
        code, sentence = wish.refusal
        return Stored(f"[{code}] {sentence} The stage stays {stage}.", "", stage, code)
    if result.outcome is Outcome.ENDED:
        return Stored(f"This call is over, so nothing was changed. Its stage was {stage}.", "", stage, "")
    if result.outcome is Outcome.REFUSED:
        return Stored(_out_of_order(stage, wish.stage or ""), "", stage, "stage_order")
    known = prompts.summary(result.context)
    short = known if len(known) <= _MOST_SUMMARY else known[:_MOST_SUMMARY].rsplit(",", 1)[0]
    text = f"The stage is now {stage}. Known so far: {short or 'nothing yet'}. {_NEXT[stage]}"
    return Stored(text, spoken.template.render(result.context, known), stage, "")


def _out_of_order(stage: str, wanted: str) -> str:
    reason = "a call never goes back" if STAGES.index(wanted) < STAGES.index(stage) else "no stage may be left out"
    return one_line(
        f"[stage_order] The stage stays {stage}: it cannot become {wanted}, because {reason}. {_NEXT[stage]}"
    )


def _given(row: ToolRow) -> Stored:
    return Stored(row.answer, row.prompt, row.stage, row.code)


async def _commit_first(message: Message, door: Door, event: EventRow, rows: list[ToolRow]) -> list[Verdict]:
    """Commit in one row where that can be: whatever is not so simple is Held, and takes the slow way."""
    kept = one_row(message, event, rows)
    if kept:
        try:
            return await door.inbox.commit(event, rows, one_row=kept)
        except Poisoned:
            pass
    else:
        # What was committed in one row has to be known by its tool call.
        await door.in_thread(promotion.promote, [event.call_id])
    return await _commit(door, event, rows)


async def _commit(door: Door, event: EventRow, rows: list[ToolRow]) -> list[Verdict]:
    try:
        return await door.inbox.commit(event, rows)
    except Poisoned:
        # The answer matters more than how exactly it was asked for.
        return await door.inbox.commit(event._replace(body=b"{}"), [row._replace(arguments={}) for row in rows])


async def _settled(
    message: Message, event: EventRow, request: ToolRequest, row: ToolRow, fresh: bool, verdict: Verdict, door: Door
) -> Stored:
    """Return the answer that stands, after bringing the stage store up to what PostgreSQL knows."""
    if verdict is None:
        return _given(row)
    if isinstance(verdict, Stored):
        if fresh:
            # A state that begins with a repetition is not the call's first.
            await _restore(message, event.call_id, door)
        return verdict
    for _attempt in range(_ATTEMPTS):
        try:
            await _restore(message, event.call_id, door)
            row, _ = await _ask(message, event.call_id, request, door)
        except StoreUnavailable:
            break
        (verdict,) = await _commit(door, event, [row])
        if not isinstance(verdict, Held):
            return verdict or _given(row)
    return await _in_postgres(message, request, door)


async def _restore(message: Message, call_id: UUID, door: Door) -> None:
    state = await door.in_thread(rebuild.load_state, call_id)
    if state.count:
        logger.warning("The lost stage of call %s was rebuilt from %d tool calls", message.vapi_id, state.count)
        stage_metrics.rebuilt += 1
    await door.store.restore(call_id, state)


async def _in_postgres(message: Message, request: ToolRequest, door: Door) -> Stored:
    """Answer under a row lock in PostgreSQL, when the stage store is away or never agrees."""
    wish = read_wish(request)

    def write(result: StageResult) -> ToolRow:
        return _row(message, request, wish, result)

    try:
        row = await door.in_thread(rebuild.advance_in_postgres, call_id_of(message), wish.stage, wish.facts, write)
    except DatabaseError as exc:
        raise StoreDown(str(exc)) from exc
    return _given(row)
