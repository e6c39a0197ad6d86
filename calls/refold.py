"""From the ledger to what people see: a call's columns, its lead and timeline, its place on the board.

A call is folded anew from its whole ledger under a lock on its row, so it does not matter which process does it, how
often, or in which order events came.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection, transaction
from django.db.models import Count, Q
from django.utils import timezone

from calls import board, effects, events, promotion
from calls.effects import Before
from calls.events import Cache, Ledger
from calls.models import EXPIRED_CLASS, Assistant, Call, Phase, Stage, ToolCall, WebhookEvent
from calls.phases import Fold, fold
from calls.reports import ended_class
from calls.shapes import with_related
from crm.audit.actors import acting, assistant_in
from crm.models import Appointment, AppointmentStatus, Listing
from crm.phones import to_e164

# A delivery that says it happened longer ago than this comes from another clock, not from a slow network.
_SLOWEST_DELIVERY = timedelta(minutes=5)
_DIRECTIONS = {"outboundPhoneCall": "outbound", "webCall": "web", "vapi.websocketCall": "web"}
_STAGE_RANK = {stage: rank for rank, stage in enumerate(Stage.values)}
_LONGEST_STATUS = 32
_COLUMNS = [
    "status", "direction", "stage", "context", "phase", "phase_since", "phase_seconds", "invalid_transitions", "alerts",
    "transcript", "assistant", "assistant_vapi_id", "lead", "listing", "customer_number", "started_at", "ended_at",
    "ended_reason", "ended_class", "summary", "recording_url", "cost", "structured_data", "has_report",
    "projected_events", "last_event_at", "updated_at",
]  # fmt: skip

_cache = Cache()
_cache_lock = Lock()


@dataclass(slots=True)
class Projected:
    """What folding some calls came to: the board's entries, and when a live call needs another look."""

    entries: list[board.Entry]
    look_again_at: dict[UUID, datetime]


@dataclass(slots=True)
class _Work:
    """One call with everything it is folded from."""

    call: Call
    ledger: Ledger
    tools: list[ToolCall]
    viewings: list[Appointment]
    ended_known_at: datetime | None = None


def project_many(call_ids: Collection[UUID]) -> Projected:
    """Fold these calls and write what they come to, in one transaction. Raises DatabaseError."""
    with _cache_lock:
        ledgers = {call_id: _cache.take(call_id) for call_id in call_ids}
    promotion.make_calls(call_ids)
    now = timezone.now()
    with transaction.atomic():
        works = _load(ledgers, now)
        look_again = {}
        for work in works:
            due = _project(work, now)
            if due is not None:
                look_again[work.call.pk] = due
            # Let the thread that answers Vapi go first.
            time.sleep(0)
        _write([work.call for work in works])
    with _cache_lock:
        for work in works:
            _cache.put(work.call.pk, work.ledger)
    return Projected([_entry(work) for work in works], look_again)


def _load(ledgers: dict[UUID, Ledger], now: datetime) -> list[_Work]:
    """Lock the calls, then read what is committed about them."""
    # In order of their ids, so that two processes with the same calls wait instead of meeting in a deadlock.
    locked = Call.objects.filter(pk__in=list(ledgers)).order_by("pk").select_for_update(no_key=True)
    ids = list(locked.values_list("pk", flat=True))
    # Only now: a row that was waited for comes with its new lead's id, but without the lead's own row beside it.
    calls = list(with_related(Call.objects.filter(pk__in=ids)).order_by("pk"))
    known = {call.pk: ledgers[call.pk] for call in calls if ledgers[call.pk].of == call.created_at}
    ledgers = {call.pk: known.get(call.pk) or Ledger(call.created_at) for call in calls}
    counted = WebhookEvent.objects.filter(call_id__in=ids).values_list("call_id").annotate(count=Count("pk"))
    events.load(ledgers, dict(counted.order_by()))
    # After the events were counted: none of them is without its tool call then.
    promotion.make_tool_calls(ids)
    tools: dict[UUID, list[ToolCall]] = {call_id: [] for call_id in ids}
    for tool in ToolCall.objects.filter(call_id__in=ids).defer("arguments", "answer").order_by("at", "pk"):
        tools[tool.call_id].append(tool)
    viewings: dict[UUID, list[Appointment]] = {call_id: [] for call_id in ids}
    held = Q(status=AppointmentStatus.HELD, expires_at__gt=now)
    promised = held | Q(status__in=[AppointmentStatus.BOOKED, AppointmentStatus.COMPLETED])
    for viewing in Appointment.objects.filter(promised, call_id__in=ids).select_related("listing", "lead"):
        if viewing.call_id is not None:
            viewings[viewing.call_id].append(viewing)
    return [_Work(call, ledgers[call.pk], tools[call.pk], viewings[call.pk]) for call in calls]


