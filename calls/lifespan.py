"""What the voice side starts with a web process and stops with it."""

from __future__ import annotations

import logging

from asgiref.sync import sync_to_async
from django.db import DatabaseError

from calls import projection
from calls.llm.proxy import close_proxy, proxy
from calls.stages import prompts
from calls.webhook.door import close_door, door

logger = logging.getLogger(__name__)


async def startup() -> None:
    """Open the door before the first delivery comes, so that the first caller does not wait for connections."""
    door()
    proxy()
    try:
        await sync_to_async(prompts.refresh, thread_sensitive=False)()
    except DatabaseError as exc:
        # The door opens all the same and answers 503 until PostgreSQL is there.
        logger.error("The stage prompts could not be read: %s", exc)


async def shutdown() -> None:
    """Commit what waits, fold what was committed, and close the connections."""
    # The proxy writes through the door.
    await close_proxy()
    await close_door()
    await sync_to_async(projection.stop, thread_sensitive=False)()
