"""One telephone line: posts to the webhook what Vapi would post during a call, one message after the other.

Unlike the simulator's conversation nothing is left to chance: rehearsals and people repeat what they did.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from calls.simulator.envelope import Envelope
from calls.simulator.reading import Answer, read
from calls.simulator.shapes import SHAPES, SHAPES_OF_ONE

Post = Callable[[dict[str, Any]], Awaitable[Any]]
Request = tuple[str, dict[str, Any]]

WORDS_A_SECOND = 2.7
PAUSE_SECONDS = 0.6
NOTHING_SAID = Answer("", "failed", ())


class Clock(Protocol):
    """Tells the time of a call in seconds since 1970, and lets some of it pass."""

    @property
    def now(self) -> float: ...
    def let_pass(self, seconds: float) -> None: ...


class WallClock:
    """The time on the wall, which passes by itself."""

    @property
    def now(self) -> float:
        return time.time()

    def let_pass(self, seconds: float) -> None:
        pass


@dataclass
class Line:
    """A call from its first ring to its report.

    `unusable` collects what Vapi could not have used, `answers` what the tools said.
    """

    envelope: Envelope
    post: Post
    clock: Clock = field(default_factory=WallClock)
    turn: int = 0
    tool_calls: int = 0
    started_at: float = 0.0
    last_stamp: int = 0
    # Which shape the next tool call takes, so that all of them occur; None for the one that Vapi sends today.
    shape: int | None = None
    unusable: list[str] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)

    async def tell(self, **message: Any) -> Any:
        """Post one message and return the decoded answer."""
        self.last_stamp = max(round(self.clock.now * 1000), self.last_stamp + 1)
        return await self.post(self.envelope.wrap(message, self.last_stamp))

    async def begin(self) -> None:
        """Ring, be picked up, and let the assistant greet."""
        if self.envelope.kind != "webCall":
            await self.tell(type="status-update", status="ringing")
            self.clock.let_pass(1.5)
        self.started_at = self.clock.now
        await self.tell(type="status-update", status="in-progress")
        if self.envelope.persona.first_message:
            await self.say(self.envelope.persona.first_message)

    async def say(self, text: str, *, cut: bool = False) -> None:
        """Let the assistant say `text`; `cut`, the caller talks over its second half."""
        words = text.split(" ")
        spoken = " ".join(words[: max(1, len(words) // 2)] if cut else words)
        self.clock.let_pass(PAUSE_SECONDS)
        await self.tell(type="speech-update", status="started", role="assistant", turn=self.turn)
        await self._transcript("assistant", spoken, is_final=not cut)
        if cut:
            await self.tell(type="user-interrupted")
        await self.tell(type="speech-update", status="stopped", role="assistant", turn=self.turn)
        self.envelope.say("bot", spoken, self.clock.now)

    async def hear(self, text: str) -> None:
        """Let the caller say `text`."""
        self.turn += 1
        self.clock.let_pass(PAUSE_SECONDS)
        await self.tell(type="speech-update", status="started", role="user", turn=self.turn)
        await self._transcript("user", text, is_final=True)
        await self.tell(type="speech-update", status="stopped", role="user", turn=self.turn)
        self.envelope.say("user", text, self.clock.now)

    async def tool(self, name: str, **arguments: Any) -> Answer:
        """Ask for one function and return its answer."""
        return (await self.tools([(name, arguments)]))[0]

    async def tools(self, requests: list[Request]) -> list[Answer]:
        """Ask for functions in one message and return their answers in order."""
        called = [(self._tool_call_id(), name, arguments) for name, arguments in requests]
        shapes = SHAPES_OF_ONE if len(called) == 1 else SHAPES
        part = shapes[(self.shape or 0) % len(shapes)](called)
        if self.shape is not None:
            self.shape += 1
        reply = await self.tell(**part)
        answers = [self._answer(reply, tool_call_id, name) for tool_call_id, name, _ in called]
        self.answers += answers
        for (tool_call_id, name, arguments), answer in zip(called, answers, strict=True):
            asked = [{"id": tool_call_id, "arguments": arguments}]
            self.envelope.say("tool_calls", name, self.clock.now, toolCalls=asked)
            self.envelope.say("tool_call_result", answer.text, self.clock.now, toolCallId=tool_call_id, name=name)
        return answers

    async def end(self, reason: str, *, summary: str = "") -> None:
        """Hang up: the end of the call and its report."""
        self.clock.let_pass(PAUSE_SECONDS)
        now = self.clock.now
        await self.tell(type="status-update", status="ended", endedReason=reason)
        analysis = {"summary": summary, "successEvaluation": "true"} if summary else {}
        await self.tell(
            **self.envelope.report(reason=reason, started_at=self.started_at or now, ended_at=now, analysis=analysis)
        )

    async def _transcript(self, role: str, text: str, *, is_final: bool) -> None:
        """Post what is recognised half-way and, unless it is talked over, at the end."""
        words = text.split(" ")
        seconds = len(words) / WORDS_A_SECOND
        half = " ".join(words[: max(1, len(words) // 2)]) if is_final else text
        self.clock.let_pass(seconds / 2)
        await self.tell(type="transcript", role=role, transcriptType="partial", transcript=half)
        self.clock.let_pass(seconds / 2)
        if is_final:
            await self.tell(type="transcript", role=role, transcriptType="final", transcript=text)

    def _tool_call_id(self) -> str:
        self.tool_calls += 1
        return f"call_{self.envelope.call_id[-12:]}{self.tool_calls:02d}"

    def _answer(self, reply: Any, tool_call_id: str, name: str) -> Answer:
        """Find the answer to one tool call in the reply, as strictly as Vapi does."""
        reply = reply if isinstance(reply, dict) else {}
        # The single function call of old assistants is answered in the old way.
        results = reply.get("results") or [{"toolCallId": tool_call_id, "result": reply.get("result")}]
        mine = [each for each in results if isinstance(each, dict) and each.get("toolCallId") == tool_call_id]
        if len(mine) != 1 or not isinstance(mine[0].get("result"), str):
            self.unusable.append(f"{name}: no result came back for {tool_call_id}")
            return NOTHING_SAID
        return read(mine[0]["result"])
