"""One stream per call: a newer request ends the older one, a client that goes ends its own, and calls never meet."""

from __future__ import annotations

import asyncio
import time
import uuid

import pytest

from calls.llm.errors import Failure
from calls.llm.lanes import Lanes
from calls.llm.proxy import proxy
from calls.llm.streams import Streams
from calls.tests.llm.client import Reply
from calls.tests.llm.model_server import Act, ModelServer
from calls.tests.llm.test_faults import events
from calls.webhook.kinds import LLM_TURN

SLOW = Act(words=[f"word{n} " for n in range(100)], pause=0.02)


async def until(condition, seconds: float = 3.0) -> float:
    """Return how long it took until `condition()` was true."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < seconds
        await asyncio.sleep(0.002)
    return time.monotonic() - started


async def speaking(llm, model: ModelServer, call: str = "call-1", **more) -> tuple[asyncio.Task, Reply]:
    """Begin an answer, and return when its first words are out."""
    reply = Reply()
    task = asyncio.create_task(llm.chat(call, "Tell me all.", reply=reply, **more))
    await until(lambda: reply.first_at is not None or task.done())
    return task, reply


async def test_a_newer_request_ends_the_older_one_and_its_upstream_at_once(llm, model):
    model.script.append(SLOW)
    older, reply = await speaking(llm, model)

    started = time.monotonic()
    newer = await llm.chat("call-1", "Wait, only the price.")
    await older
    await until(lambda: model.seen[0].gone_at is not None)

    assert newer.text == "Hello there."
    assert model.seen[0].gone_at - started < 0.1
    assert reply.is_over
    assert reply.finish == "stop"
    assert reply.text.count("word") < 100
    interrupted, whole = sorted(await events("call-1", LLM_TURN, 2), key=lambda turn: not turn["interrupted"])
    assert (interrupted["text"], interrupted["interruptedBy"]) == (reply.text, "superseded")
    assert (whole["text"], whole["interrupted"]) == ("Hello there.", False)


async def test_a_client_that_goes_ends_the_upstream_within_a_tenth_of_a_second(llm, model):
    model.script.append(SLOW)
    gone = asyncio.Event()
    task, reply = await speaking(llm, model, gone=gone)

    went = time.monotonic()
    gone.set()
    await task
    await until(lambda: model.seen[0].gone_at is not None)

    assert model.seen[0].gone_at - went < 0.1
    (turn,) = await events("call-1", LLM_TURN)
    assert (turn["interruptedBy"], turn["text"]) == ("gone", reply.text)
    assert len(proxy().streams) == 0


@pytest.mark.parametrize("act", [Act(wait=5), Act(first=5)])
async def test_a_client_that_goes_before_the_first_word_ends_the_upstream_too(llm, model, act):
    model.script.append(act)
    gone = asyncio.Event()
    task = asyncio.create_task(llm.chat("call-1", gone=gone))
    await until(lambda: model.seen)

    gone.set()
    assert await until(lambda: model.seen[0].gone_at is not None) < 0.1
    await task


async def test_two_requests_at_the_same_moment_leave_one_answer(llm, model):
    model.answer = lambda body: Act(words=["A ", body["messages"][-1]["content"]], first=0.05)

    replies = await asyncio.gather(*(llm.chat("call-1", f"question {n}") for n in range(6)))

    assert [reply.text for reply in replies] == [""] * 5 + ["A question 5"]
    assert all(reply.finish == "stop" for reply in replies)
    assert model.most_active <= 2


async def test_a_superseded_whole_answer_is_answered_too(llm, model):
    model.script.append(Act(first=5))
    older = asyncio.create_task(llm.chat("call-1", stream=False))
    await until(lambda: model.seen)
    await llm.chat("call-1")

    (choice,) = (await older).json()["choices"]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("", "stop")


async def test_other_calls_and_requests_without_a_call_go_on(llm, model):
    model.answer = lambda body: Act(words=["a", "b", "c"], pause=0.03)

    replies = await asyncio.gather(llm.chat("call-1"), llm.chat("call-2"), llm.chat(None), llm.chat(None))

    assert [reply.text for reply in replies] == ["abc"] * 4


class Marked:
    """A stream that notes its end."""

    def __init__(self, call_id: uuid.UUID) -> None:
        self.call_id = call_id
        self.generation = self.overtaken_by = 0
        self.is_over = False

    def supersede(self) -> None:
        self.is_over = True


@pytest.fixture
async def processes(settings):
    """Two processes' worth of streams on one Valkey."""
    made = [Streams(settings.REDIS_URL, 60) for _ in range(2)]
    for streams in made:
        streams.start()
        await asyncio.wait_for(streams.listening.wait(), 3)
    yield made
    for streams in made:
        await streams.close()


