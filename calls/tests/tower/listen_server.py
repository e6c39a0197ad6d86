"""A stand-in for the listen endpoint of live calls: a real wss server that sends a tone until it is told otherwise."""

from __future__ import annotations

import http
import json
import math
import ssl
import struct
import threading
import time
from collections.abc import Callable
from typing import Any, Self

from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

RATE, FRAME_SECONDS = 16_000, 0.02


def tone(frames: int, *, hertz: float = 440.0, channels: int = 1) -> list[bytes]:
    """Return frames of 20 ms of a sine at half volume."""
    count = int(RATE * FRAME_SECONDS)
    values = [int(16_384 * math.sin(2 * math.pi * hertz * at / RATE)) for at in range(count * frames)]
    packed = [struct.pack("<h", value) * channels for value in values]
    return [b"".join(packed[at * count : (at + 1) * count]) for at in range(frames)]


class ListenServer:
    """Calls that can be heard. `play` is what a listener gets; `refuses_with` an HTTP status before that."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.asked: list[tuple[str, str, str | None]] = []
        self.refuses_with = 0
        self.location = ""
        self.play: Callable[[ServerConnection], None] = play_tone
        self.listeners = 0
        self._server = serve(self._hear, "127.0.0.1", 0, ssl=context, process_request=self._greet, compression=None)
        self.port: int = self._server.socket.getsockname()[1]

    def _greet(self, connection: ServerConnection, request: Request) -> Response | None:
        self.asked.append((request.headers["Host"], request.path, request.headers.get("Authorization")))
        if not self.refuses_with:
            return None
        # As unkind as a server may be: it repeats the address.
        answer = connection.respond(http.HTTPStatus(self.refuses_with), f"{request.headers['Host']}{request.path}")
        if self.location:
            answer.headers["Location"] = self.location
        return answer

    def _hear(self, connection: ServerConnection) -> None:
        self.listeners += 1
        try:
            self.play(connection)
        except ConnectionClosed:
            # The listener hung up.
            return
        finally:
            self.listeners -= 1

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()


def play_tone(connection: ServerConnection) -> None:
    """Play at the speed of speech until the listener hangs up."""
    for frame in tone(50) * 120:
        connection.send(frame)
        time.sleep(FRAME_SECONDS)


def play(*messages: bytes | str | dict[str, Any]) -> Callable[[ServerConnection], None]:
    """Return a play that sends these and then ends the call."""

    def run(connection: ServerConnection) -> None:
        for message in messages:
            connection.send(json.dumps(message) if isinstance(message, dict) else message)

    return run


def keep_silent(connection: ServerConnection) -> None:
    for _ in connection:
        pass
