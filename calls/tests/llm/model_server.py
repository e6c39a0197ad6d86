"""A model server for tests and benchmarks: fast, stateful, over real sockets, and as faulty as its script says.

`python -m calls.tests.llm.model_server --port 0` serves answers of a fixed shape and prints its port.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

Body = dict[str, Any]
_STEP_SECONDS = 0.005


@dataclass
class Act:
    """What the server does with one request."""

    words: Sequence[str] = ("Hello", " there.")
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    # Seconds before the status, before the first word, and between words.
    wait: float = 0.0
    first: float = 0.0
    pause: float = 0.0
    finish: str | None = "stop"
    calls: Sequence[list[dict[str, Any]]] = ()
    usage: dict[str, int] | None = None
    # Breaks the connection after so many words; closes it after so many.
    cut_after: int | None = None
    # Sent instead of an answer.
    raw: bytes | None = None
    done: bool = True
    whole: bool = False
    # The size of the pieces in which the bytes leave.
    slice_bytes: int = 0
    length: bool = True


@dataclass
class Seen:
    """One request as it came, and what became of it."""

    path: str
    headers: dict[str, str]
    body: Body
    connection: int
    at: float = 0.0
    gone_at: float | None = None
    is_finished: bool = False

    @property
    def system(self) -> str:
        first = self.body["messages"][0]
        assert first["role"] == "system"
        return str(first["content"])

    @property
    def conversation(self) -> list[dict[str, Any]]:
        return list(self.body["messages"][1:])


class ModelServer:
    """Serves until `stop`. `script` is used up first, then `answer` decides."""

    def __init__(self, answer: Callable[[Body], Act] | None = None, *, ollama: bool = False) -> None:
        self.answer = answer or (lambda _: Act())
        self.script: deque[Act] = deque()
        self.seen: list[Seen] = []
        self.keeps = True
        self.ollama = ollama
        self.active = self.most_active = self.connections = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0

    async def start(self, port: int = 0, **options: Any) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", port, **options)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/{'api' if self.ollama else 'v1'}"

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        number = self.connections
        try:
            while await self._exchange(reader, writer, number):
                pass
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        raw = await reader.readexactly(int(headers.get("content-length", 0)))
        body = json.loads(raw) if raw else {}
        seen = Seen(head[0].split(" ")[1], headers, body, number, time.monotonic())
        if self.keeps:
            self.seen.append(seen)
        act = self.script.popleft() if self.script else self.answer(body)
        self.active += 1
        self.most_active = max(self.most_active, self.active)
        try:
            return await self._act(act, seen, reader, writer)
        except ConnectionError:
            seen.gone_at = time.monotonic()
            raise
        finally:
            self.active -= 1

    async def _act(self, act: Act, seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        async def pause(seconds: float) -> None:
            if not self.keeps:
                await asyncio.sleep(seconds)
                return
            # In small steps, so that the moment in which a client goes is known.
            for _ in range(max(1, round(seconds / _STEP_SECONDS))):
                await asyncio.sleep(_STEP_SECONDS)
                if reader.at_eof():
                    raise ConnectionResetError

        if act.wait:
            await pause(act.wait)
        if act.raw is not None:
            writer.write(act.raw)
            await writer.drain()
            return False
        kind = "application/json" if act.whole or act.status != 200 else "text/event-stream"
        headers = {"Content-Type": kind} | ({"Transfer-Encoding": "chunked"} if act.length else {}) | act.headers
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        writer.write(f"HTTP/1.1 {act.status} X\r\n{lines}\r\n".encode())

        async def chunk(data: bytes) -> None:
            size = act.slice_bytes or len(data)
            for at in range(0, len(data), size):
                part = data[at : at + size]
                writer.write(b"%x\r\n%b\r\n" % (len(part), part) if act.length else part)
                if act.slice_bytes:
                    await writer.drain()
                    await asyncio.sleep(0)
            if reader.at_eof():
                raise ConnectionResetError

        if act.status != 200:
            await chunk(b'{"error":{"message":"no"}}')
        elif act.whole:
            await chunk(json.dumps(_whole(act)).encode())
        else:
            if act.first:
                await pause(act.first)
            for count, words in enumerate(act.words):
                if count == act.cut_after:
                    writer.transport.abort()
                    return False
                if count and act.pause:
                    await pause(act.pause)
                await chunk(self._word(words))
            if act.cut_after is not None and act.cut_after >= len(act.words):
                writer.transport.abort()
                return False
            await chunk(self._end(act))
        if act.length:
            writer.write(b"0\r\n\r\n")
        await writer.drain()
        seen.is_finished = True
        return act.length

    def _word(self, words: str) -> bytes:
        if self.ollama:
            return _line({"model": "m", "message": {"role": "assistant", "content": words}, "done": False})
        return _event({"choices": [{"index": 0, "delta": {"content": words}, "finish_reason": None}]})

    def _end(self, act: Act) -> bytes:
        if self.ollama:
            calls = [{"message": {"role": "assistant", "content": "", "tool_calls": list(call)}} for call in act.calls]
            last = {"done": True, "done_reason": act.finish, "prompt_eval_count": 7, "eval_count": 3}
            return b"".join(_line(line) for line in [*calls, *([last] if act.done else [])])
        out = b"".join(
            _event({"choices": [{"index": 0, "delta": {"tool_calls": call}, "finish_reason": None}]})
            for call in act.calls
        )
        if act.finish:
            out += _event({"choices": [{"index": 0, "delta": {}, "finish_reason": act.finish}]})
        if act.usage:
            out += _event({"choices": [], "usage": act.usage})
        return out + (b"data: [DONE]\n\n" if act.done else b"")


def _whole(act: Act) -> Body:
    message: Body = {"role": "assistant", "content": "".join(act.words)}
    return {"choices": [{"index": 0, "message": message, "finish_reason": act.finish}], "usage": act.usage}


def _event(content: Body) -> bytes:
    return b"data: " + json.dumps({"id": "x", "object": "chat.completion.chunk", **content}).encode() + b"\n\n"


def _line(content: Body) -> bytes:
    return json.dumps(content).encode() + b"\n"


async def serve(port: int, act: Act) -> None:
    """Serve the same answer to everybody until the process ends."""
    server = ModelServer(lambda _: act)
    server.keeps = False
    await server.start(port, backlog=1024)
    print(server.port, flush=True)  # noqa: T201
    await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--first", type=float, default=0.0, help="seconds before the first word")
    parser.add_argument("--pause", type=float, default=0.0, help="seconds between words")
    parser.add_argument("--words", type=int, default=2)
    given = parser.parse_args()
    asyncio.run(
        serve(given.port, Act(words=[f"word{n} " for n in range(given.words)], first=given.first, pause=given.pause))
    )
