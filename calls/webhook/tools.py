"""Every other tool: Django code in a thread, within the time a caller waits, in one transaction with its answer.

The row of the tool call is inserted before the tool runs, so a repetition that comes at the same time waits for the
first one and finds its answer. Nothing is committed after the time is up: what the caller was told stays true.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from calls import projection, promotion
from calls.models import Assistant, ToolCall
from calls.stages import StageResult, StageState, StoreUnavailable, rebuild
from calls.stages.facts import validate_facts
from calls.tools import Answer, Caller, run_tool
from calls.webhook import stage_tool
from calls.webhook.decode import Message, ToolRequest
from calls.webhook.door import Door
from calls.webhook.ledger import Stored
from calls.webhook.results import one_line
from crm import leads

logger = logging.getLogger(__name__)

BUDGET_SECONDS = 3.0
# Answers later than this are given up; earlier, the thread itself notices and says so.
_GRACE_SECONDS = 0.2
_CALLBACK_AFTER = timedelta(minutes=15)
# A message older or newer than this against our clock tells nothing about the caller's today.
_MOST_SKEW = timedelta(days=1)
FAILED = Stored(
    "[failed] I'm sorry, that did not work just now. I have asked a colleague to call back; offer to go on meanwhile.",
    "",
    "",
    "failed",
)
_NO_CALL = Stored("[failed] This needs a call, and the message names none.", "", "", "failed")


class _TooLate(Exception):
    """The time is up, so nothing of this may be committed."""


@dataclass(frozen=True)
class _Job:
    """One tool call on its way through a thread. `deadline` is on the monotonic clock."""

    message: Message
    request: ToolRequest
    call_id: UUID
    result: StageResult | None
    deadline: float


@dataclass(frozen=True)
class _Done:
    stored: Stored
    facts: dict[str, Any]
    rebuilt: StageState | None = None


async def answer(message: Message, call_id: UUID, request: ToolRequest, door: Door) -> Stored:
    """Run one tool for a call whose row is committed, and return the answer that is stored for it."""
    applied = request.fingerprint + request.key.encode()
    job = _Job(message, request, call_id, await _state(door, call_id, applied), time.monotonic() + BUDGET_SECONDS)
    work = asyncio.ensure_future(door.in_thread(_run, job))
    try:
        done = await asyncio.wait_for(asyncio.shield(work), BUDGET_SECONDS + _GRACE_SECONDS)
    except TimeoutError:
        logger.error("Tool %s of call %s took too long", request.name, message.vapi_id)
        # The thread stores the same answer once it can, and nothing else.
        work.add_done_callback(_log_outcome)
        return FAILED
    await _remember(door, call_id, applied, done)
    # The message was committed, and so folded, before the tool had done anything.
    projection.touch(call_id)
    return done.stored


async def without_call(message: Message, request: ToolRequest, door: Door) -> Stored:
    """Answer a tool call that names no call, as a try-out does. Nothing is created."""
    if request.arguments is None:
        return Stored("[bad_arguments] The arguments could not be read. Send them as one JSON object.", "", "", "")
    if request.name == stage_tool.NAME:
        return _NO_CALL

    def run() -> Answer:
        return run_tool(request.name, request.arguments or {}, _caller(message, UUID(int=0), {}))

    try:
        given = await asyncio.wait_for(door.in_thread(run), BUDGET_SECONDS)
    except Exception:
        logger.exception("Tool %s failed without a call", request.name)
        return _NO_CALL
    return Stored(one_line(given.text), "", "", given.code)


async def _state(door: Door, call_id: UUID, applied: bytes) -> StageResult | None:
    """Count the request in the stage store and return the call's state; None when the store is away."""
    try:
        return await door.store.advance(call_id, None, {}, fingerprint=applied)
    except StoreUnavailable as exc:
        logger.info("The stage store is away: %s", exc)
        return None


async def _remember(door: Door, call_id: UUID, applied: bytes, done: _Done) -> None:
    """Merge what the tool learnt into the call's context."""
    try:
        if done.rebuilt is not None:
            await door.store.restore(call_id, done.rebuilt)
        elif done.facts:
            await door.store.advance(call_id, None, done.facts, fingerprint=applied + b"+", counts=False)
    except StoreUnavailable as exc:
        # The row keeps the facts; the state is rebuilt from the rows.
        logger.info("The stage store is away: %s", exc)


def _log_outcome(work: asyncio.Future[_Done]) -> None:
    if not work.cancelled() and work.exception() is not None:
        logger.error("A late tool call failed", exc_info=work.exception())


