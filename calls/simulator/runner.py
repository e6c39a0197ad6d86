"""Deals stories and plays them: who calls whom, about what, in which order."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from uuid import UUID, uuid5

from calls.demo.assistants import PERSONAS, Persona
from calls.simulator.clock import USUAL_SECONDS, Clock
from calls.simulator.conversation import Conversation
from calls.simulator.desk import Desk, GiveUpError, Outcome
from calls.simulator.envelope import Envelope
from calls.simulator.meeting import Meeting
from calls.simulator.people import person
from calls.simulator.scenarios import STORIES, Scenario, Story
from calls.simulator.wire import SecretRefusedError, ServerAwayError, Wire

NAMESPACE = UUID("c7c0b3a4-0c1c-5a38-9f0d-5e6a1f1b2d77")


@dataclass(frozen=True)
class Result:
    """One finished call."""

    index: int
    call_id: str
    caller: str
    scenario: str
    outcome: Outcome


@dataclass(frozen=True)
class Cast:
    """A story with the places of its calls and callers in the run."""

    story: Story
    first_call: int
    first_person: int


def casts(seed: str) -> Iterator[Cast]:
    """Yield stories for ever: a seeded shuffle of all of them, then another."""
    calls, people = 0, 0
    for deck_number in count():
        deck = [story for story in STORIES for _ in range(story.share)]
        random.Random(f"{seed}:deck:{deck_number}").shuffle(deck)
        for story in deck:
            yield Cast(story, calls, people)
            calls += story.calls
            people += 2 if story.pair else 1


def limited(seed: str, calls: int) -> Iterator[Cast]:
    """Yield stories of exactly `calls` calls. One that is too long for what is left makes room for a shorter one."""
    left = calls
    for cast in casts(seed):
        if left == 0:
            return
        story = cast.story if cast.story.calls <= left else STORIES[0]
        yield Cast(story, cast.first_call, cast.first_person)
        left -= story.calls


@dataclass
class Runner:
    """Plays calls against one webhook. Same `seed` and `run`: the same calls once more, under the same ids."""

    wire: Wire
    seed: str
    run: str
    speed: float
    on_result: Callable[[Result], None] = lambda result: None
    live: set[Conversation] = field(default_factory=set)
    # Calls that the server has heard of and that broke off because it went away.
    abandoned: list[Conversation] = field(default_factory=list)

    async def play_all(self, calls: int, concurrency: int) -> None:
        """Play exactly `calls` calls, about `concurrency` at once. Raises ServerAwayError or SecretRefusedError."""
        source = limited(self.seed, calls)
        async with asyncio.TaskGroup() as group:
            for _ in range(min(concurrency, calls)):
                group.create_task(self._play_each(source))

    async def _play_each(self, source: Iterator[Cast]) -> None:
        for cast in source:
            await self.play(cast)

    async def play(self, cast: Cast) -> None:
        """Play one story: its two callers at once, or its calls one after the other."""
        story = cast.story
        persona = self._persona(cast)
        if story.pair is not None:
            pair, meeting = story.pair, Meeting()
            await asyncio.gather(
                *(self._call(cast, persona, number, lambda desk: pair(desk, meeting)) for number in range(2))
            )
            return
        home = ""
        for number, part in enumerate(story.parts):
            home = (await self._call(cast, persona, number, part, home=home)).where

    def _persona(self, cast: Cast) -> Persona:
        rng = random.Random(f"{self.seed}:persona:{cast.first_call}")
        outbound = cast.story.kind == "outboundPhoneCall"
        fitting = [p for p in PERSONAS if p.outbound == outbound and (p.address or not cast.story.home)]
        return rng.choice(fitting)

    async def _call(self, cast: Cast, persona: Persona, number: int, scenario: Scenario, *, home: str = "") -> Outcome:
        """Play one call from its first ring to its report."""
        index = cast.first_call + number
        caller = person(self.seed, cast.first_person + (number if cast.story.pair else 0))
        clock = Clock(self.speed, earlier_seconds=self._head_start(cast, number))
        envelope = Envelope(
            call_id=str(uuid5(NAMESPACE, f"{self.seed}:{self.run}:{index}")),
            persona=persona,
            created_at=clock.now,
            kind=cast.story.kind,
            number=None if cast.story.withheld else caller.number,
            metadata={"simulated": True, "scenario": cast.story.name, "seed": self.seed, "run": self.run},
        )
        rng = random.Random(f"{self.seed}:call:{index}")
        call = Conversation(self.wire, envelope, clock, rng, shape=index)
        self.live.add(call)
        try:
            outcome = await self._played(Desk(call, caller, rng, home="" if persona.address else home), scenario)
        except (ServerAwayError, SecretRefusedError):
            self.live.discard(call)
            if call.outbox.has_delivered:
                self.abandoned.append(call)
            raise
        finally:
            call.outbox.close()
        self.live.discard(call)
        self.on_result(Result(index, envelope.call_id, caller.name, cast.story.name, outcome))
        return outcome

    async def _played(self, desk: Desk, scenario: Scenario) -> Outcome:
        try:
            return await scenario(desk)
        except GiveUpError as exc:
            return await desk.call_back(str(exc))

    def _head_start(self, cast: Cast, number: int) -> float:
        """Played faster than life, the first of two calls must still end before the second begins."""
        later_calls = 0 if cast.story.pair else len(cast.story.parts) - 1 - number
        return 2 * USUAL_SECONDS * later_calls if self.speed != 1 else 0.0