def _project(work: _Work, now: datetime) -> datetime | None:
    """Set the call's columns and bring its lead up to them. Return when to look again if nothing is heard."""
    call, ledger = work.call, work.ledger
    if ledger.count < call.projected_events or not ledger.count:
        # Made without a ledger, or the ledger has been cleared since: the columns are all there is.
        return None
    before = Before.of(call)
    skew = clock_skew(ledger, now)
    folded = fold(ledger.events, now - skew)
    _set_conversation(call, ledger, folded, skew)
    _set_identity(call, ledger)
    _set_times(call, ledger, folded)
    _set_stage(call, work.tools)
    _set_listing(call, work.viewings)
    _set_report(call, ledger, folded)
    call.projected_events = ledger.count
    call.last_event_at = ledger.last_received_at or call.last_event_at
    # Also the version on the board: it must grow whichever machine's clock writes it.
    call.updated_at = max(now, call.updated_at + timedelta(microseconds=1))
    if folded.phase == Phase.ENDED:
        work.ended_known_at = min(
            (event.received_at for event in ledger.events if event.at >= (folded.ended_at or event.at)), default=now
        )
    with acting(assistant_in(call.vapi_id)):
        effects.land(call, before, work.tools, work.viewings)
    return _look_again_at(folded, skew, work.viewings)


def _write(calls: Sequence[Call]) -> None:
    """Write the columns of all calls in one statement; Django's own way needs a CASE per row and column."""
    fields = [field for field in Call._meta.concrete_fields if field.name in _COLUMNS or field.primary_key]
    typed = ", ".join(f"{field.column} {field.db_type(connection)}" for field in fields)
    changes = ", ".join(f"{field.column} = new.{field.column}" for field in fields if not field.primary_key)
    rows = [{field.column: getattr(call, field.attname) for field in fields} for call in calls]
    source = f"jsonb_to_recordset(%s::jsonb) AS new ({typed})"
    statement = f"UPDATE calls_call call SET {changes} FROM {source} WHERE call.id = new.id"  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(statement, [msgspec.json.encode(rows).decode()])


def _look_again_at(folded: Fold, skew: timedelta, viewings: Sequence[Appointment]) -> datetime | None:
    """Return when the board changes though nothing is heard: an alert falls due or a hold lapses."""
    if folded.phase == Phase.ENDED:
        return None
    moments = [viewing.expires_at for viewing in viewings if viewing.status == AppointmentStatus.HELD]
    if folded.next_alert_at is not None:
        moments.append(folded.next_alert_at + skew)
    return min((moment for moment in moments if moment is not None), default=None)


def clock_skew(ledger: Ledger, now: datetime) -> timedelta:
    """Return how far our clock is ahead of the events': nothing, unless they come from another time altogether."""
    delays = [event.received_at - event.at for event in ledger.events]
    quickest = min(delays, default=timedelta())
    return quickest if quickest < timedelta() or quickest > _SLOWEST_DELIVERY else timedelta()


def _set_conversation(call: Call, ledger: Ledger, folded: Fold, skew: timedelta) -> None:
    call.phase = folded.phase
    call.phase_since = folded.phase_since + skew if folded.phase_since else None
    call.phase_seconds = folded.phase_seconds
    call.invalid_transitions = folded.invalid_transitions
    call.alerts = folded.alerts
    reported = ledger.report.lines if ledger.report else []
    # Without transcript events the copies that other messages carry are all there is.
    call.transcript = folded.transcript or reported or ledger.conversation
    status, said = folded.status, ledger.details.status
    is_vague = status in ("", "queued") and said in ("scheduled", "ringing", "in-progress", "forwarding")
    call.status = (said if is_vague else status or "queued")[:_LONGEST_STATUS]


