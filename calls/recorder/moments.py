"""A call as it stood at one second, and the line along which its phases, stages and tool calls lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from calls.models import Phase, Stage, ToolCall
from calls.phases import Fold, fold
from calls.recorder.tape import Tape, said_at
from calls.refold import stage_and_facts
from calls.tiles import board_words, facts
from crm.models import Appointment, AppointmentStatus


@dataclass(frozen=True)
class Moment:
    """What was known of the call at `seconds`. `viewing` is held or booked, as `viewing_state` says."""

    seconds: int
    phase: str
    stage: str
    status: str
    transcript: list[dict[str, Any]]
    facts: list[tuple[str, str, str]]
    alerts: list[str]
    viewing: Appointment | None
    viewing_state: str
    tools: Sequence[ToolCall]

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The last lines, as many as one reads at a glance."""
        return self.transcript[-4:]

    @property
    def phase_word(self) -> str:
        return board_words()["phases"][self.phase]

    @property
    def stages(self) -> list[tuple[str, str]]:
        """Each stage with how far the call is: done, now or ahead."""
        present = Stage.values.index(self.stage)
        marks = ["done" if n < present else "now" if n == present else "ahead" for n in range(len(Stage.values))]
        return [(str(stage.label), mark) for stage, mark in zip(Stage, marks, strict=True)]


def moment(tape: Tape, seconds: float) -> Moment:
    """Fold what had happened up to `seconds` after the call began; its last second holds all that came to an end."""
    is_last = seconds >= tape.last_second
    seconds = tape.seconds if is_last else max(seconds, 0.0)
    at = tape.at(seconds)
    # The word that a call is over may be stamped later than the end it tells of.
    is_over = is_last and tape.call.phase == Phase.ENDED
    folded = fold((event for event in tape.events if is_over or event.at <= at), at)
    tools = [tool for tool in tape.tools if is_over or tool.at - tape.skew <= at]
    stage, context = stage_and_facts(tools)
    if tape.is_rebuilt and is_last:
        stage, context = tape.call.stage, tape.call.context
    words = board_words()
    viewing, state = _viewing(tape, tools, at)
    return Moment(
        seconds=int(seconds),
        phase=Phase.ENDED if is_over else folded.phase,
        stage=stage,
        status=folded.status,
        transcript=folded.transcript or _reported(tape, at),
        facts=facts(context, words),
        alerts=[words["alerts"].get(alert["code"], alert["code"]) for alert in _alerts(tape, folded, at)],
        viewing=viewing,
        viewing_state=state,
        tools=tools,
    )


def _alerts(tape: Tape, folded: Fold, at: datetime) -> list[dict[str, Any]]:
    """Return the alerts so far; where the phases are near the truth only, those that were raised at the time."""
    if not tape.is_rebuilt:
        return folded.alerts
    return [alert for alert in tape.call.alerts if datetime.fromisoformat(alert["at"]) <= at]


def _reported(tape: Tape, at: datetime) -> list[dict[str, Any]]:
    """Return the lines of a call that was only told of afterwards, as far as they carry times."""
    return [line for line in tape.call.transcript if (said := said_at(line)) and said <= at]


def _viewing(tape: Tape, tools: Sequence[ToolCall], at: datetime) -> tuple[Appointment | None, str]:
    """Return the viewing that the call had booked by then, else the one it held."""
    booked = {tool.facts.get("appointment_id") for tool in tools if not tool.code}
    for viewing in reversed(tape.viewings):
        if viewing.pk in booked:
            return viewing, "booked"
    for viewing in reversed(tape.viewings):
        made = viewing.created_at - tape.skew
        lapses = viewing.expires_at - tape.skew if viewing.expires_at else None
        if made <= at and (at < lapses if lapses else viewing.status != AppointmentStatus.CANCELLED):
            return viewing, "held" if lapses else "booked"
    return None, ""


@dataclass(frozen=True)
class Span:
    """A stretch of the line: from `start` for `width`, both in thousandths of the call."""

    kind: str
    label: str
    start: float
    width: float
    seconds: float


@dataclass(frozen=True)
class Mark:
    """Something that happened at one second: a tool call or an alert."""

    label: str
    seconds: float
    place: float
    tone: str = ""
    tool: ToolCall | None = None


class Line:
    """The call from beginning to end, drawn by the server: its parts in thousandths of the whole."""

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self.whole = max(tape.seconds, 1.0)
        self.words = board_words()

    @cached_property
    def folded(self) -> Fold:
        return fold(self.tape.events, self.tape.ended_at)

    @property
    def phases(self) -> list[Span]:
        moves = [(kind, self.tape.second_of(at)) for kind, at in self.folded.moves if kind != Phase.ENDED]
        return self._spans(moves, self.words["phases"])

    @property
    def stages(self) -> list[Span]:
        moves: list[tuple[str, float]] = [(Stage.QUALIFICATION, 0.0)]
        for tool in self.tape.tools:
            stage, _ = stage_and_facts([tool])
            if Stage.values.index(stage) > Stage.values.index(moves[-1][0]):
                moves.append((stage, self.tape.second_of_ours(tool.at)))
        return self._spans(moves, {str(stage): str(stage.label) for stage in Stage})

    @property
    def tools(self) -> list[Mark]:
        return [self._tool(tool, self.tape.second_of_ours(tool.at)) for tool in self.tape.tools]

    @property
    def alerts(self) -> list[Mark]:
        marks = []
        for alert in _alerts(self.tape, self.folded, self.tape.ended_at):
            second = self.tape.second_of(datetime.fromisoformat(alert["at"]))
            marks.append(
                Mark(self.words["alerts"].get(alert["code"], alert["code"]), second, self._place(second), "warn")
            )
        return marks

    def _tool(self, tool: ToolCall, second: float) -> Mark:
        return Mark(tool.name, second, self._place(second), "bad" if tool.code else "", tool)

    def _place(self, second: float) -> float:
        return round(second / self.whole * 1000, 1)

    def _spans(self, moves: list[tuple[str, float]], words: dict[str, str]) -> list[Span]:
        ends = [second for _, second in moves[1:]] + [self.whole]
        spans = []
        for (kind, start), end in zip(moves, ends, strict=True):
            if end > start:
                width = self._place(end - start)
                spans.append(Span(kind, words[kind], self._place(start), width, round(end - start, 1)))
        return spans
