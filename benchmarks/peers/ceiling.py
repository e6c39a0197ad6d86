"""The bare application with one Valkey script and one committed row per event: the honest ceiling.

Scripts are pipelined and rows committed in groups, over concurrent requests, as the product does it; there is no
product behind them: no tools, no calls, no dashboard, no repeated delivery recognised.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any
from urllib.parse import unquote, urlsplit

import hiredis
import psycopg

from benchmarks.peers.bare import answer, authentic, decode, read, respond

SCRIPT = (
    b"local now=redis.call('HGET',KEYS[1],'s') or 'QUALIFICATION' "
    b"redis.call('HSET',KEYS[1],'s',ARGV[1]) redis.call('EXPIRE',KEYS[1],3600) return now"
)
TABLE = "CREATE TABLE IF NOT EXISTS bench_event (id bigserial PRIMARY KEY, call_id text, body bytea)"
INSERT = "INSERT INTO bench_event (call_id, body) SELECT * FROM unnest(%b::text[], %b::bytea[])"


class Valkey(asyncio.Protocol):
    """Commands of one tick of the event loop leave in one write; answers come back in order."""

    def __init__(self) -> None:
        self.reader = hiredis.Reader()
        self.waiting: list[asyncio.Future[Any]] = []
        self.buffer: list[bytes] = []

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.reader.feed(data)
        answered = 0
        while (reply := self.reader.gets()) is not False:
            self.waiting[answered].set_result(reply)
            answered += 1
        del self.waiting[:answered]

    def run(self, *command: bytes | str) -> asyncio.Future[Any]:
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        self.waiting.append(future)
        if not self.buffer:
            loop.call_soon(self.flush)
        self.buffer.append(hiredis.pack_command(command))
        return future

    def flush(self) -> None:
        self.transport.write(b"".join(self.buffer))
        self.buffer.clear()


class Inbox:
    """Whatever waits is written by one statement and one commit."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, bytes, asyncio.Future[None]]] = []
        self.wake = asyncio.Event()

    async def commit(self, call_id: str, body: bytes) -> None:
        future = asyncio.get_running_loop().create_future()
        self.rows.append((call_id, body, future))
        self.wake.set()
        await future

    async def run(self, connection: psycopg.AsyncConnection[Any]) -> None:
        while True:
            await self.wake.wait()
            rows, self.rows = self.rows, []
            self.wake.clear()
            await connection.execute(INSERT, ([row[0] for row in rows], [row[1] for row in rows]), prepare=True)
            for row in rows:
                row[2].set_result(None)


class State:
    valkey: Valkey
    digest: bytes
    inbox: Inbox
    task: asyncio.Task[None]


async def start() -> None:
    url = urlsplit(os.environ["REDIS_URL"])
    loop = asyncio.get_running_loop()
    if url.scheme == "unix":
        _, State.valkey = await loop.create_unix_connection(Valkey, unquote(url.path))
    else:
        _, State.valkey = await loop.create_connection(Valkey, url.hostname, url.port)
    State.digest = await State.valkey.run("SCRIPT", "LOAD", SCRIPT)
    connection = await psycopg.AsyncConnection.connect(os.environ["DATABASE_URL"], autocommit=True)
    await connection.execute(TABLE)
    State.inbox = Inbox()
    State.task = asyncio.create_task(State.inbox.run(connection))


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
    else:
        await webhook(scope, receive, send)


async def lifespan(receive: Any, send: Any) -> None:
    await receive()
    await start()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


async def webhook(scope: dict[str, Any], receive: Any, send: Any) -> None:
    body = await read(receive)
    if not authentic(scope["headers"]):
        await respond(send, 401, b"{}")
        return
    message = decode(body)["message"]
    call_id = message["call"]["id"]
    await State.valkey.run("EVALSHA", State.digest, "1", "bench:" + call_id, "BOOKING")
    await State.inbox.commit(call_id, body)
    await respond(send, 200, answer(message))
