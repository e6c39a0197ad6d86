"""Which version of a prompt spoke in which call: noted once for each of both, beside the call and never in its way.

What goes with the answer of update_system_prompt needs nothing here: it is committed with that answer.
"""

from __future__ import annotations

import asyncio
import logging
from uuid import UUID

from asgiref.sync import sync_to_async
from django.db import DatabaseError, connection

logger = logging.getLogger(__name__)

_MOST_KNOWN = 20_000
_known: dict[tuple[UUID, int], None] = {}
_writing: set[asyncio.Task[None]] = set()
# A call that Pete has not heard of, or not yet, is not made up for this.
_INSERT = """
    WITH spoken AS (
        SELECT call.id AS call_id, prompt.id AS prompt_id
        FROM calls_call call, calls_stageprompt prompt WHERE call.id = %s AND prompt.id = %s
    ), noted AS (
        INSERT INTO calls_promptuse (call_id, prompt_id) SELECT call_id, prompt_id FROM spoken ON CONFLICT DO NOTHING
    )
    SELECT count(*) FROM spoken
"""


def record(call_id: UUID, version_id: int) -> None:
    """Note that this version speaks in this call. 0 is the prompt that comes with Pete. Never raises."""
    if not version_id or (call_id, version_id) in _known:
        return
    try:
        with connection.cursor() as cursor:
            cursor.execute(_INSERT, [call_id, version_id])
            if not cursor.fetchone()[0]:
                return
    except DatabaseError as exc:
        logger.warning("It is not noted that version %d speaks in call %s: %s", version_id, call_id, exc)
        return
    if len(_known) >= _MOST_KNOWN:
        _known.clear()
    _known[call_id, version_id] = None


def record_soon(call_id: UUID, version_id: int) -> None:
    """Note it in the background. Needs a running loop."""
    if not version_id or (call_id, version_id) in _known:
        return
    task = asyncio.get_running_loop().create_task(sync_to_async(record, thread_sensitive=False)(call_id, version_id))
    _writing.add(task)
    task.add_done_callback(_writing.discard)
