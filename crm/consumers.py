"""/ws/desk: the one socket of every page: what changed since, who looks where, and a heartbeat that shows it is alive.

Server → client: {"type": "snapshot", …} first, {"type": "said", "kind", …ids} as things change that the person sees,
{"type": "heartbeat"}.
The client sends nothing. After a gap the snapshot comes again, and pages ask afresh for what they show.
"""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import suppress
from typing import Any, ClassVar

import redis
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.db import DatabaseError
from django.utils import timezone

from crm import nudges
from crm.models import Agent

logger = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 4.0
# How many heartbeats until it is looked at again whether the person is still signed in.
CHECK_EVERY = 8
UNAUTHENTICATED = 4401
_STORE_ERRORS = (redis.RedisError, DatabaseError, OSError)


class DeskConsumer(AsyncWebsocketConsumer):
    """One open page of one person."""

    groups: ClassVar[list[str]] = []
    pulse: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        user = self.scope.get("user")
        if user is None or not user.is_authenticated or not user.is_active:
            await self.close(UNAUTHENTICATED)
            return
        self.joined = nudges.groups_of(user)
        with suppress(*_STORE_ERRORS):
            for group in self.joined:
                await self.channel_layer.group_add(group, self.channel_name)
        await self.accept()
        self.pulse = asyncio.create_task(self.beat(), name=f"desk socket {self.channel_name}")

    async def disconnect(self, code: int) -> None:
        if self.pulse is None:
            return
        self.pulse.cancel()
        await asyncio.gather(self.pulse, return_exceptions=True)
        with suppress(*_STORE_ERRORS):
            for group in self.joined:
                await self.channel_layer.group_discard(group, self.channel_name)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Nothing is expected from here."""

    async def desk_said(self, event: dict[str, Any]) -> None:
        await self.say("said", **event["said"])

    async def beat(self) -> None:
        """Say how things stand, then beat until the socket closes or its person signs out."""
        await self.say("snapshot")
        count = 0
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            await self.say("heartbeat", at=timezone.now().isoformat())
            count += 1
            if count % CHECK_EVERY == 0 and not await self.is_still_signed_in():
                await self.close(UNAUTHENTICATED)
                return

    async def is_still_signed_in(self) -> bool:
        """Say whether the person may stay as who they were; while PostgreSQL cannot tell, they may."""
        try:
            return await database_sync_to_async(self._is_the_same, thread_sensitive=False)()
        except _STORE_ERRORS as exc:
            logger.warning("Whether somebody is still signed in cannot be told: %s", exc)
            return True

    def _is_the_same(self) -> bool:
        if not is_still_signed_in(self.scope):
            return False
        # Who changes team or role comes back and joins what is theirs now.
        agent = Agent.objects.filter(pk=self.scope["user"].pk).first()
        return agent is not None and nudges.groups_of(agent) == self.joined

    async def say(self, kind: str, /, **fields: Any) -> None:
        await self.send(text_data=json.dumps({"type": kind, **fields}))


def is_still_signed_in(scope: dict[str, Any]) -> bool:
    """Say whether the person is still staff and, where the socket has a session, has not signed out."""
    session = scope.get("session")
    if session is not None and not session.exists(session.session_key):
        return False
    return Agent.objects.filter(pk=scope["user"].pk, is_active=True).exists()
