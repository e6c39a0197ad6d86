"""A small Valkey client: one connection, many requests in flight, replies read in C.

Commands given in one turn of the event loop leave in one write. That, and having nothing else to do, makes it several
times cheaper per command than a general client, which matters because every tool call waits for it.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections import deque
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import parse_qs, unquote, urlsplit

import hiredis

from calls.stages.interface import StoreUnavailable

logger = logging.getLogger(__name__)

_BACKOFF_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0)
_CONNECT_TIMEOUT_SECONDS = 2.0
# Replies that take longer mean that the store hangs; the caller on the phone does not wait for it.
_REPLY_TIMEOUT_SECONDS = 1.0


@dataclass(frozen=True)
class Address:
    """Where a store listens, from a redis://, rediss:// or unix:// URL."""

    host: str = "127.0.0.1"
    port: int = 6379
    path: str = ""
    database: int = 0
    username: str = ""
    password: str = ""
    tls: bool = False

    @classmethod
    def parse(cls, url: str) -> Address:
        parts = urlsplit(url)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        is_socket = parts.scheme == "unix"
        in_path = "" if is_socket else parts.path.strip("/")
        return cls(
            host=parts.hostname or "127.0.0.1",
            port=0 if is_socket else parts.port or 6379,
            path=unquote(parts.path) if is_socket else "",
            database=int(query.get("db") or in_path or 0),
            username=unquote(parts.username or query.get("username", "")),
            password=unquote(parts.password or query.get("password", "")),
            tls=parts.scheme == "rediss",
        )


def pack(*words: bytes | str | int) -> bytes:
    """Return one command in the wire protocol."""
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        raw = word if isinstance(word, bytes) else str(word).encode()
        parts.append(b"$%d\r\n%b\r\n" % (len(raw), raw))
    return b"".join(parts)


class _Connection(asyncio.Protocol):
    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.waiting: deque[asyncio.Future[Any]] = deque()
        self._reader = hiredis.Reader()
        self._outgoing: list[bytes] = []
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        reader, waiting = self._reader, self.waiting
        reader.feed(data)
        while waiting:
            reply = reader.gets()
            if reply is False:
                return
            future = waiting.popleft()
            if not future.done():
                future.set_result(reply)

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        waiting, self.waiting = self.waiting, deque()
        for future in waiting:
            if not future.done():
                future.set_exception(StoreUnavailable("connection lost"))

    def send(self, command: bytes) -> asyncio.Future[Any]:
        future = self._loop.create_future()
        self.waiting.append(future)
        if not self._outgoing:
            self._loop.call_soon(self._flush)
        self._outgoing.append(command)
        return future

    def _flush(self) -> None:
        data = b"".join(self._outgoing)
        self._outgoing.clear()
        if self.transport is not None:
            self.transport.write(data)


class Pipeline:
    """Keeps one connection and comes back by itself. While it is away, requests fail at once."""

    def __init__(self, url: str) -> None:
        self._address = Address.parse(url)
        self._connection: _Connection | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._watching: asyncio.TimerHandle | None = None
        self._seen: asyncio.Future[Any] | None = None
        self._attempt = 0
        self._retry_at = 0.0

    def send(self, command: bytes) -> asyncio.Future[Any] | None:
        """Return the future reply, or None when there is no connection: `connected` makes one."""
        connection = self._connection
        if connection is None or connection.transport is None:
            return None
        future = connection.send(command)
        if self._watching is None:
            self._watch()
        return future

    async def request(self, command: bytes) -> Any:
        """Return the reply. Raises StoreUnavailable, and hiredis.ReplyError for the store's own errors."""
        future = self.send(command)
        if future is None:
            await self.connected()
            future = self.send(command)
            if future is None:
                raise StoreUnavailable("not connected")
        reply = await future
        if isinstance(reply, hiredis.ReplyError):
            raise reply
        return reply

    async def connected(self) -> None:
        """Wait for a connection; after a failure nobody waits until one is there. Raises StoreUnavailable."""
        connection = self._connection
        if connection is not None and connection.transport is not None:
            return
        loop = asyncio.get_running_loop()
        if loop.time() < self._retry_at:
            raise StoreUnavailable("not connected")
        if self._connecting is None:
            self._connecting = loop.create_task(self._connect())
            self._connecting.add_done_callback(self._connect_done)
        if self._attempt:
            raise StoreUnavailable("not connected")
        try:
            await asyncio.shield(self._connecting)
        except OSError as exc:
            raise StoreUnavailable(str(exc)) from exc

    def _connect_done(self, task: asyncio.Task[None]) -> None:
        self._connecting = None
        loop = asyncio.get_running_loop()
        if task.cancelled() or task.exception() is None:
            self._attempt = 0
            return
        wait = _BACKOFF_SECONDS[min(self._attempt, len(_BACKOFF_SECONDS) - 1)]
        self._retry_at = loop.time() + wait
        if self._attempt == 0:
            logger.warning("Valkey is out of reach: %s", task.exception())
        self._attempt += 1

    async def _connect(self) -> None:
        address, loop = self._address, asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_CONNECT_TIMEOUT_SECONDS):
                if address.path:
                    _, connection = await loop.create_unix_connection(_Connection, address.path)
                else:
                    tls = ssl.create_default_context() if address.tls else None
                    _, connection = await loop.create_connection(_Connection, address.host, address.port, ssl=tls)
                for command in self._greeting():
                    reply = await connection.send(command)
                    if isinstance(reply, hiredis.ReplyError):
                        raise ConnectionError(str(reply))
        except StoreUnavailable as exc:
            raise ConnectionError(str(exc)) from exc
        if self._attempt:
            logger.info("Valkey is back")
        self._connection = connection

    def _greeting(self) -> list[bytes]:
        address, commands = self._address, []
        if address.password:
            names = (address.username, address.password) if address.username else (address.password,)
            commands.append(pack("AUTH", *names))
        return [*commands, pack("SELECT", address.database)]

    def _watch(self) -> None:
        """Break off when the oldest reply has been awaited for too long; it checks rarely, not per request."""
        connection = self._connection
        waiting = connection.waiting if connection else None
        if connection is None or not waiting:
            self._watching, self._seen = None, None
            return
        if waiting[0] is self._seen and connection.transport is not None:
            logger.warning("Valkey does not answer")
            connection.transport.abort()
        self._seen = waiting[0]
        self._watching = asyncio.get_running_loop().call_later(_REPLY_TIMEOUT_SECONDS, self._watch)

    async def close(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            self._watching = None
        if self._connecting is not None:
            self._connecting.cancel()
        if self._connection is not None and self._connection.transport is not None:
            self._connection.transport.close()
        self._connection = None
