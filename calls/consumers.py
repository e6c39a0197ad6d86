"""The live sockets: a snapshot first, then what changes, and a heartbeat that shows the line is alive.

The channel layer only nudges. Each socket reads what is newer than its own sequence number, so a lost nudge, a slow
browser and a restarted Valkey all end the same way: at the next heartbeat it catches up.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
import uuid
from contextlib import suppress
from typing import Any, ClassVar

import msgspec
import redis
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.db import DatabaseError
from django.utils import timezone

from calls import board, presence
from calls.models import Call, call_pk
from calls.rights import visible_calls
from calls.shapes import tile_shape, viewings_of, with_related
from calls.sight import Sight
from crm.consumers import is_still_signed_in
from crm.models import Agent

logger = logging.getLogger(__name__)

# Five are promised.
HEARTBEAT_SECONDS = 4.0
# Changes within this time of each other go out together.
COALESCE_SECONDS = 0.1
# How soon a socket closes after its person signed out or was shut out.
CHECK_SECONDS = 30.0
# Nobody's message is longer; a resume has 40 characters.
LONGEST_MESSAGE = 1_000
# After this many messages that make no sense the socket is closed.
MOST_ERRORS = 20
# What a browser can count to.
LARGEST_SEQ = 2**53
UNAUTHENTICATED, NOT_FOUND, BAD_MESSAGES = 4401, 4404, 4400
_STORE_ERRORS = (redis.RedisError, DatabaseError, OSError)
_encode = msgspec.json.Encoder().encode


class LiveConsumer(AsyncWebsocketConsumer):
    """/ws/live: every call on the board that its person may see."""

    groups: ClassVar[list[str]] = []
    # The calls this socket was told of: one that leaves the person's sight has to leave the page.
    told: frozenset[str] = frozenset()
    seq = -1
    errors = 0
    check_at = 0.0
    pump: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        user = self.scope.get("user")
        if user is None or not user.is_authenticated or not user.is_active:
            await self.close(UNAUTHENTICATED)
            return
        if not await self.is_found():
            await self.close(NOT_FOUND)
            return
        self.sight = await self.read_sight()
        self.nudged = asyncio.Event()
        with suppress(*_STORE_ERRORS):
            # Without Valkey there are no nudges; the heartbeat keeps trying.
            await self.channel_layer.group_add(board.GROUP, self.channel_name)
        await self.accept()
        self.pump = asyncio.create_task(self.run(), name=f"socket {self.channel_name}")

    async def disconnect(self, code: int) -> None:
        if self.pump is not None:
            self.pump.cancel()
            await asyncio.gather(self.pump, return_exceptions=True)
        with suppress(*_STORE_ERRORS):
            await self.channel_layer.group_discard(board.GROUP, self.channel_name)

    async def board_changed(self, event: dict[str, Any]) -> None:
        if event["seq"] > self.seq:
            self.nudged.set()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Take a resume; answer anything else with an error."""
        seq = read_resume(text_data)
        if seq is None:
            self.errors += 1
            await self.say({"type": "error", "code": "bad_message", "detail": 'Send {"type": "resume", "seq": n}.'})
            if self.errors >= MOST_ERRORS:
                await self.close(BAD_MESSAGES)
            return
        self.seq = seq
        self.nudged.set()

    async def run(self) -> None:
        """Send the snapshot, then changes as they come and heartbeats in between, until the socket closes."""
        try:
            await self.catch_up()
            while True:
                await self.wait_and_send()
        except asyncio.CancelledError:
            raise
        except Exception:
            logger.exception("A live socket failed")
            await self.close(1011)

    async def wait_and_send(self) -> None:
        next_heartbeat = time.monotonic() + HEARTBEAT_SECONDS
        while (left := next_heartbeat - time.monotonic()) > 0:
            try:
                await asyncio.wait_for(self.nudged.wait(), left)
            except TimeoutError:
                break
            self.nudged.clear()
            await self.catch_up()
            await asyncio.sleep(COALESCE_SECONDS)
        # Whatever the nudges said, this is where a socket that missed one catches up.
        await self.catch_up()
        await self.say({"type": "heartbeat", "seq": max(self.seq, 0), "at": timezone.now().isoformat()})
        if time.monotonic() >= self.check_at:
            self.check_at = time.monotonic() + CHECK_SECONDS
            await self.check_person()

    async def check_person(self) -> None:
        """Close the socket of somebody who has signed out. While PostgreSQL cannot tell, it stays."""
        with suppress(*_STORE_ERRORS):
            if not await database_sync_to_async(is_still_signed_in, thread_sensitive=False)(self.scope):
                await self.close(UNAUTHENTICATED)
                return
            await database_sync_to_async(presence.note_seen, thread_sensitive=False)(self.scope["user"])
            sight = await self.read_sight()
            if sight != self.sight:
                self.sight = sight
                await self.send_snapshot()

    async def read_sight(self) -> Sight:
        return await database_sync_to_async(Sight.now, thread_sensitive=False)(self.scope["user"].pk)

    async def catch_up(self) -> None:
        """Send what is newer than this socket's number, or everything when the board cannot tell what that is."""
        try:
            if self.seq >= 0:
                view = await board.read_changes(self.seq)
                if not view.is_gap:
                    await self.send_changes(view)
                    return
            await self.send_snapshot()
        except _STORE_ERRORS as exc:
            logger.warning("The board cannot be read: %s", exc)

    async def send_changes(self, view: board.View) -> None:
        asked = self.seq
        concerned = [(seq, call) for seq, call in view.calls if self.concerns(call)]
        if any(call["id"] in self.told and not self.sight.sees(call) for _, call in concerned):
            await self.send_snapshot()
            return
        for seq, call in concerned:
            if self.sight.sees(call):
                self.told |= {call["id"]}
                await self.say({"type": "call", "seq": seq, "call": call})
        if self.seq == asked:
            self.seq = view.seq

    async def send_snapshot(self) -> None:
        asked = self.seq
        snapshot = await database_sync_to_async(self.snapshot, thread_sensitive=False)()
        snapshot = self.sight.narrow(snapshot)
        self.told = frozenset(call["id"] for call in snapshot["calls"])
        await self.say({"type": "snapshot", **snapshot})
        if self.seq == asked:
            self.seq = snapshot["seq"]

    async def say(self, message: dict[str, Any]) -> None:
        await self.send(text_data=_encode(message).decode())

    # What a narrower socket does otherwise.

    async def is_found(self) -> bool:
        return True

    def snapshot(self) -> dict[str, Any]:
        return board.snapshot()

    def concerns(self, call: dict[str, Any]) -> bool:
        return True


