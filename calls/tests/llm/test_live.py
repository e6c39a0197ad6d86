"""The proxy through a real server: its paths, chunks as they come, and a client that hangs up."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator

import httpx
import pytest
import uvicorn

from calls.tests.llm.client import user
from calls.tests.llm.model_server import Act
from calls.tests.webhook.client import SECRET

pytestmark = pytest.mark.django_db(transaction=True)
HEADERS = {"Authorization": f"Bearer {SECRET}"}


@pytest.fixture
async def desk(model) -> AsyncIterator[str]:
    """Run the whole application in front of the model; the value is its address."""
    from config.asgi import application

    running = uvicorn.Server(uvicorn.Config(application, port=0, lifespan="on", log_level="warning"))
    task = asyncio.create_task(running.serve())
    while not running.started:
        await asyncio.sleep(0.02)
        assert not task.done()
    yield f"http://127.0.0.1:{running.servers[0].sockets[0].getsockname()[1]}"
    running.should_exit = True
    await asyncio.wait_for(task, 20)


def asked(call: str) -> dict[str, object]:
    return {"messages": [user("Hello?")], "stream": True, "call": {"id": call}}


@pytest.mark.parametrize(
    "path",
    [
        "/llm/chat/completions",
        "/llm/chat/completions/",
        "/llm/chat/completions/chat/completions",
        "/llm/v1/chat/completions",
    ],
)
async def test_every_path_answers(desk, model, path):
    async with httpx.AsyncClient(base_url=desk, headers=HEADERS) as http:
        streamed = await http.post(path, json=asked("call-1"))
        whole = await http.post(path, json=asked("call-1") | {"stream": False})
        refused = await http.post(path, json=asked("call-1"), headers={"Authorization": "Bearer no"})
        wrong = await http.get(path)

    assert streamed.text.endswith("data: [DONE]\n\n")
    assert whole.json()["choices"][0]["message"]["content"] == "Hello there."
    assert [refused.status_code, wrong.status_code] == [401, 405]


async def test_words_arrive_as_the_model_says_them(desk, model):
    model.script.append(Act(words=["one ", "two ", "three"], pause=0.15))
    arrived: list[tuple[str, float]] = []
    async with (
        httpx.AsyncClient(base_url=desk, headers=HEADERS) as http,
        http.stream("POST", "/llm/chat/completions", json=asked("call-1")) as answer,
    ):
        async for line in answer.aiter_lines():
            if '"content"' in line:
                words = json.loads(line[6:])["choices"][0]["delta"]["content"]
                arrived.append((words, time.monotonic()))

    assert [words for words, _ in arrived] == ["one ", "two ", "three"]
    assert arrived[2][1] - arrived[0][1] > 0.2


async def test_a_caller_who_hangs_up_ends_the_upstream_within_a_tenth_of_a_second(desk, model):
    model.script.append(Act(words=["word "] * 200, pause=0.03))
    async with (
        httpx.AsyncClient(base_url=desk, headers=HEADERS) as http,
        http.stream("POST", "/llm/chat/completions", json=asked("call-1")) as answer,
    ):
        async for _ in answer.aiter_bytes():
            break
    went = time.monotonic()
    for _ in range(200):
        if model.seen[0].gone_at is None:
            await asyncio.sleep(0.005)

    assert model.seen[0].gone_at is not None
    assert model.seen[0].gone_at - went < 0.1
