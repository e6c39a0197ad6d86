"""The sandbox on a port: one thread for each connection, so that a slow answer holds up nobody else."""

from __future__ import annotations

import logging
import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from typing import Self

from calendar_sync.sandbox.messages import ConnectionLostError, Request, Response
from calendar_sync.sandbox.sandbox import Sandbox

logger = logging.getLogger(__name__)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body leave in one write; nothing waits for a packet to fill up.
    disable_nagle_algorithm = True
    server: _Listener

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = Request.build(self.command, self.path, dict(self.headers.items()), body)
        try:
            answer = self.server.sandbox.answer(request)
        except ConnectionLostError:
            self._hang_up()
            return
        except Exception:
            logger.exception("%s %s", self.command, request.path)
            answer = Response(500, {"error": {"code": "UnknownError", "message": ""}})
        self._send(answer)

    def _send(self, answer: Response) -> None:
        content = answer.content
        headers = {"Content-Type": answer.content_type, **answer.headers, "Content-Length": str(len(content))}
        if answer.status in (204, 304):
            del headers["Content-Length"]
        lines = [f"HTTP/1.1 {answer.status} {self.responses.get(answer.status, ('',))[0]}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        head = "\r\n".join([*lines, "", ""]).encode("latin-1")
        self.wfile.write(head + (content[: len(content) // 2] if answer.cut else content))
        if answer.cut:
            self._hang_up()

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = _serve  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keep quiet: addresses hold tokens."""


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], sandbox: Sandbox) -> None:
        super().__init__(address, _Handler)
        self.sandbox = sandbox

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing when a caller hangs up: that is theirs to notice."""
        logger.debug("%s hung up.", client_address)


class Server:
    """A running sandbox. Use it as a context manager, or `start` and `stop` it."""

    def __init__(self, sandbox: Sandbox, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.sandbox = sandbox
        self._listener = _Listener((host, port), sandbox)
        self.url = f"http://{host}:{self._listener.server_port}"
        self.graph_url = f"{self.url}/v1.0"
        sandbox.entra.page_url = f"{self.url}/login"

    def start(self, *, deliver: bool = True) -> Self:
        """Answer from now on; with `deliver` also send notifications as things change."""
        # A short interval: stopping waits for it.
        Thread(target=self._listener.serve_forever, args=(0.01,), name="sandbox", daemon=True).start()
        if deliver:
            self.sandbox.graph.subscriptions.start()
        return self

    def stop(self) -> None:
        self.sandbox.graph.subscriptions.stop()
        self._listener.shutdown()
        self._listener.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()
