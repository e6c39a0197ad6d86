"""Simulated calls for as long as the desk runs: some callers always on the line, at the pace of life."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from asgiref.sync import sync_to_async
from django.utils import timezone

from calls.demo.assistants import PERSONAS
from calls.demo.remove import demo_calls, remove_simulated
from calls.models import Phase
from calls.simulator.clock import Clock
from calls.simulator.conversation import Conversation
from calls.simulator.envelope import Envelope
from calls.simulator.runner import Cast, Runner, casts
from calls.simulator.wire import ServerAwayError

STOP_SECONDS = 1.0
AWAY_SECONDS = 2.0
PAUSE_SECONDS = (3.0, 20.0)
STAGGER_SECONDS = 7.0
# What older calls made is removed, so that a desk left running does not fill up.
KEPT = timedelta(hours=6)
TIDY_SECONDS = 600.0
# How a call ends that is cut off because the simulator stops.
CUT_REASON = "manually-canceled"


async def play(runner: Runner, concurrency: int) -> None:
    """Keep about `concurrency` calls alive until cancelled; patient while the server is away."""
    await _end_leftovers(runner)
    source = casts(runner.seed)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_tidy())
            for number in range(concurrency):
                group.create_task(_caller(runner, source, number))
    finally:
        await hang_up(runner.live)


async def _caller(runner: Runner, source: Iterator[Cast], number: int) -> None:
    """Play one story after the other, with pauses."""
    # Not the run's seed: after a restart the same callers must not ring in the same rhythm.
    rng = random.Random(f"{runner.run}:{number}")
    await asyncio.sleep(number * STAGGER_SECONDS / runner.speed)
    for cast in source:
        try:
            await runner.play(cast)
        except ServerAwayError:
            while runner.abandoned:
                await _patiently(runner.abandoned.pop())
        await asyncio.sleep(rng.uniform(*PAUSE_SECONDS) / runner.speed)


async def _tidy() -> None:
    while True:
        await asyncio.sleep(TIDY_SECONDS)
        await sync_to_async(remove_simulated)(before=timezone.now() - KEPT)


async def _end_leftovers(runner: Runner) -> None:
    """End the calls that a simulator left open which was killed: nobody is on those lines any more."""
    for vapi_id, assistant_vapi_id in await sync_to_async(_open_calls)():
        persona = next(persona for persona in PERSONAS if persona.vapi_id == assistant_vapi_id)
        envelope = Envelope(vapi_id, persona, created_at=time.time())
        await _patiently(Conversation(runner.wire, envelope, Clock(1), random.Random(vapi_id)))


def _open_calls() -> list[tuple[str, str]]:
    return list(demo_calls().exclude(phase=Phase.ENDED).values_list("vapi_id", "assistant_vapi_id"))


async def _patiently(call: Conversation) -> None:
    """Cut one call off, as soon as there is a server to tell."""
    while True:
        try:
            return await call.cut(CUT_REASON)
        except ServerAwayError:
            await asyncio.sleep(AWAY_SECONDS)


async def hang_up(calls: set[Conversation]) -> None:
    """End what is still on the line, quickly: the server may be going away as well."""
    cuts: list[Any] = [asyncio.create_task(call.cut(CUT_REASON)) for call in calls]
    if cuts:
        _, late = await asyncio.wait(cuts, timeout=STOP_SECONDS)
        for task in late:
            task.cancel()
        await asyncio.gather(*cuts, return_exceptions=True)
