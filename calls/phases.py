"""The phase machine: a pure fold over a call's events.

Events are taken in the order of Vapi's time, else of their arrival, so it does not matter in which order or how often
they were delivered. The board, the durations and the alerts all read this one fold.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from calls.lines import USER, Lines
from calls.models import Phase

INITIALIZING, LISTENING, THINKING = Phase.INITIALIZING.value, Phase.LISTENING.value, Phase.THINKING.value
RESPONDING, INTERRUPTED, ENDED = Phase.RESPONDING.value, Phase.INTERRUPTED.value, Phase.ENDED.value

# Our own entries in the ledger: a silent call was closed, Vapi was asked about a call, the model did not answer.
EXPIRED, CALL_RECORD, LLM_FALLBACK = "pete.expired", "pete.call-record", "pete.llm-fallback"
REPORTS = frozenset({"end-of-call-report", CALL_RECORD})

VALID = frozenset(
    {
        (INITIALIZING, LISTENING),
        (LISTENING, THINKING),
        # The assistant speaks first, or unasked.
        (LISTENING, RESPONDING),
        (THINKING, RESPONDING),
        (THINKING, LISTENING),
        (RESPONDING, LISTENING),
        (RESPONDING, INTERRUPTED),
        (INTERRUPTED, LISTENING),
    }
)
MOST_INTERRUPTIONS = 5
# Code of the alert and how long the phase may last.
PATIENCE = {
    THINKING: ("thinking_slow", timedelta(seconds=5)),
    RESPONDING: ("responding_long", timedelta(seconds=15)),
    # Vapi hangs up after 30 silent seconds.
    LISTENING: ("silence", timedelta(seconds=20)),
}
# How the assistant says that its model did not answer; a person hears the apostrophe, a transcript may drop it.
FALLBACK_SENTENCES = ("i'm having trouble processing that", "im having trouble processing that")

# The proxy tells of the sentence when it sends it, Vapi when it has been spoken and written down.
SAME_FALLBACK = timedelta(seconds=20)

# None of these reaches us before the call is connected.
_EVIDENCE = frozenset(
    {"transcript", "speech-update", "user-interrupted", "assistant.speechStarted", "tool-calls", "function-call"}
)
_STATUS_RANK = {"": -1, "scheduled": 0, "queued": 1, "ringing": 2, "in-progress": 3, "forwarding": 4, "ended": 9}
_OTHER_STATUS_RANK = 5


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a call, reduced to what the fold reads.

    `detail` is the status of a status-update or speech-update and the transcriptType of a transcript.
    """

    type: str
    at: datetime
    received_at: datetime
    role: str = ""
    detail: str = ""
    text: str = ""
    turn: int | None = None

    @property
    def content(self) -> tuple[str, datetime, str, str, str, int | None]:
        """What makes two deliveries one event."""
        return self.type, self.at, self.role, self.detail, self.text, self.turn

    @property
    def order(self) -> tuple[datetime, int, str, int, str, int]:
        """The place in time. Among events of the same millisecond the order in which such things happen decides."""
        turn = -1 if self.turn is None else self.turn
        return self.at, _rank(self), f"{self.type} {self.role} {self.detail}", len(self.text), self.text, turn


@dataclass(slots=True)
class Fold:
    """What a call's events amount to. `phase_seconds` leaves out the time a live call spends in its present phase."""

    status: str = ""
    phase: str = INITIALIZING
    phase_since: datetime | None = None
    phase_seconds: dict[str, float] = field(default_factory=dict)
    alerts: list[dict[str, Any]] = field(default_factory=list)
    transcript: list[dict[str, Any]] = field(default_factory=list)
    # Each phase with the instant it began, in order.
    moves: list[tuple[str, datetime]] = field(default_factory=list)
    invalid_transitions: int = 0
    interruptions: int = 0
    connected_at: datetime | None = None
    ended_at: datetime | None = None
    is_expired: bool = False
    # When the present phase will have lasted too long, if nothing happens before.
    next_alert_at: datetime | None = None


