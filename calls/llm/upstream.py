"""A lean HTTP/1.1 client for model servers: connections are kept, bodies arrive as they come, ending one is at once.

A general client costs more per streamed chunk than everything else the proxy does, so this one does only what a model
server needs: POST with a JSON body, one answer at a time per connection, chunked or not, TLS where the URL says so.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections import deque
from typing import cast
from urllib.parse import urlsplit

import httptools

from calls.llm.errors import Failure, Reason

logger = logging.getLogger(__name__)

_CONNECT_SECONDS = 5.0
_MOST_IDLE = 200
_IDLE_SECONDS = 60.0
# How long a finished answer may take to end its body, so that its connection can be used again.
_DRAIN_SECONDS = 1.0
# Above this the server is made to wait for the reader.
_MOST_BUFFERED = 256 * 1024
_MOST_HEADER_BYTES = 64 * 1024


class Answer:
    """One response: its status, its headers in lower case, and its body as it comes."""

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection
        self.status = 0
        self.headers: dict[str, str] = {}
        self.is_complete = False
        self._chunks: deque[bytes] = deque()
        self._buffered = 0
        self._failure: Failure | None = None
        self._waiter: asyncio.Future[None] | None = None

    async def head(self) -> None:
        """Wait for the status and the headers."""
        while not self.status:
            await self._news()

    async def read(self) -> bytes:
        """Return what has arrived, b"" at the end. Raises Failure when the connection breaks before."""
        while not self._chunks:
            if self.is_complete:
                return b""
            await self._news()
        data = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        if self._buffered > _MOST_BUFFERED:
            self._connection.resume()
        self._buffered = 0
        return data

    def release(self) -> None:
        """Let go of the answer; its connection is used again if the body ends soon."""
        self._connection.drain()

    def abort(self) -> None:
        """End the answer now: the server sees its client go."""
        self._connection.abort()

    async def _news(self) -> None:
        if self._failure is not None:
            raise self._failure
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    # The connection tells:

    def add(self, data: bytes) -> None:
        self._chunks.append(data)
        self._buffered += len(data)
        if self._buffered > _MOST_BUFFERED:
            self._connection.pause()
        self.wake()

    def fail(self, failure: Failure) -> None:
        if self._failure is None and not self.is_complete:
            self._failure = failure
        self.wake()

    def wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class _Connection(asyncio.Protocol):
    """One connection: the protocol of asyncio and the callbacks of the parser."""

    def __init__(self, pool: Upstream) -> None:
        self._pool = pool
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._answer: Answer | None = None
        self._is_interim = False
        self._is_paused = False
        self._has_length = self._is_kept = False
        self._header_bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self.was_used = False
        self.is_released = False

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def ask(self, request: bytes) -> Answer:
        """Send one request."""
        self._stop_timer()
        self._parser = httptools.HttpResponseParser(self)
        self._has_length, self._header_bytes, self.is_released = False, 0, False
        answer = self._answer = Answer(self)
        if self._transport is not None:
            self._transport.write(request)
        else:
            answer.fail(Failure(Reason.UNREACHABLE, "the connection is closed"))
        return answer

    def drain(self) -> None:
        self.is_released = True
        if self._answer is None or self._answer.is_complete:
            self._rest()
        else:
            self.resume()
            self._timer = asyncio.get_running_loop().call_later(_DRAIN_SECONDS, self.abort)

    def abort(self) -> None:
        self._stop_timer()
        if self._transport is not None:
            self._transport.abort()

    def pause(self) -> None:
        if self._transport is not None and not self._is_paused and not self.is_released:
            self._is_paused = True
            self._transport.pause_reading()

    def resume(self) -> None:
        if self._transport is not None and self._is_paused:
            self._is_paused = False
            self._transport.resume_reading()

    def _rest(self) -> None:
        """Wait among the idle ones, if the server will take another request."""
        self._stop_timer()
        answer, self._answer = self._answer, None
        if answer is None or not self.is_open or not self._is_kept or not self._has_length:
            self.abort()
            return
        self.was_used = True
        self._timer = asyncio.get_running_loop().call_later(_IDLE_SECONDS, self.abort)
        self._pool.take_back(self)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # asyncio:

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self._answer is None:
            # Nobody asked.
            self.abort()
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._break("the server wants another protocol")
        except httptools.HttpParserError as exc:
            self._break(f"not HTTP: {type(exc).__name__}")

    def _break(self, detail: str) -> None:
        if self._answer is not None:
            self._answer.fail(Failure(Reason.MALFORMED, detail))
        self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        self._transport = None
        self._pool.forget(self)
        answer = self._answer
        if answer is None:
            return
        if answer.status and not self._has_length and exc is None:
            # A body without a length ends with its connection.
            answer.is_complete = True
            answer.wake()
        elif answer.status:
            answer.fail(Failure(Reason.CUT_OFF, "the connection broke inside the answer"))
        else:
            answer.fail(Failure(Reason.UNREACHABLE, "the connection broke before an answer"))

    # httptools:

    def on_header(self, name: bytes, value: bytes) -> None:
        self._header_bytes += len(name) + len(value)
        if self._header_bytes > _MOST_HEADER_BYTES:
            self._break("too many headers")
        if self._answer is not None:
            self._answer.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        self._is_interim = status < 200
        if self._answer is None or self._is_interim:
            return
        headers = self._answer.headers
        # Told here, because the parser no longer knows at the end of the message.
        self._is_kept = self._parser.get_http_version() == "1.1" and headers.get("connection", "").lower() != "close"
        self._has_length = "content-length" in headers or "chunked" in headers.get("transfer-encoding", "").lower()
        self._answer.status = status
        self._answer.wake()

    def on_body(self, body: bytes) -> None:
        if self._answer is not None and not self.is_released:
            self._answer.add(body)

    def on_message_complete(self) -> None:
        if self._answer is None or self._is_interim:
            return
        self._answer.is_complete = True
        self._answer.wake()
        if self.is_released:
            self._rest()


class Upstream:
    """The connections to one model server. Belongs to one event loop."""

    def __init__(self, url: str, key: str = "") -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._is_tls = parts.scheme == "https"
        self._port = parts.port or (443 if self._is_tls else 80)
        self._base, self._query = parts.path.rstrip("/"), f"?{parts.query}" if parts.query else ""
        authorization = f"authorization: Bearer {key}\r\n" if key else ""
        self._headers = (
            f"host: {parts.netloc.rpartition('@')[2]}\r\n{authorization}content-type: application/json\r\n"
            "accept: text/event-stream, application/x-ndjson, application/json\r\naccept-encoding: identity\r\n"
            "user-agent: pete-crm\r\n"
        )
        self._tls = ssl.create_default_context() if self._is_tls else None
        self._idle: list[_Connection] = []
        self._open: set[_Connection] = set()

    async def post(self, path: str, body: bytes) -> Answer:
        """Ask, and return the answer once its status is known. Raises Failure."""
        head = f"POST {self._base}{path}{self._query} HTTP/1.1\r\n{self._headers}content-length: {len(body)}\r\n\r\n"
        request = head.encode("latin-1") + body
        while True:
            connection = self._pick() or await self._connect()
            answer = connection.ask(request)
            try:
                await answer.head()
            except Failure as exc:
                # A kept connection may have been closed by the server just now; a new one tells.
                if exc.reason is Reason.UNREACHABLE and connection.was_used:
                    continue
                raise
            except BaseException:
                connection.abort()
                raise
            return answer

    def _pick(self) -> _Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open:
                return connection
        return None

    async def _connect(self) -> _Connection:
        loop = asyncio.get_running_loop()
        name = self._host if self._is_tls else None
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                _, connection = await loop.create_connection(
                    lambda: _Connection(self), self._host, self._port, ssl=self._tls, server_hostname=name
                )
        except (OSError, TimeoutError) as exc:
            raise Failure(Reason.UNREACHABLE, f"{self._host}:{self._port}: {type(exc).__name__}: {exc}") from exc
        self._open.add(connection)
        return connection

    def take_back(self, connection: _Connection) -> None:
        if len(self._idle) < _MOST_IDLE:
            self._idle.append(connection)
        else:
            connection.abort()

    def forget(self, connection: _Connection) -> None:
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)

    @property
    def open_connections(self) -> int:
        return len(self._open)

    def close(self) -> None:
        for connection in list(self._open):
            connection.abort()
