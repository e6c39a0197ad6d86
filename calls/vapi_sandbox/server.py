"""The stand-in on a port: one thread for each connection, so that a slow answer holds up nobody else."""

from __future__ import annotations

import logging
import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from typing import Self

from calls.vapi_sandbox.messages import Answer, ConnectionLost, Request
from calls.vapi_sandbox.vapi import Vapi

logger = logging.getLogger(__name__)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Listener

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = Request.build(self.command, self.path, dict(self.headers.items()), body)
        try:
            self._send(self.server.vapi.answer(request))
        except ConnectionLost:
            self._hang_up()

    def _send(self, answer: Answer) -> None:
        content = answer.content
        headers = {"Content-Type": "application/json", **answer.headers, "Content-Length": str(len(content))}
        lines = [f"HTTP/1.1 {answer.status} {self.responses.get(answer.status, ('',))[0]}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        head = "\r\n".join([*lines, "", ""]).encode("latin-1")
        self.wfile.write(head + (content[: len(content) // 2] if answer.cut else content))
        if answer.cut:
            self._hang_up()

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    do_GET = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keep quiet: headers hold the key."""


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], vapi: Vapi) -> None:
        super().__init__(address, _Handler)
        self.vapi = vapi

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing when a caller hangs up: that is theirs to notice."""
        logger.debug("%s hung up.", client_address)


class Server:
    """A running stand-in. Use it as a context manager."""

    def __init__(self, vapi: Vapi, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.vapi = vapi
        self._listener = _Listener((host, port), vapi)
        self.url = f"http://{host}:{self._listener.server_port}"

    def __enter__(self) -> Self:
        Thread(target=self._listener.serve_forever, args=(0.01,), name="vapi-sandbox", daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._listener.shutdown()
        self._listener.server_close()
