"""How a batch of deliveries is written: one statement with many rows, which is one transaction.

The statement also tells what PostgreSQL knew better: a tool call that was answered before, and one whose stage state
had been lost, which is recognised by the call having more tool calls here than the state has seen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple
from uuid import UUID

import msgspec
import psycopg
from django.db import models
from psycopg import pq, sql

from calls.models import Call, ToolCall, WebhookEvent
from calls.webhook import binary

MOST_KNOWN_CALLS = 50_000


class EventRow(NamedTuple):
    """One delivery. `at` is in microseconds since 1970."""

    call_id: UUID
    vapi_id: str
    direction: str
    customer_number: str
    assistant_id: str
    fingerprint: bytes
    type: str
    at: int
    body: bytes


class ToolRow(NamedTuple):
    """One answered tool call. `arguments` and `facts` are JSON; `count` is what the stage state had seen.

    `stage_prompt_id` is the version of the prompt in the answer, 0 for none.
    """

    call_id: UUID
    tool_call_id: str
    fingerprint: bytes
    name: str
    arguments: bytes
    answer: str
    prompt: str
    code: str
    stage: str
    facts: bytes
    duration_ms: float
    at: int
    count: int  # type: ignore[assignment]
    stage_prompt_id: int = 0


class Stored(msgspec.Struct):
    """The answer a tool call got before."""

    answer: str
    prompt: str
    stage: str
    code: str


class Held:
    """The tool call was not written: its stage state does not know what PostgreSQL knows."""


HELD = Held()
Verdict = Stored | Held | None
Answered = Callable[["list[Verdict] | Exception"], None]


def _with_defaults(model: type[models.Model], given: str) -> tuple[str, str]:
    """Return the columns of an INSERT and what to SELECT for them: the given ones, then the model's own defaults.

    So that a new field of the model needs nothing here.
    """
    names = given.split()
    columns, values = list(names), list(names)
    for field in model._meta.concrete_fields:
        needs_value = not field.null and not field.has_db_default() and not field.primary_key
        if needs_value and field.column not in names:
            columns.append(field.column or field.name)
            is_stamped = getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False)
            values.append("now()" if is_stamped else _literal(field))
    return ", ".join(columns), ", ".join(values)


def _literal(field: models.Field) -> str:
    default = field.get_default()
    if isinstance(field, models.JSONField):
        default = msgspec.json.encode(default).decode()
    return sql.Literal(default).as_string(None) if not isinstance(default, bool) else str(default).lower()


_CALL = _with_defaults(Call, "id vapi_id direction customer_number assistant_vapi_id")
_EVENT = _with_defaults(WebhookEvent, "call_id fingerprint type at body")
_TOOL = _with_defaults(
    ToolCall,
    "call_id tool_call_id fingerprint name arguments answer prompt code stage facts duration_ms at stage_prompt_id",
)
# Only names of our own columns and their defaults are filled in.
_NEW_CALLS = f"""
calls AS (
    INSERT INTO calls_call ({_CALL[0]})
    SELECT {_CALL[1]} FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[])
        AS new (id, vapi_id, direction, customer_number, assistant_vapi_id)
    ON CONFLICT DO NOTHING
),
events AS (
    INSERT INTO calls_webhookevent ({_EVENT[0]})
    SELECT {_EVENT[1]} FROM unnest($6::uuid[], $7::uuid[], $8::text[], $9::timestamptz[], $10::bytea[])
        AS new (call_id, fingerprint, type, at, body)
    ON CONFLICT DO NOTHING
)"""  # noqa: S608
_EVENTS_SQL = f"WITH {_NEW_CALLS} SELECT 1"
_TOOLS_SQL = f"""
WITH {_NEW_CALLS},
asked AS MATERIALIZED (
    SELECT new.*, NULLIF(given_prompt_id, 0) AS stage_prompt_id,
        (SELECT known.id FROM calls_toolcall known
         WHERE known.call_id = new.call_id AND known.tool_call_id = new.tool_call_id
           AND known.fingerprint = new.fingerprint) AS known_id,
        (SELECT count(*) FROM calls_toolcall earlier WHERE earlier.call_id = new.call_id) AS earlier
    FROM unnest(
        $11::uuid[], $12::text[], $13::uuid[], $14::text[], $15::jsonb[], $16::text[], $17::text[], $18::text[],
        $19::text[], $20::jsonb[], $21::float8[], $22::timestamptz[], $23::int4[], $24::int8[]
    ) WITH ORDINALITY AS new (
        call_id, tool_call_id, fingerprint, name, arguments, answer, prompt, code, stage, facts, duration_ms, at,
        count, given_prompt_id, position
    )
),
written AS (
    INSERT INTO calls_toolcall ({_TOOL[0]})
    SELECT {_TOOL[1]} FROM asked WHERE known_id IS NULL AND earlier < count
    ON CONFLICT DO NOTHING
    RETURNING 1
)
SELECT 0, (SELECT count(*) FROM written)::text, NULL, NULL, NULL
UNION ALL
SELECT asked.position::int4, known.answer, known.prompt, known.stage, known.code
FROM asked LEFT JOIN calls_toolcall known ON known.id = asked.known_id
WHERE asked.known_id IS NOT NULL OR asked.earlier >= asked.count
"""  # noqa: S608
_FORMATS = [pq.Format.BINARY] * 24
# The planner must never think that a table is small: these plans live as long as the connection.
_SESSION = (
    "SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan; SET jit = off; SET statement_timeout = '8s'"
)


class Ledger:
    """One connection that only writes batches. Not for concurrent use."""

    def __init__(self, connection: psycopg.AsyncConnection) -> None:
        self._connection = connection
        self._pg = connection.pgconn
        self._loop = asyncio.get_running_loop()
        self._socket = self._pg.socket
        self._on_reply: Callable[[psycopg.Error | None], None] | None = None
        self._results: list[pq.abc.PGresult] = []
        # Calls whose row is certainly there: theirs is not offered again.
        self._known: dict[UUID, None] = {}
        self._loop.add_reader(self._socket, self._readable)

    @classmethod
    async def connect(cls, url: str, timeout_seconds: float) -> Ledger:
        """Open the connection and prepare its two statements. Raises psycopg.Error or TimeoutError."""
        async with asyncio.timeout(timeout_seconds):
            connection = await psycopg.AsyncConnection.connect(
                url, autocommit=True, connect_timeout=max(2, int(timeout_seconds)), application_name="pete-inbox"
            )
            await connection.execute(_SESSION)
            await connection.execute("PREPARE events AS " + _EVENTS_SQL)
            await connection.execute("PREPARE tools AS " + _TOOLS_SQL)
        connection.pgconn.nonblocking = 1
        return cls(connection)

    async def close(self) -> None:
        self._loop.remove_reader(self._socket)
        await self._connection.close()

    async def write(self, events: Sequence[EventRow], tools: Sequence[ToolRow]) -> list[Verdict]:
        """Commit a batch and return a verdict per tool row: None when it was written as given.

        Raises psycopg.Error; the batch is then not written.
        """
        done: asyncio.Future[list[Verdict]] = self._loop.create_future()

        def answered(answer: list[Verdict] | Exception) -> None:
            if done.done():
                return
            if isinstance(answer, Exception):
                done.set_exception(answer)
            else:
                done.set_result(answer)

        self.send(events, tools, answered)
        return await done

    def send(self, events: Sequence[EventRow], tools: Sequence[ToolRow], answered: Answered) -> None:
        """Have a batch committed: `answered` is called with what `write` returns or raises, once, and at once."""
        known = self._known
        new = {event.call_id: event for event in events if event.call_id not in known}
        parameters = _event_parameters(new, events)
        if tools:
            parameters += _tool_parameters(tools)
        statement = b"tools" if tools else b"events"

        def committed(error: psycopg.Error | None) -> None:
            if error is not None:
                answered(error)
                return
            written, verdicts = _verdicts(self._rows(), len(tools)) if tools else (0, [])
            if written + sum(verdict is not None for verdict in verdicts) < len(tools):
                # Another process wrote the same tool call at the same time; now its answer can be read.
                self._execute(statement, parameters, committed)
                return
            if len(known) > MOST_KNOWN_CALLS:
                known.clear()
            known.update(dict.fromkeys(new))
            answered(verdicts)

        self._execute(statement, parameters, committed)

    def forget_calls(self) -> None:
        """Offer every call's row again: one may have been deleted."""
        self._known.clear()

    def _execute(
        self, statement: bytes, parameters: list[bytes], on_reply: Callable[[psycopg.Error | None], None]
    ) -> None:
        self._on_reply = on_reply
        self._results = []
        formats = _FORMATS[: len(parameters)]
        self._pg.send_query_prepared(statement, parameters, formats, pq.Format.BINARY)
        self._flush()

    def _flush(self) -> None:
        try:
            is_full = self._pg.flush()
        except psycopg.Error as exc:
            self._replied(exc)
            return
        if is_full:
            # As with a batch of large bodies.
            self._loop.call_later(0.001, self._flush)

    def _rows(self) -> list[Row]:
        result = self._results[0]
        return [[result.get_value(row, column) for column in range(result.nfields)] for row in range(result.ntuples)]

    def _readable(self) -> None:
        pg = self._pg
        try:
            pg.consume_input()
            while not pg.is_busy():
                result = pg.get_result()
                if result is None:
                    self._replied(None)
                    return
                self._results.append(result)
        except psycopg.Error as exc:
            self._loop.remove_reader(self._socket)
            self._replied(exc)

    def _replied(self, error: psycopg.Error | None) -> None:
        on_reply, self._on_reply = self._on_reply, None
        if on_reply is None:
            return
        # A deferred constraint speaks up at the commit, after the rows of the answer.
        refused = [result for result in self._results if result.status != pq.ExecStatus.TUPLES_OK]
        if error is None and refused:
            error = psycopg.errors.error_from_result(refused[0])
        on_reply(error)


