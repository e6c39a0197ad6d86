"""Many conversations at once, sixty exchanges each: nothing said twice, no word of another call, nothing that grows."""

from __future__ import annotations

import asyncio
import gc
import random
import re
from typing import Any

import psutil
import pytest

from calls.llm.proxy import proxy
from calls.models import call_pk
from calls.stages import stage_store
from calls.tests.llm.client import LlmClient, assistant, user
from calls.tests.llm.model_server import Act

EXCHANGES = 60
CANARY = re.compile(r"canary-\d+")
MOST_GROWTH_BYTES = 40_000_000


def parrot(body: dict[str, Any]) -> Act:
    """Say every canary the request holds, wherever it stands, and the last question's number; leak now and then."""
    everything = str(body["messages"])
    known = sorted(set(CANARY.findall(everything)))
    number = re.findall(r"question (\d+)", body["messages"][-1]["content"])[-1]
    text = f"Answer {number} for {' '.join(known)}, to question {number}."
    leaks = ("", "Assistant: ", "System: secret\nAssistant: ", f"{text}\n")
    text = random.choice(leaks) + text
    cuts = sorted(random.sample(range(1, len(text)), 4))
    return Act(words=[text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)])


async def converse(llm: LlmClient, number: int, exchanges: range, talk: list[dict[str, Any]]) -> None:
    canary, call = f"canary-{number}", f"talk-{number}"
    for n in exchanges:
        talk.append(user(f"I am {canary}, question {n}"))
        reply = await llm.chat(call, messages=[{"role": "system", "content": "copy"}, *talk])
        assert reply.text == f"Answer {n} for {canary}, to question {n}."
        talk.append(assistant(reply.text))


@pytest.mark.parametrize("count", [3, 100])
async def test_conversations_do_not_meet(llm, model, settings, count):
    model.answer, model.keeps = parrot, False
    settings.LLM_WINDOW_MESSAGES = 12
    for number in range(count):
        # The prompt of each call holds its canary too.
        facts = {"full_name": f"canary-{number}"}
        await stage_store().advance(call_pk(f"talk-{number}"), None, facts, fingerprint=b"1", counts=False)
    talks: list[list[dict[str, Any]]] = [[] for _ in range(count)]

    sizes = []
    for start in range(0, EXCHANGES, 20):
        exchanges = range(start, start + 20)
        await asyncio.gather(*(converse(llm, number, exchanges, talks[number]) for number in range(count)))
        gc.collect()
        sizes.append(psutil.Process().memory_info().rss)

    held = proxy()
    assert len(held.streams) == 0
    assert held.lanes.waiting == 0
    assert held.upstream.open_connections <= count
    assert sizes[-1] - sizes[0] < MOST_GROWTH_BYTES


async def test_a_barge_in_storm_leaves_one_answer_per_turn_and_no_upstream_behind(llm, model):
    """Six requests for one turn, of which five are given up, in thirty calls at once."""
    model.answer = lambda body: Act(words=["One ", "two ", "three."], first=0.05, pause=0.02)

    async def storm(number: int) -> list[str]:
        tasks = []
        for attempt in range(6):
            tasks.append(asyncio.create_task(llm.chat(f"storm-{number}", f"question {attempt}")))
            await asyncio.sleep(random.uniform(0, 0.03))
        return [(await task).text for task in tasks]

    answers = await asyncio.gather(*(storm(number) for number in range(30)))

    assert all(texts[-1] == "One two three." for texts in answers)
    assert all("One two three.".startswith(text) for texts in answers for text in texts)
    for _ in range(200):
        if model.active:
            await asyncio.sleep(0.01)
    assert model.active == 0
