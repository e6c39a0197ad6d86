"""Conversations with a real small model through the proxy: nothing of one is heard in another. `make test-model`."""

from __future__ import annotations

import asyncio
import json
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from calls.llm.turn import FALLBACK
from calls.models import call_pk
from calls.stages import stage_store
from calls.tests.llm.client import LlmClient, Reply, assistant, user
from calls.tests.llm.conftest import _secret, llm, touched  # noqa: F401
from config.bootstrap import node_folder

HERE = Path(__file__).resolve().parent
MODEL = HERE / "model.gguf"
START_SECONDS = 120.0
NAMES = ["Zebulon", "Quillan", "Marisol"]
LINES = [
    "Hello, my name is {name} and I am looking for a home.",
    "What is my name?",
    "My budget is two thousand dollars. Please say my name.",
    "Thank you. Say goodbye to me by name.",
]
# The stage each turn is spoken in, and what its prompt says that no other does.
STAGES = [
    ("QUALIFICATION", "find out what the caller is looking for"),
    ("QUALIFICATION", "find out what the caller is looking for"),
    ("BOOKING", "a month, the timeline"),
    ("CONFIRMATION", "Read back the day and time"),
]

pytestmark = pytest.mark.skipif(
    not (HERE / "node_modules" / "node-llama-cpp").exists() or not MODEL.exists(),
    reason="the real model is not installed: make test-model",
)


@pytest.fixture
def seen(tmp_path: Path, settings: Any) -> Iterator[Path]:
    """Run the model; the value is the file of everything it was given to read."""
    written, log = tmp_path / "seen.jsonl", tmp_path / "model.log"
    command = [node_folder() / "node", str(HERE / "server.mjs"), str(MODEL), str(written)]
    with log.open("w") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
    assert process.stdout is not None
    port = process.stdout.readline().strip()
    assert port.isdigit(), log.read_text()
    settings.LLM_URL, settings.LLM_MODEL = f"http://127.0.0.1:{port}/v1", "gemma-3-270m"
    # This machine may be busy, and a quarter of a billion parameters are many for one core.
    settings.LLM_TIMEOUT_SECONDS = 120
    yield written
    process.kill()
    process.wait()


async def converse(client: LlmClient, name: str) -> list[tuple[str, float]]:
    """Return what the model said in each turn, and after how many seconds it began."""
    call, talk, said = f"real-{name}", [], []
    for number, line in enumerate(LINES):
        await move(call, number)
        talk.append(user(line.format(name=name)))
        began, reply = time.monotonic(), Reply()
        await client.chat(call, messages=[{"role": "system", "content": "copy"}, *talk], max_tokens=24, reply=reply)
        assert reply.finish == "stop"
        assert reply.first_at is not None
        said.append((reply.text, reply.first_at - began))
        talk.append(assistant(reply.text))
    return said


async def move(call: str, number: int) -> None:
    facts: dict[str, Any] = {"budget": 2000, "timeline": "in May", "selected_time": "Tuesday at 3"}
    if number and STAGES[number] != STAGES[number - 1]:
        await stage_store().advance(call_pk(call), STAGES[number][0], facts, fingerprint=str(number).encode())


async def test_three_conversations_with_a_real_model_do_not_meet(llm: LlmClient, seen: Path):  # noqa: F811
    talks = await asyncio.gather(*(converse(llm, name) for name in NAMES))

    heard = 0
    for name, said in zip(NAMES, talks, strict=True):
        words = " ".join(text for text, _ in said)
        heard += name in words
        assert [other for other in NAMES if other != name and other.casefold() in words.casefold()] == []
        assert not re.search(r"^\s*(system|user|assistant)\s*:", words, re.IGNORECASE | re.MULTILINE)
        assert "<start_of_turn>" not in words
        assert all(text.strip() for text, _ in said)
    check_what_was_read(seen)
    # So small a model says nothing now and then, or only its prompt: the caller then hears the sentence.
    covered = sum(FALLBACK in text for said in talks for text, _ in said)
    assert covered < len(NAMES) * len(LINES) / 2
    show(talks, heard, covered)


def show(talks: list[list[tuple[str, float]]], heard: int, covered: int) -> None:
    """Say what was seen: `make test-model` is for looking as much as for passing."""
    waits = [wait for said in talks for _, wait in said]
    lines = [
        f"first words after {statistics.median(waits):.2f} s in the middle, {max(waits):.2f} s at most",
        f"own name said in {heard} of {len(NAMES)} conversations, {covered} turns covered up for",
        *(" | ".join(text.strip() for text, _ in said) for said in talks),
    ]
    sys.stderr.write("\n" + "\n".join(lines) + "\n")


def check_what_was_read(seen: Path) -> None:
    """Every request holds one caller's name and the prompt of the stage its turn was in."""
    requests = [json.loads(line) for line in seen.read_text().splitlines()]
    assert len(requests) == len(NAMES) * len(LINES)
    for messages in requests:
        everything = json.dumps(messages)
        (name,) = [name for name in NAMES if name in everything]
        turn = sum(message["role"] == "user" for message in messages) - 1
        assert messages[-1]["content"] == LINES[turn].format(name=name)
        assert STAGES[turn][1] in messages[0]["content"]
        assert "copy" not in [message["content"] for message in messages]