def _set_identity(call: Call, ledger: Ledger) -> None:
    details = ledger.details
    if details.kind:
        call.direction = _DIRECTIONS.get(details.kind, "inbound")
    number = details.customer_number or call.customer_number
    if number and (number != call.customer_number or not call.projected_events):
        call.customer_number = to_e164(number) or number[:32]
    call.assistant_vapi_id = details.assistant_id[:100] or call.assistant_vapi_id
    if call.assistant is None:
        call.assistant = _assistant(call.assistant_vapi_id, details.dialled_number)
    if call.listing is None and call.assistant is not None:
        call.listing = call.assistant.listing


def _assistant(vapi_id: str, dialled_number: str) -> Assistant | None:
    """Return the mapped assistant, by Vapi's id or by the number that was dialled."""
    if not vapi_id and not dialled_number:
        return None
    mapped = Assistant.objects.select_related("listing")
    found = mapped.filter(vapi_id=vapi_id).first() if vapi_id else None
    number = to_e164(dialled_number) if found is None and dialled_number else None
    return mapped.filter(phone_number=number).first() if number else found


def _set_times(call: Call, ledger: Ledger, folded: Fold) -> None:
    report = ledger.report
    call.started_at = (report.started_at if report else None) or folded.connected_at
    call.ended_at = None
    if folded.phase == Phase.ENDED:
        call.ended_at = (report.ended_at if report else None) or folded.ended_at
    if call.started_at is None and call.ended_at and report and report.lasted:
        call.started_at = call.ended_at - report.lasted
    if call.started_at and call.ended_at:
        call.ended_at = max(call.started_at, call.ended_at)


def _set_stage(call: Call, tools: Sequence[ToolCall]) -> None:
    call.stage, call.context = stage_and_facts(tools)


def stage_and_facts(tools: Sequence[ToolCall]) -> tuple[str, dict[str, Any]]:
    """Return what these tool calls have brought a call to. The stage never goes back: the furthest one counts."""
    reached = [tool.stage for tool in tools if tool.stage in _STAGE_RANK]
    facts: dict[str, Any] = {}
    for tool in tools:
        facts.update(tool.facts)
    return max(reached, key=_STAGE_RANK.__getitem__, default=Stage.QUALIFICATION), facts


def _set_listing(call: Call, viewings: Sequence[Appointment]) -> None:
    """Name the home the call came to be about: that of its viewing, else the one it spoke of last."""
    spoken_of = call.context.get("listing_id")
    if viewings:
        call.listing = viewings[-1].listing
    elif isinstance(spoken_of, int) and spoken_of != call.listing_id:
        call.listing = Listing.objects.filter(pk=spoken_of).first() or call.listing


def _set_report(call: Call, ledger: Ledger, folded: Fold) -> None:
    report = ledger.report
    call.has_report = report is not None
    call.ended_reason = ((report.ended_reason if report else "") or ledger.details.ended_reason)[:200]
    call.ended_class = ended_class(call.ended_reason)
    if folded.phase != Phase.ENDED:
        call.ended_reason = call.ended_class = ""
    elif folded.is_expired:
        call.ended_class = EXPIRED_CLASS
    if report is not None:
        call.summary, call.recording_url, call.cost = report.summary, report.recording_url, report.cost
        call.structured_data = report.structured_data


def _entry(work: _Work) -> board.Entry:
    # A booked viewing before a hold, the newest first.
    viewings = sorted(work.viewings, key=lambda row: (row.status != AppointmentStatus.HELD, row.pk))
    return board.entry(work.call, viewings[-1] if viewings else None, work.ended_known_at)


def stragglers(after_event: int, limit: int) -> tuple[list[UUID], int]:
    """Return calls with rows after `after_event` in the ledger that were never folded, and the last row read.

    They are left by a process that was killed between commit and projection.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH recent AS (
                SELECT id, call_id FROM calls_webhookevent WHERE id > %s AND call_id IS NOT NULL ORDER BY id LIMIT %s
            ), counted AS (
                SELECT event.call_id, count(*) AS rows FROM calls_webhookevent event
                WHERE event.call_id IN (SELECT call_id FROM recent) GROUP BY event.call_id
            )
            SELECT (SELECT max(id) FROM recent), behind.call_id
            FROM (SELECT 1) AS always LEFT JOIN (
                SELECT counted.call_id FROM counted LEFT JOIN calls_call call ON call.id = counted.call_id
                WHERE coalesce(call.projected_events, 0) < counted.rows
            ) behind ON true
            """,
            [after_event, limit],
        )
        rows = cursor.fetchall()
    return [call_id for _, call_id in rows if call_id], rows[0][0] or after_event