class CallConsumer(LiveConsumer):
    """/ws/calls/<id>: one call, by Pete's id or Vapi's, also when it is no longer on the board."""

    call_id = ""

    async def is_found(self) -> bool:
        name = self.scope["url_route"]["kwargs"]["call"]
        found = await database_sync_to_async(find_call, thread_sensitive=False)(name, self.scope["user"])
        self.call_id = str(found) if found else ""
        return found is not None

    def snapshot(self) -> dict[str, Any]:
        seq = board.snapshot()["seq"]
        # Read after the number: what changes in between is sent again, never missed.
        call = with_related(Call.objects.filter(pk=self.call_id)).first()
        shapes = [tile_shape(call, viewings_of([call.pk]).get(call.pk))] if call else []
        return {"seq": seq, "calls": shapes}

    def concerns(self, call: dict[str, Any]) -> bool:
        return call["id"] == self.call_id


def find_call(name: str, person: Agent) -> uuid.UUID | None:
    """Return Pete's id of the call that is known by either id, if this person may see it."""
    candidates = [call_pk(name)]
    with suppress(ValueError):
        candidates.append(uuid.UUID(name))
    return visible_calls(person).filter(pk__in=candidates).values_list("pk", flat=True).first()


def read_resume(text: str | None) -> int | None:
    """Return the number of a resume message, None when it is something else."""
    if text is None or len(text) > LONGEST_MESSAGE:
        return None
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(message, dict) or message.get("type") != "resume":
        return None
    seq = message.get("seq")
    if not isinstance(seq, int) or isinstance(seq, bool):
        return None
    return seq if 0 <= seq < LARGEST_SEQ else None
