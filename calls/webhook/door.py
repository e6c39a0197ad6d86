"""What the door holds while a web process runs: the inbox, the stage store and the threads for tools."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar
from uuid import UUID

from django.conf import settings
from django.db import close_old_connections

from calls import projection
from calls.stages import StageStore, close_store, stage_store
from calls.webhook.inbox import Inbox

P = ParamSpec("P")
T = TypeVar("T")

_THREADS = 8


class Door:
    """Belongs to one event loop."""

    def __init__(self) -> None:
        self.inbox = Inbox(database_url(), _tell_projection)
        self.store: StageStore = stage_store()
        self.loop = asyncio.get_running_loop()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="tools")
        # Calls with a stage change on its way, and who waits for its end.
        self._changing: dict[UUID, list[asyncio.Future[None]]] = {}
        self.inbox.start()

    def take_turn(self, call_id: UUID) -> bool:
        """Return whether no other stage change of this call is on its way; `turn_over` lets the next one in."""
        if call_id in self._changing:
            return False
        self._changing[call_id] = []
        return True

    async def turn(self, call_id: UUID) -> None:
        """Wait for this call's turn, and take it."""
        while not self.take_turn(call_id):
            waiter = self.loop.create_future()
            self._changing[call_id].append(waiter)
            await waiter

    def turn_over(self, call_id: UUID) -> None:
        for waiter in self._changing.pop(call_id):
            if not waiter.done():
                waiter.set_result(None)

    def in_thread(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Awaitable[T]:
        """Run Django code beside the event loop."""
        return self.loop.run_in_executor(self._threads, lambda: _with_connection(function, *args, **kwargs))

    async def close(self) -> None:
        """Write what waits and let go of everything."""
        await self.inbox.close()
        await close_store()
        self._threads.shutdown(wait=False, cancel_futures=True)


def _with_connection(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    # These threads live long and serve no Django request, so nobody else looks after their connections.
    close_old_connections()
    try:
        return function(*args, **kwargs)
    finally:
        close_old_connections()


def _tell_projection(call_ids: Iterable[UUID]) -> None:
    projection.touch(*call_ids)


def database_url() -> str:
    """Return how the inbox reaches the database that Django uses now, which in tests is another one."""
    from psycopg.conninfo import make_conninfo

    database = settings.DATABASES["default"]
    parts = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
    named = {theirs: str(database[ours]) for theirs, ours in parts.items() if database.get(ours)}
    options = {key: value for key, value in database.get("OPTIONS", {}).items() if isinstance(value, str)}
    options.pop("application_name", None)
    return make_conninfo("", **{**options, **named})


_doors: dict[asyncio.AbstractEventLoop, Door] = {}


def door() -> Door:
    """Return the door of the running event loop, opened at its first use."""
    loop = asyncio.get_running_loop()
    opened = _doors.get(loop)
    if opened is None:
        opened = _doors[loop] = Door()
    return opened


async def close_door() -> None:
    """Close the door of the running event loop."""
    opened = _doors.pop(asyncio.get_running_loop(), None)
    if opened is not None:
        await opened.close()
