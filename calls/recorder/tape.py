"""Everything a call is folded from, on one clock that begins with the call."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

from django.utils import timezone

from calls import events
from calls.events import Cache, Ledger
from calls.models import Call, Phase, ToolCall
from calls.phases import Event
from calls.refold import clock_skew
from crm.models import Appointment

# A slider asks again and again about the same call.
_cache = Cache(most_events=50_000)
_cache_lock = Lock()
# How fast people and assistants speak, where nothing says when a line ended.
_SECONDS_A_WORD = 0.38
_LONGEST = timedelta(days=1)


@dataclass(frozen=True)
class Tape:
    """One call's events, tool calls and viewings. `skew` is how far our clock is ahead of the events'.

    `is_rebuilt`: the ledger is gone, so the events are made from the transcript and phases are near the truth only.
    """

    call: Call
    events: Sequence[Event]
    tools: Sequence[ToolCall]
    viewings: Sequence[Appointment]
    skew: timedelta
    began_at: datetime
    ended_at: datetime
    is_rebuilt: bool

    @property
    def seconds(self) -> float:
        return (self.ended_at - self.began_at).total_seconds()

    @property
    def last_second(self) -> int:
        """Return the last second that a slider in whole seconds can stand at; no clock shows more."""
        return int(self.seconds)

    def second_of(self, at: datetime) -> float:
        """Return the second of the call at which an event happened, not before its beginning."""
        return min(max((at - self.began_at).total_seconds(), 0.0), self.seconds)

    def second_of_ours(self, at: datetime) -> float:
        """Return the second of the call at which something of ours (a tool call, a viewing) was written."""
        return self.second_of(at - self.skew)

    def at(self, seconds: float) -> datetime:
        return self.began_at + timedelta(seconds=seconds)


def tape_of(call: Call, now: datetime | None = None) -> Tape:
    """Return the tape of a call; three statements."""
    now = now or timezone.now()
    ledger = _ledger(call)
    tools = list(call.tool_calls.select_related("stage_prompt").order_by("at", "pk"))
    viewings = list(Appointment.objects.filter(call_id=call.pk).select_related("listing", "agent").order_by("pk"))
    found = ledger.events or list(rebuilt(call))
    skew = clock_skew(ledger, now) if ledger.events else timedelta()
    began = call.started_at or min((event.at for event in found), default=call.created_at)
    last = max((event.at for event in found), default=began)
    ended = (call.ended_at or last) if call.phase == Phase.ENDED else now - skew
    ended = min(max(ended, began), began + _LONGEST)
    return Tape(call, found, tools, viewings, skew, began, ended, is_rebuilt=not ledger.events)


def _ledger(call: Call) -> Ledger:
    """Return the call's whole ledger; only what came since the last time is read again."""
    with _cache_lock:
        kept = _cache.take(call.pk)
    ledgers = {call.pk: kept if kept.of == call.created_at else Ledger(call.created_at)}
    events.load(ledgers, {call.pk: call.projected_events})
    with _cache_lock:
        _cache.put(call.pk, ledgers[call.pk])
    return ledgers[call.pk]


def rebuilt(call: Call) -> Iterator[Event]:
    """Yield what must have happened, told by the columns of a call whose ledger is gone."""
    if call.started_at:
        yield _event("status-update", call.started_at, detail="in-progress")
    lines = [(line, at) for line in call.transcript if (at := said_at(line))]
    nexts = [at for _, at in lines[1:]] + [call.ended_at]
    for (line, at), following in zip(lines, nexts, strict=True):
        yield from _line_events(line, at, following)
    if call.ended_at:
        yield _event("status-update", call.ended_at, detail="ended")


def said_at(line: dict[str, Any]) -> datetime | None:
    """Return when a line of a transcript was said, if it says so."""
    try:
        at = datetime.fromisoformat(line.get("at") or "")
    except (TypeError, ValueError):
        return None
    return at if at.tzinfo else None


def _line_events(line: dict[str, Any], at: datetime, following: datetime | None) -> Iterator[Event]:
    role, text = str(line.get("role", "")), str(line.get("text", ""))
    length = timedelta(seconds=0.4 + len(text.split()) * _SECONDS_A_WORD)
    end = at + length if following is None else max(at, min(at + length, following))
    if role != "assistant":
        # A caller's line is known once it is over; until then the assistant listens.
        yield _event("transcript", end, role=role, detail="final", text=text)
        return
    yield _event("speech-update", at, role=role, detail="started")
    yield _event("transcript", at, role=role, detail="final", text=text)
    if line.get("interrupted"):
        yield _event("user-interrupted", end)
    yield _event("speech-update", end, role=role, detail="stopped")


def _event(kind: str, at: datetime, role: str = "", detail: str = "", text: str = "") -> Event:
    return Event(kind, at, at, role, detail, text)