async def test_a_newer_request_in_another_process_ends_the_older_one(processes):
    call, other = uuid.uuid4(), uuid.uuid4()
    older, newer, bystander = Marked(call), Marked(call), Marked(other)
    processes[0].begin(older)
    processes[0].begin(bystander)
    await until(lambda: older.generation)

    processes[1].begin(newer)

    assert await until(lambda: older.is_over) < 0.1
    assert not newer.is_over
    assert not bystander.is_over
    assert newer.generation > older.generation


async def test_of_many_requests_in_two_processes_the_last_one_stays(processes):
    call = uuid.uuid4()
    made = []
    for number in range(20):
        made.append(Marked(call))
        processes[number % 2].begin(made[-1])
    await until(lambda: all(stream.generation for stream in made))
    await until(lambda: sum(not stream.is_over for stream in made) == 1)

    (last,) = (stream for stream in made if not stream.is_over)
    assert last.generation == max(stream.generation for stream in made)


async def test_without_valkey_a_process_still_keeps_one_stream_per_call(settings):
    streams = Streams("redis://127.0.0.1:1/0", 60)
    call = uuid.uuid4()
    older, newer = Marked(call), Marked(call)
    streams.begin(older)
    streams.begin(newer)
    streams.end(older)

    assert (older.is_over, newer.is_over, len(streams)) == (True, False, 1)
    await streams.close()


async def test_more_answers_than_places_wait_their_turn(llm, model, settings):
    settings.LLM_MAX_STREAMS = 3
    model.answer = lambda body: Act(words=["a", "b"], pause=0.02)

    replies = await asyncio.gather(*(llm.chat(f"call-{n}") for n in range(12)))

    assert [reply.text for reply in replies] == ["ab"] * 12
    assert model.most_active == 3


async def test_waiting_too_long_for_a_place_ends_with_the_sentence(llm, model, settings):
    settings.LLM_MAX_STREAMS, settings.LLM_TIMEOUT_SECONDS = 1, 1
    model.script.append(SLOW)
    busy, _ = await speaking(llm, model, "call-1")

    reply = await llm.chat("call-2")

    assert reply.text.startswith("I'm having trouble")
    busy.cancel()


async def test_lanes_are_served_in_turn():
    lanes = Lanes(1)
    order: list[str] = []

    async def work(lane: str) -> None:
        async with lanes.place(lane):
            order.append(lane)
            await asyncio.sleep(0)

    await asyncio.gather(*(work(lane) for lane in ("first", "loud", "loud", "loud", "loud", "quiet", "calm")))

    assert order == ["first", "loud", "quiet", "calm", "loud", "loud", "loud"]
    assert lanes.waiting == 0


async def test_a_place_given_up_is_not_lost():
    lanes = Lanes(1)
    holding, release = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        async with lanes.place("a"):
            holding.set()
            await release.wait()

    async def want() -> None:
        async with lanes.place("b"):
            pass

    holder = asyncio.create_task(hold())
    await holding.wait()
    waiting = [asyncio.create_task(want()) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[1].cancel()
    await asyncio.sleep(0)
    release.set()
    # At the very moment in which the place comes.
    await holder
    waiting[0].cancel()
    await asyncio.gather(*waiting, return_exceptions=True)

    async with asyncio.timeout(1), lanes.place("c"):
        pass


async def test_too_many_waiting_are_refused(monkeypatch):
    monkeypatch.setattr("calls.llm.lanes._MOST_WAITING", 0)
    lanes = Lanes(1)
    async with lanes.place("a"):
        with pytest.raises(Failure):
            async with lanes.place("b"):
                pass
