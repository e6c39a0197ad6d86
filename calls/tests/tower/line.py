"""A stand-in for the control endpoint of live calls, over HTTP, that remembers what it was told.

Controls go to https addresses at vapi.ai; `Rerouted` is the network in between, which ends here instead.
"""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import httpx

HOST = "phone-call-websocket.aws-us-west-2-backend-production1.vapi.ai"
# Part of every address: wherever it is found, the address has leaked.
CANARY = "canary-7420f27a"
CONTROL, LISTEN = f"https://{HOST}/{CANARY}/control", f"wss://{HOST}/{CANARY}/listen"


class Line:
    """One live call. `fails_with` is the status of the next answers; `delay` is how late they are."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self.hosts: list[str] = []
        self.said: list[str] = []
        self.is_live, self.is_muted = True, False
        self.put_through_to = ""
        self.fails_with = 0
        self.location = ""
        self.delay = 0.0
        self._lock = threading.Lock()
        line = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                time.sleep(line.delay)
                status, answer = line.answer(self.path, json.loads(body), self.headers["Host"])
                # As unkind as a server may be: it repeats the address.
                content = json.dumps(answer | {"message": f"POST {CONTROL}"}).encode()
                self.send_response(status)
                if line.location:
                    self.send_header("Location", line.location)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Keep quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def answer(self, path: str, body: dict[str, Any], host: str) -> tuple[int, dict[str, Any]]:
        with self._lock:
            self.told.append(body)
            self.hosts.append(host)
            if self.fails_with:
                return self.fails_with, {}
            if path != f"/{CANARY}/control" or not self.is_live:
                return 404, {"error": "Call not found or has ended"}
            return self._act(body)

    def _act(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        match body:
            case {"type": "say", "content": str(text)}:
                self.said.append(text)
                self.is_live = not body.get("endCallAfterSpoken")
            case {"type": "add-message", "message": {"role": "system", "content": str()}}:
                pass
            case {"type": "control", "control": "mute-assistant" | "unmute-assistant" as control}:
                self.is_muted = control == "mute-assistant"
            case {"type": "transfer", "destination": {"type": "number", "number": str(number)}}:
                self.put_through_to = number
            case {"type": "end-call"}:
                self.is_live = False
            case _:
                return 400, {"error": "Unknown control"}
        return 200, {}

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class Rerouted(httpx.BaseTransport):
    """Sends every request to `url`, whatever its host, with that host's name in the header."""

    def __init__(self, url: str) -> None:
        self._url = httpx.URL(url)
        self._to = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.url = request.url.copy_with(scheme="http", host=self._url.host, port=self._url.port)
        return self._to.handle_request(request)

    def close(self) -> None:
        self._to.close()
