"""/ws/listen: the sound of one live call, from Vapi through Pete to whoever holds a fresh permission.

The browser sends the permission as its first message and nothing else. It gets `{"type": "format", "rate", "channels"}`
and then binary frames; in the end `{"type": "end", "code"}` says why there is no more.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from typing import Any, ClassVar

import msgspec
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.db import DatabaseError
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, ConnectionClosedOK

from calls.consumers import LONGEST_MESSAGE, UNAUTHENTICATED, is_still_signed_in
from calls.errors import ControlRefusal
from calls.tower import listening, wire
from calls.tower.listening import Grant

logger = logging.getLogger(__name__)

# How soon a browser has to show its permission, and how soon it falls silent once its person may no longer listen.
PERMIT_SECONDS = 5.0
CHECK_SECONDS = 5.0
_NORMAL, _REFUSED = 1000, 4403
_encode = msgspec.json.Encoder().encode


class ListenConsumer(AsyncWebsocketConsumer):
    """One person listening to one call."""

    groups: ClassVar[list[str]] = []
    # Nobody sends to this socket but the line it is for.
    channel_layer_alias = "none"
    work: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        user = self.scope.get("user")
        if user is None or not user.is_authenticated or not user.is_active:
            await self.close(UNAUTHENTICATED)
            return
        self.permit: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        await self.accept()
        self.work = asyncio.create_task(self.run(), name=f"listening {user.pk}")

    async def disconnect(self, code: int) -> None:
        if self.work is not None:
            self.work.cancel()
            await asyncio.gather(self.work, return_exceptions=True)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if not self.permit.done():
            self.permit.set_result((text_data or "")[:LONGEST_MESSAGE])

    async def run(self) -> None:
        """Hear the call until one side ends it, and say why it ended."""
        code = "failed"
        try:
            async with asyncio.timeout(PERMIT_SECONDS):
                token = await self.permit
            grant = await _in_database(listening.claim, token, self.scope["user"])
            code = await self.hear(grant)
        except TimeoutError:
            code = "expired"
        except ControlRefusal as refusal:
            code = refusal.code
        except DatabaseError as exc:
            logger.warning("A call cannot be heard: %s", exc)
        except Exception:
            logger.exception("Listening failed")
        await self.say({"type": "end", "code": code})
        await self.close(_NORMAL if code == "call_over" else _REFUSED)

    async def hear(self, grant: Grant) -> str:
        """Return why it ended."""
        try:
            async with wire.open_line(grant.address) as line:
                await _in_database(listening.begin, grant)
                try:
                    await self.relay(line, grant)
                finally:
                    await _in_database(listening.end, grant)
        except ConnectionClosedOK:
            return "call_over"
        except ConnectionClosed:
            return "cut_off"
        except ControlRefusal as refusal:
            await _in_database(listening.refuse, grant.action_id, refusal.code)
            raise
        return "call_over"

    async def relay(self, line: ClientConnection, grant: Grant) -> None:
        """Pass the frames on as they come. A browser that does not keep up slows the line down, not the memory."""
        heard: wire.Format | None = None
        check_at = time.monotonic() + CHECK_SECONDS
        while True:
            frame: str | bytes | None = None
            with suppress(TimeoutError):
                frame = await asyncio.wait_for(line.recv(), max(0.0, check_at - time.monotonic()))
            if isinstance(frame, str):
                heard = await self.announce(wire.read_format(frame), heard)
            elif frame:
                heard = heard or await self.announce(wire.Format(), heard)
                await self.send(bytes_data=frame)
            if time.monotonic() >= check_at:
                check_at = time.monotonic() + CHECK_SECONDS
                await _in_database(self.check, grant)

    async def announce(self, said: wire.Format | None, before: wire.Format | None) -> wire.Format | None:
        if said is None or said == before:
            return before
        await self.say({"type": "format", "rate": said.sample_rate, "channels": said.channels})
        return said

    def check(self, grant: Grant) -> None:
        """Raise a ControlRefusal when this person has signed out or may not listen any more."""
        if not is_still_signed_in(self.scope):
            raise listening.expired()
        listening.check_again(grant, self.scope["user"].pk)

    async def say(self, message: dict[str, Any]) -> None:
        await self.send(text_data=_encode(message).decode())


def _in_database(work: Any, *arguments: Any) -> Any:
    return database_sync_to_async(work, thread_sensitive=False)(*arguments)