def fold(events: Iterable[Event], now: datetime) -> Fold:
    """Fold the events of one call, in whatever order and however often they come. `now` ends a live call's phase."""
    machine = _Machine()
    for event in ordered(events):
        machine.take(event)
    return machine.result(now)


def ordered(events: Iterable[Event]) -> list[Event]:
    """Return each event once, in order of time."""
    once = {event.content: event for event in events}.values()
    # A call that was closed because it was silent goes on as soon as anything is heard of it again.
    heard = max((event.received_at for event in once if event.type not in (EXPIRED, LLM_FALLBACK)), default=None)
    kept = [event for event in once if event.type != EXPIRED or heard is None or event.received_at > heard]
    return sorted(kept, key=lambda event: event.order)


def _rank(event: Event) -> int:
    if event.type == "status-update":
        return 9 if event.detail == "ended" else 0
    if event.type == "speech-update":
        return 2 if event.detail == "stopped" else 6
    if event.type == "transcript":
        return 4 if event.detail == "final" else 3
    return {"user-interrupted": 1, EXPIRED: 10}.get(event.type, 9 if event.type in REPORTS else 5)


class _Machine:
    """The fold's state. `take` must be called in order of time."""

    def __init__(self) -> None:
        self.fold = Fold()
        self.lines = Lines()
        self.since: datetime | None = None
        self.seconds = dict.fromkeys((INITIALIZING, LISTENING, THINKING, RESPONDING, INTERRUPTED), 0.0)
        # The last sign of speech, and whether the present phase or silence was already reported as too long.
        self.heard_at: datetime | None = None
        self.is_user_speaking = False
        self.is_reported = False
        self.stopped_turn = -1
        # Fallback sentences that only one of the two has told of: who, and when.
        self.untold: list[tuple[str, datetime]] = []

    def take(self, event: Event) -> None:
        if self.since is None:
            self.since = self.heard_at = event.at
            self.fold.moves.append((INITIALIZING, event.at))
        self._watch(event.at)
        if event.type in _EVIDENCE:
            self._connect(event.at)
        handler = _HANDLERS.get(event.type)
        if handler is not None:
            handler(self, event)

    def status_update(self, event: Event) -> None:
        if event.detail == "in-progress":
            self._connect(event.at)
        elif event.detail == "ended":
            self._end(event)
        self._status(event.detail)

    def report(self, event: Event) -> None:
        if event.detail.startswith("silence"):
            self._alert("silence", event.at)
        self._end(event)

    def expiry(self, event: Event) -> None:
        self.fold.is_expired = self.fold.phase != ENDED
        self._end(event)

    def transcript(self, event: Event) -> None:
        self._hear(event.at)
        if event.detail != "final":
            self.lines.partial(event.role, event.text, event.at)
            return
        self.lines.final(event.role, event.text, event.at)
        if event.role == USER and event.text.strip():
            self._enter(THINKING, event.at)
        elif event.text.casefold().replace("\u2019", "'").startswith(FALLBACK_SENTENCES):
            self.fallback(event)

    def speech_update(self, event: Event) -> None:
        self._hear(event.at)
        if event.role == USER:
            self.is_user_speaking = event.detail == "started"
        elif event.detail == "started":
            self.lines.started()
            self._enter(RESPONDING, event.at)
        elif event.detail == "stopped":
            self.lines.stopped()
            self.stopped_turn = max(self.stopped_turn, -1 if event.turn is None else event.turn)
            self._enter(LISTENING, event.at)

    def speech_started(self, event: Event) -> None:
        # Sent again and again while the words of one turn are spoken, the last ones perhaps after it has stopped.
        if event.turn is None or event.turn > self.stopped_turn:
            self._hear(event.at)
            self._enter(RESPONDING, event.at)

    def interruption(self, event: Event) -> None:
        self._hear(event.at)
        is_speaking = self.fold.phase == RESPONDING
        self.lines.interrupt(self.since if is_speaking else None)
        if not self._enter(INTERRUPTED, event.at):
            return
        self.fold.interruptions += 1
        if self.fold.interruptions == MOST_INTERRUPTIONS + 1:
            self._alert("interruptions", event.at)
        self._enter(LISTENING, event.at)

    def hang(self, event: Event) -> None:
        """Vapi reports that the assistant does not answer: the caller hears nothing."""
        self._alert("silence", event.at)

    def fallback(self, event: Event) -> None:
        """Report a fallback sentence once, though both the proxy and Vapi tell of it."""
        self.untold = [(kind, at) for kind, at in self.untold if event.at - at <= SAME_FALLBACK]
        told = next((known for known in self.untold if known[0] != event.type), None)
        if told is not None:
            self.untold.remove(told)
            return
        self.untold.append((event.type, event.at))
        self._alert("llm_fallback", event.at)

    def result(self, now: datetime) -> Fold:
        fold = self.fold
        if fold.phase != ENDED and self.since is not None:
            self._watch(now)
            fold.next_alert_at = self._alert_due()
        fold.phase_since = self.since
        fold.phase_seconds = {phase: round(seconds, 3) for phase, seconds in self.seconds.items()}
        fold.transcript = [line.shape() for line in self.lines.lines]
        return fold

    def _connect(self, at: datetime) -> None:
        self._status("in-progress")
        if self.fold.phase == INITIALIZING:
            self._enter(LISTENING, at)
        if self.fold.connected_at is None and self.fold.phase != ENDED:
            self.fold.connected_at = at

    def _end(self, event: Event) -> None:
        if self.fold.phase != ENDED:
            self._move(ENDED, event.at)
            self.fold.ended_at = event.at
        self._status("ended")

    def _status(self, word: str) -> None:
        """Keep the word that tells most; `ended` is for ever."""
        if word and _status_rank(word) >= _status_rank(self.fold.status):
            self.fold.status = word

    def _enter(self, phase: str, at: datetime) -> bool:
        """Move to `phase` if the table allows it. A move that it does not allow is counted, a repeat is nothing."""
        if self.fold.phase in (phase, ENDED):
            return False
        if (self.fold.phase, phase) not in VALID:
            self.fold.invalid_transitions += 1
            return False
        self._move(phase, at)
        return True

    def _move(self, phase: str, at: datetime) -> None:
        if self.since is not None:
            self.seconds[self.fold.phase] += (at - self.since).total_seconds()
        self.fold.phase, self.since = phase, at
        self.fold.moves.append((phase, at))
        self.heard_at, self.is_reported = at, False

    def _hear(self, at: datetime) -> None:
        self.heard_at = at
        if self.fold.phase == LISTENING:
            self.is_reported = False

    def _alert_due(self) -> datetime | None:
        """Return when the present phase has lasted too long, or None when that is reported or cannot happen."""
        if self.is_reported or self.fold.phase not in PATIENCE or self.since is None:
            return None
        if self.fold.phase != LISTENING:
            return self.since + PATIENCE[self.fold.phase][1]
        if self.is_user_speaking or self.heard_at is None:
            return None
        return self.heard_at + PATIENCE[LISTENING][1]

    def _watch(self, at: datetime) -> None:
        due = self._alert_due()
        if due is not None and at > due:
            self._alert(PATIENCE[self.fold.phase][0], due)
            self.is_reported = True

    def _alert(self, code: str, at: datetime) -> None:
        if self.fold.phase != ENDED:
            self.fold.alerts.append({"code": code, "at": at.isoformat()})


def _status_rank(word: str) -> int:
    return _STATUS_RANK.get(word, _OTHER_STATUS_RANK)


_HANDLERS = {
    "status-update": _Machine.status_update,
    "end-of-call-report": _Machine.report,
    CALL_RECORD: _Machine.report,
    EXPIRED: _Machine.expiry,
    "transcript": _Machine.transcript,
    "speech-update": _Machine.speech_update,
    "assistant.speechStarted": _Machine.speech_started,
    "user-interrupted": _Machine.interruption,
    "hang": _Machine.hang,
    LLM_FALLBACK: _Machine.fallback,
}