def _run(job: _Job) -> _Done:
    """Run the tool and store its answer, once per tool call."""
    try:
        return _attempt(job)
    except _TooLate:
        logger.error("Tool %s of call %s was rolled back: too late", job.request.name, job.message.vapi_id)
    except Exception:
        logger.exception("Tool %s of call %s failed", job.request.name, job.message.vapi_id)
    return _store_failure(job)


def _attempt(job: _Job) -> _Done:
    started = time.monotonic()
    # What was said before comes before this in the call's tool calls.
    promotion.promote([job.call_id])
    with transaction.atomic():
        _limit_waiting(job.deadline)
        row, created = _claim(job)
        if not created:
            return _Done(_stored(row), {})
        state, rebuilt = _context(job)
        caller = _caller(job.message, job.call_id, state.context)
        with transaction.atomic():
            given = run_tool(job.request.name, job.request.arguments or {}, caller)
        facts = validate_facts(given.facts)
        row.answer, row.code, row.facts = one_line(given.text), given.code, facts
        row.stage, row.duration_ms = state.stage, (time.monotonic() - started) * 1000
        row.save(update_fields=["answer", "code", "facts", "stage", "duration_ms"])
        if time.monotonic() > job.deadline:
            raise _TooLate
    if rebuilt is not None:
        rebuilt = rebuild.load_state(job.call_id)
    return _Done(_stored(row), facts, rebuilt)


def _limit_waiting(deadline: float) -> None:
    """Let PostgreSQL itself give up in time, whatever lock or query this waits for."""
    remaining = max(1, int((deadline - time.monotonic()) * 1000))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('statement_timeout', %s, true), set_config('lock_timeout', %s, true)",
            [f"{remaining}ms", f"{remaining}ms"],
        )


def _claim(job: _Job) -> tuple[ToolCall, bool]:
    request = job.request
    return ToolCall.objects.get_or_create(
        call_id=job.call_id,
        tool_call_id=request.key,
        fingerprint=UUID(bytes=request.fingerprint),
        defaults={"name": request.name, "arguments": request.arguments or {}, "at": job.message.at_datetime},
    )


def _stored(row: ToolCall) -> Stored:
    return Stored(row.answer, row.prompt, row.stage, row.code)


def _context(job: _Job) -> tuple[StageState, StageState | None]:
    """Return the call's state, and the same again when the stage store has to be given it."""
    result = job.result
    if result is not None:
        # This request's own row is among them already.
        earlier = ToolCall.objects.filter(call_id=job.call_id).count() - 1
        if earlier < result.count:
            return StageState(result.stage, result.context, result.count, False), None
        logger.warning("The lost stage of call %s is rebuilt from PostgreSQL", job.message.vapi_id)
    state = rebuild.load_state(job.call_id)
    return state, state


def _caller(message: Message, call_id: UUID, context: dict[str, Any]) -> Caller:
    now = timezone.now()
    at = message.at_datetime
    return Caller(
        call_id=call_id,
        vapi_id=message.vapi_id or "",
        number=message.customer_number or None,
        email=context.get("email"),
        context=context,
        now=at if abs(at - now) < _MOST_SKEW else now,
        assistant_id=message.assistant_id or None,
        listing_id=_listing_of(message.assistant_id),
    )


def _listing_of(assistant_id: str) -> int | None:
    if not assistant_id:
        return None
    return Assistant.objects.filter(vapi_id=assistant_id).values_list("listing_id", flat=True).first()


def _store_failure(job: _Job) -> _Done:
    """Store the apology as the answer, and ask a person to call back."""
    try:
        with transaction.atomic():
            row, created = _claim(job)
            if created:
                row.answer, row.code = FAILED.answer, FAILED.code
                row.stage = job.result.stage if job.result is not None else ""
                row.save(update_fields=["answer", "code", "stage"])
        if created:
            _ask_for_callback(job)
        return _Done(_stored(row), {})
    except DatabaseError:
        logger.exception("The failure of tool %s could not be stored", job.request.name)
        return _Done(FAILED, {})


def _ask_for_callback(job: _Job) -> None:
    message = job.message
    context = job.result.context if job.result is not None else {}
    try:
        with transaction.atomic():
            lead = leads.lead_for_caller(
                phone=message.customer_number or None, email=context.get("email"), full_name=context.get("full_name")
            )
            leads.request_callback(
                lead=lead,
                reason=f"{job.request.name} failed during a call",
                due_at=timezone.now() + _CALLBACK_AFTER,
                call_id=job.call_id,
                key=f"failed:{job.call_id}:{job.request.key}",
            )
    except Exception:
        # The apology is stored and said whatever becomes of the task.
        logger.exception("No callback could be noted for call %s", message.vapi_id)