Row = list[bytes | None]


def _event_parameters(new: dict[UUID, EventRow], events: Sequence[EventRow]) -> list[bytes]:
    calls = list(new.values())
    return [
        binary.uuids([call.call_id.bytes for call in calls]),
        binary.texts([call.vapi_id for call in calls]),
        binary.texts([call.direction for call in calls]),
        binary.texts([call.customer_number for call in calls]),
        binary.texts([call.assistant_id for call in calls]),
        binary.uuids([event.call_id.bytes for event in events]),
        binary.uuids([event.fingerprint for event in events]),
        binary.texts([event.type for event in events]),
        binary.instants([event.at for event in events]),
        binary.byteas([event.body for event in events]),
    ]


def _tool_parameters(tools: Sequence[ToolRow]) -> list[bytes]:
    return [
        binary.uuids([tool.call_id.bytes for tool in tools]),
        binary.texts([tool.tool_call_id for tool in tools]),
        binary.uuids([tool.fingerprint for tool in tools]),
        binary.texts([tool.name for tool in tools]),
        binary.jsons([tool.arguments for tool in tools]),
        binary.texts([tool.answer for tool in tools]),
        binary.texts([tool.prompt for tool in tools]),
        binary.texts([tool.code for tool in tools]),
        binary.texts([tool.stage for tool in tools]),
        binary.jsons([tool.facts for tool in tools]),
        binary.floats([tool.duration_ms for tool in tools]),
        binary.instants([tool.at for tool in tools]),
        binary.integers([tool.count for tool in tools]),
        binary.long_integers([tool.stage_prompt_id for tool in tools]),
    ]


def _verdicts(rows: list[Row], size: int) -> tuple[int, list[Verdict]]:
    """Return how many rows were written, and the verdict on each one given."""
    verdicts: list[Verdict] = [None] * size
    written = 0
    for number, *fields in rows:
        position = int.from_bytes(number or b"")
        words = [(field or b"").decode() for field in fields]
        if position == 0:
            written = int(words[0])
        else:
            verdicts[position - 1] = HELD if fields[0] is None else Stored(*words)
    return written, verdicts
