"""The ledger of a call read back: bodies to the few fields that the fold and the call's columns need.

Bodies are large (each carries a copy of the conversation so far) and are read once; what is kept of them is small.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from calls import phases
from calls.models import WebhookEvent
from calls.phases import Event
from calls.reports import Report, conversation_lines, read_report

MOST_CACHED_EVENTS = 200_000
_LONGEST_LINE = 5_000
_MOST_TURNS = 1_000_000
# Stored bodies are readable JSON; one that is not counts as a row and says nothing.
_UNREADABLE = (msgspec.MsgspecError, RecursionError, UnicodeDecodeError)
_NO_RAW = msgspec.Raw()
_FINAL, _PARTIAL = 'transcript[transcripttype="final"]', 'transcript[transcripttype="partial"]'
_CONVERSATION = "conversation-update"


class _Body(msgspec.Struct, gc=False):
    """A delivery: the message in its envelope, or bare."""

    message: msgspec.Raw = _NO_RAW
    call: msgspec.Raw = _NO_RAW


class _Message(msgspec.Struct, rename="camel"):
    """What the fold reads. Anything may stand anywhere, so nothing is typed; the large parts are only read once."""

    call: msgspec.Raw = _NO_RAW
    customer: msgspec.Raw = _NO_RAW
    phone_number: msgspec.Raw = _NO_RAW
    assistant: msgspec.Raw = _NO_RAW
    status: Any = None
    role: Any = None
    transcript_type: Any = None
    transcript: Any = None
    text: Any = None
    turn: Any = None
    ended_reason: Any = None


_read_body = msgspec.json.Decoder(_Body).decode
_read_message = msgspec.json.Decoder(_Message).decode
_read_anything = msgspec.json.Decoder().decode


@dataclass(slots=True)
class Details:
    """What the messages of a call say about the call itself. The first that says something counts."""

    kind: str = ""
    customer_number: str = ""
    dialled_number: str = ""
    assistant_id: str = ""
    status: str = ""
    ended_reason: str = ""

    @property
    def is_complete(self) -> bool:
        return bool(self.kind and self.customer_number and self.dialled_number and self.assistant_id)


@dataclass(slots=True)
class Ledger:
    """All rows of one call, read. `count` and `last_id` say which rows those are.

    `of` is when the call's row was made: a call that was erased and comes back has another ledger.
    """

    of: datetime | None = None
    count: int = 0
    last_id: int = 0
    last_received_at: datetime | None = None
    events: list[Event] = field(default_factory=list)
    details: Details = field(default_factory=Details)
    report: Report | None = None
    conversation: list[dict[str, Any]] = field(default_factory=list)
    conversation_at: datetime | None = None

    def add(self, row: WebhookEvent) -> None:
        self.count += 1
        self.last_id = max(self.last_id, row.pk)
        self.last_received_at = max(self.last_received_at or row.received_at, row.received_at)
        body = bytes(row.body)
        message = _message(body)
        event = _event(row, message)
        self.events.append(event)
        _learn(self.details, message)
        if event.type in phases.REPORTS:
            report = read_report(message_tree(body))
            self.report = report if self.report is None else self.report.completed_by(report)
        elif event.type == _CONVERSATION and row.at >= (self.conversation_at or row.at):
            self.conversation = conversation_lines(message_tree(body))
            self.conversation_at = row.at


class Cache:
    """The ledgers read last, in order of use, bounded by the number of their events. One thread at a time."""

    def __init__(self, most_events: int = MOST_CACHED_EVENTS) -> None:
        self._most = most_events
        self._size = 0
        self._ledgers: OrderedDict[UUID, Ledger] = OrderedDict()

    def take(self, call_id: UUID) -> Ledger:
        """Return the ledger and forget it; `put` brings it back, unless something failed in between."""
        ledger = self._ledgers.pop(call_id, None)
        if ledger is None:
            return Ledger()
        self._size -= len(ledger.events)
        return ledger

    def put(self, call_id: UUID, ledger: Ledger) -> None:
        self.take(call_id)
        self._ledgers[call_id] = ledger
        self._size += len(ledger.events)
        while self._size > self._most and len(self._ledgers) > 1:
            _, oldest = self._ledgers.popitem(last=False)
            self._size -= len(oldest.events)


def load(ledgers: dict[UUID, Ledger], counts: dict[UUID, int]) -> None:
    """Bring `ledgers` up to what PostgreSQL holds; `counts` is how many rows each call had there just before.

    Rows are committed in another order than they are numbered, so a ledger that misses some is read anew.
    """
    _append(ledgers, _rows_after(ledgers))
    incomplete = {key: Ledger(ledger.of) for key, ledger in ledgers.items() if ledger.count < counts.get(key, 0)}
    if incomplete:
        _append(incomplete, _rows_after(incomplete))
        ledgers.update(incomplete)


def _rows_after(ledgers: dict[UUID, Ledger]) -> Iterable[WebhookEvent]:
    """Yield the rows of these calls that they have not seen. One statement, whatever the number of calls."""
    return WebhookEvent.objects.raw(
        """
        SELECT event.id, event.call_id, event.type, event.at, event.received_at, event.body
        FROM unnest(%s::uuid[], %s::bigint[]) AS known (call_id, last_id)
        JOIN calls_webhookevent event ON event.call_id = known.call_id AND event.id > known.last_id
        ORDER BY event.id
        """,
        [list(ledgers), [ledger.last_id for ledger in ledgers.values()]],
    )


def _append(ledgers: dict[UUID, Ledger], rows: Iterable[WebhookEvent]) -> None:
    for row in rows:
        if row.call_id is not None:
            ledgers[row.call_id].add(row)


def message_tree(body: bytes) -> dict[str, Any]:
    """Return the whole message of a stored body, `{}` when there is none."""
    try:
        tree = _read_anything(body)
    except _UNREADABLE:
        return {}
    if not isinstance(tree, dict):
        return {}
    message = tree.get("message")
    if not isinstance(message, dict):
        return tree
    return {"call": tree["call"], **message} if tree.get("call") and not message.get("call") else message


def _message(body: bytes) -> _Message:
    try:
        outer = _read_body(body)
        inner = bytes(outer.message)
        message = _read_message(inner if inner.startswith(b"{") else body)
        if len(bytes(message.call)) <= len(b"null"):
            message.call = outer.call
        return message
    except _UNREADABLE:
        return _Message()


def _event(row: WebhookEvent, message: _Message) -> Event:
    kind, detail, role = row.type, "", _text(message.role).lower()
    spelled = kind.lower().replace(" ", "")
    if kind in ("status-update", "speech-update"):
        detail = _text(message.status).lower()
    elif kind == "transcript" or spelled in (_FINAL, _PARTIAL):
        default = "final" if spelled == _FINAL else "partial"
        kind, detail = "transcript", _text(message.transcript_type).lower() or default
    elif kind in phases.REPORTS:
        detail = _text(message.ended_reason)
    text = _text(message.transcript or message.text) if kind in ("transcript", "assistant.speechStarted") else ""
    role = {"bot": "assistant", "customer": "user"}.get(role, role)
    turn = _turn(message.turn) if kind in ("speech-update", "assistant.speechStarted") else None
    return Event(kind, row.at, row.received_at, role, detail, text[:_LONGEST_LINE], turn)


def _turn(value: Any) -> int | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return int(value) if is_number and 0 <= value <= _MOST_TURNS else None


def _learn(details: Details, message: _Message) -> None:
    if details.is_complete and not message.ended_reason:
        return
    call, customer, phone, assistant = map(
        _object, (message.call, message.customer, message.phone_number, message.assistant)
    )
    details.kind = details.kind or _text(call.get("type"))
    details.customer_number = details.customer_number or _number(customer, call.get("customer"))
    details.dialled_number = details.dialled_number or _number(phone, call.get("phoneNumber"))
    details.status = details.status or _text(call.get("status")).lower()
    details.ended_reason = details.ended_reason or _text(message.ended_reason) or _text(call.get("endedReason"))
    name = _text(call.get("assistantId")) or _text((assistant or _dict(call.get("assistant"))).get("id"))
    details.assistant_id = details.assistant_id or name


def _number(*owners: Any) -> str:
    numbers: Sequence[str] = [_text(_dict(owner).get("number")) for owner in owners]
    return next((number for number in numbers if number), "")


def _object(raw: msgspec.Raw) -> dict[str, Any]:
    text = bytes(raw)
    if not text.startswith(b"{"):
        return {}
    try:
        return _dict(_read_anything(text))
    except _UNREADABLE:
        return {}


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
