"""One simulated call: what is said, what the assistant asks of its tools, how it ends; each as Vapi would post it."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field
from typing import Any

from calls.simulator.clock import Clock
from calls.simulator.envelope import Envelope
from calls.simulator.reading import Answer, complaints, read
from calls.simulator.shapes import SHAPES, SHAPES_OF_ONE
from calls.simulator.wire import Outbox, Wire

WORDS_A_SECOND = 2.7
PARTIAL_EVERY_WORDS = 4
TOOL_CALL_TWICE = 0.06
# No scenario gives cause for these.
NEVER_EXPECTED = {"failed", "unknown_tool", "bad_arguments", "unknown_stage", "stage_order"}
NOTHING_SAID = Answer("", "failed", ())
FILLERS = ["Let me check.", "One moment please.", "Let me have a look.", "Just a second."]


@dataclass(eq=False)
class Conversation:
    """A call in progress. `shape` counts through the shapes of tool calls, so that all of them occur."""

    wire: Wire
    envelope: Envelope
    clock: Clock
    rng: random.Random
    shape: int = 0
    turn: int = 0
    tool_calls: int = 0
    started_at: float = 0.0
    is_over: bool = False
    outbox: Outbox = field(init=False)

    def __post_init__(self) -> None:
        self.outbox = Outbox(self.wire, self.rng)

    async def begin(self, *, ask_for_assistant: bool = False) -> None:
        """Ring and be picked up."""
        if ask_for_assistant:
            await self._request_assistant()
        if self.envelope.kind != "webCall":
            self.tell(type="status-update", status="ringing")
            await self.clock.wait(self.rng.uniform(0.8, 2.0))
        self.started_at = self.clock.now
        self.tell(type="status-update", status="in-progress")
        if self.rng.random() < 0.1:
            # Seen in the wild: the same news twice, at another time.
            await self.clock.wait(0.05)
            self.tell(type="status-update", status="in-progress")
        await self.say(self.envelope.persona.first_message)

    def tell(self, **message: Any) -> None:
        """Post a message that wants no answer."""
        self.outbox.put(self.envelope.wrap(message, self.clock.stamp()))

    async def say(self, text: str, *, interrupted: bool = False) -> None:
        """Let the assistant say `text`; interrupted, the caller cuts in about half-way."""
        await self.clock.wait(self.rng.uniform(0.5, 1.1))
        self.tell(type="model-output", output=text.split(" ")[0])
        self.tell(type="speech-update", status="started", role="assistant", turn=self.turn)
        words = text.split(" ")
        spoken = words[: max(1, len(words) // 2)] if interrupted else words
        await self._partials("assistant", spoken)
        if interrupted:
            self.tell(type="user-interrupted")
        else:
            self._final("assistant", text)
        self.tell(type="speech-update", status="stopped", role="assistant", turn=self.turn)
        self.envelope.say("bot", " ".join(spoken), self.clock.now)
        self._conversation_update()

    async def hear(self, text: str, *, misheard: str = "") -> None:
        """Let the caller say `text`; the partials are of `misheard`, which the final corrects."""
        await self.clock.wait(self.rng.uniform(0.4, 1.6))
        self.turn += 1
        self.tell(type="speech-update", status="started", role="user", turn=self.turn)
        await self._partials("user", (misheard or text).split(" "))
        self._final("user", text)
        self.tell(type="speech-update", status="stopped", role="user", turn=self.turn)
        self.envelope.say("user", text, self.clock.now)
        self._conversation_update()

    async def tool(self, name: str, **arguments: Any) -> Answer:
        """Ask for one function and return its answer."""
        return (await self.tools((name, arguments)))[0]

    async def tools(self, *requests: tuple[str, dict[str, Any]]) -> list[Answer]:
        """Ask for functions in one message, as parallel tool calls, and return their answers in order."""
        await self.clock.wait(self.rng.uniform(0.3, 0.8))
        called = [(self._tool_call_id(), name, arguments) for name, arguments in requests]
        shapes = SHAPES_OF_ONE if len(called) == 1 else SHAPES
        part = shapes[self.shape % len(shapes)](called)
        self.shape += 1
        body = self.envelope.wrap(part, self.clock.stamp())
        sent_at = time.monotonic()
        copies = 2 if self.rng.random() < TOOL_CALL_TWICE else 1
        replies = await asyncio.gather(*(self.wire.post(body) for _ in range(copies)))
        self.clock.catch_up(time.monotonic() - sent_at)
        if any(reply != replies[0] for reply in replies):
            self.wire.tally.error(f"{called[0][1]}: the same tool call got two answers")
        answers = [self._result(replies[0], *request) for request in called]
        for (tool_call_id, name, arguments), answer in zip(called, answers, strict=True):
            self.envelope.say(
                "tool_calls", name, self.clock.now, toolCalls=[{"id": tool_call_id, "arguments": arguments}]
            )
            self.envelope.say("tool_call_result", answer.text, self.clock.now, toolCallId=tool_call_id, name=name)
        return answers

    async def silence(self, seconds: float) -> None:
        """Let nobody say anything."""
        await self.clock.wait(seconds)
        self.tell(type="hang")

    async def cut(self, reason: str) -> None:
        """End the call without ceremony: the simulator is being stopped."""
        self.outbox.close()
        now = self.clock.now
        report = self.envelope.report(reason=reason, started_at=self.started_at or now, ended_at=now, analysis={})
        for message in ({"type": "status-update", "status": "ended", "endedReason": reason}, report):
            await self.wire.post(self.envelope.wrap(message, self.clock.stamp()))

    async def end(self, reason: str, *, summary: str = "", data: dict[str, Any] | None = None) -> None:
        """Hang up: the end of the call and, usually after it, the report. Returns once all is delivered."""
        await self.clock.wait(self.rng.uniform(0.2, 0.6))
        self.is_over = True
        ended_at = self.clock.now
        analysis = {"summary": summary, "structuredData": data or {}, "successEvaluation": "true"} if summary else {}
        started_at = self.started_at or ended_at
        report = self.envelope.report(reason=reason, started_at=started_at, ended_at=ended_at, analysis=analysis)
        last = [{"type": "status-update", "status": "ended", "endedReason": reason}, report]
        if self.rng.random() < 0.15:
            last.reverse()
        for message in last:
            self.tell(**message)
            await self.clock.wait(1.3)
        await self.outbox.drain()

    def _tool_call_id(self) -> str:
        self.tool_calls += 1
        prefix = "toolu_" if self.tool_calls % 5 == 0 else "call_"
        return f"{prefix}{self.envelope.call_id[-12:]}{self.tool_calls:02d}"

    def _result(self, reply: Any, tool_call_id: str, name: str, arguments: dict[str, Any]) -> Answer:
        """Find the answer to one tool call in the reply, as strictly as Vapi does."""
        reply = reply if isinstance(reply, dict) else {}
        # An old assistant's function call may be answered in the old way.
        results = reply.get("results") or [{"toolCallId": tool_call_id, "result": reply.get("result")}]
        mine = [r for r in results if isinstance(r, dict) and r.get("toolCallId") == tool_call_id]
        if len(mine) != 1 or not isinstance(mine[0].get("result"), str):
            self.wire.tally.error(f"{name}: no result returned for {tool_call_id}")
            return NOTHING_SAID
        text = mine[0]["result"]
        for complaint in complaints(text):
            self.wire.tally.error(f"{name}: result is or has: {complaint}")
        answer = read(text)
        if answer.code in NEVER_EXPECTED:
            self.wire.tally.remark(f"{name}: {text}")
        return answer

    async def _request_assistant(self) -> None:
        reply = await self.wire.post(self.envelope.wrap_request(self.clock.stamp()))
        offered = reply if isinstance(reply, dict) else {}
        if not (offered.get("assistantId") or offered.get("assistant")):
            self.wire.tally.error("assistant-request: the answer names no assistant")

    async def _partials(self, role: str, words: list[str]) -> None:
        """Post cumulative partial transcripts while the words are spoken."""
        for end in range(PARTIAL_EVERY_WORDS, len(words) + PARTIAL_EVERY_WORDS, PARTIAL_EVERY_WORDS):
            spoken = words[:end]
            await self.clock.wait(min(PARTIAL_EVERY_WORDS, len(words)) / WORDS_A_SECOND)
            self.tell(type="transcript", role=role, transcriptType="partial", transcript=" ".join(spoken))

    def _final(self, role: str, text: str) -> None:
        kind = 'transcript[transcriptType="final"]' if self.rng.random() < 0.1 else "transcript"
        self.tell(type=kind, role=role, transcriptType="final", transcript=text)

    def _conversation_update(self) -> None:
        formatted = self.envelope.conversation()
        self.tell(type="conversation-update", messages=self.envelope.messages[-40:], messagesOpenAIFormatted=formatted)
