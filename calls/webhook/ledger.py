"""How a batch of deliveries is written: one statement with many rows, which is one transaction.

The statement also tells what PostgreSQL knew better: a tool call that was answered before, and one whose stage state
had been lost, which is recognised by the call having more tool calls here than the state has seen.

A message that is one stage change is written as one row, its event with the answer: that is what the caller waits for.
`calls.promotion` makes the rows of the call and of the tool call of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import psycopg
from psycopg import pq

from calls.webhook import answered as answered_tools
from calls.webhook import binary, lenient, statements

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
    """One answered tool call. `facts` is JSON; `count` is what the stage state had seen.

    `stage_prompt_id` is the version of the prompt in the answer, 0 for none.
    """

    call_id: UUID
    tool_call_id: str
    fingerprint: bytes
    name: str
    arguments: dict[str, Any]
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


class Change(NamedTuple):
    """One message that is one stage change. `answer` is the tool call as its event keeps it."""

    event: EventRow
    tool: ToolRow
    answer: bytes


class Held:
    """The tool call was not written: its stage state does not know what PostgreSQL knows."""


HELD = Held()
Verdict = Stored | Held | None
Answered = Callable[["list[Verdict] | Exception"], None]
Told = Callable[["list[Verdict]"], None]
Row = list[bytes | None]


class Batch(NamedTuple):
    """What is committed together: events, and either answered tool calls of theirs or stage changes beside them."""

    events: Sequence[EventRow]
    tools: Sequence[ToolRow] = ()
    changes: Sequence[Change] = ()


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
        """Open the connection and prepare its statements. Raises psycopg.Error or TimeoutError."""
        async with asyncio.timeout(timeout_seconds):
            connection = await psycopg.AsyncConnection.connect(
                url, autocommit=True, connect_timeout=max(2, int(timeout_seconds)), application_name="pete-inbox"
            )
            await connection.execute(_SESSION)
            for name in ("events", "tools", "changes", "known"):
                await connection.execute(f"PREPARE {name} AS {getattr(statements, name.upper())}")
        connection.pgconn.nonblocking = 1
        return cls(connection)

    async def close(self) -> None:
        self._loop.remove_reader(self._socket)
        await self._connection.close()

    async def write(self, batch: Batch) -> list[Verdict]:
        """Commit a batch and return a verdict per tool call: None when it was written as given.

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

        self.send(batch, answered)
        return await done

    def send(self, batch: Batch, answered: Answered) -> None:
        """Have a batch committed: `answered` is called with what `write` returns or raises, once, and at once."""
        new = {event.call_id: event for event in batch.events if event.call_id not in self._known}
        parameters = _event_parameters(new, batch.events)

        def told(verdicts: list[Verdict]) -> None:
            if len(self._known) > MOST_KNOWN_CALLS:
                self._known.clear()
            self._known.update(dict.fromkeys(new))
            answered(verdicts)

        if batch.changes:
            self._send_changes(batch.changes, parameters, told, answered)
        elif batch.tools:
            self._send_tools(batch.tools, parameters, told, answered)
        else:
            self._ask(b"events", parameters, lambda _: told([]), answered)

    def _send_tools(self, tools: Sequence[ToolRow], parameters: list[bytes], told: Told, answered: Answered) -> None:
        parameters += _tool_parameters(tools)

        def committed(rows: list[Row]) -> None:
            written, verdicts = _verdicts(rows, len(tools))
            if written + sum(verdict is not None for verdict in verdicts) < len(tools):
                # Another process wrote the same tool call at the same time; now its answer can be read.
                self._ask(b"tools", parameters, committed, answered)
            else:
                told(verdicts)

        self._ask(b"tools", parameters, committed, answered)

    def _send_changes(self, changes: Sequence[Change], parameters: list[bytes], told: Told, answered: Answered) -> None:
        def committed(rows: list[Row]) -> None:
            if int.from_bytes(rows[0][0] or b"") == len(changes):
                told([None] * len(changes))
            else:
                self._ask(b"known", _keys(changes), lambda found: told(_known_verdicts(found, changes)), answered)

        self._ask(b"changes", parameters + _change_parameters(changes), committed, answered)

    def forget_calls(self) -> None:
        """Offer every call's row again: one may have been deleted."""
        self._known.clear()

    def _ask(
        self, statement: bytes, parameters: list[bytes], on_rows: Callable[[list[Row]], None], answered: Answered
    ) -> None:
        """Run one statement; `on_rows` gets what it returns, `answered` what went wrong."""

        def replied(error: psycopg.Error | None) -> None:
            if error is not None:
                answered(error)
            else:
                on_rows(self._rows())

        self._on_reply = replied
        self._results = []
        self._pg.send_query_prepared(statement, parameters, _FORMATS[: len(parameters)], pq.Format.BINARY)
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
        binary.jsons([lenient.encode(tool.arguments) for tool in tools]),
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


def _change_parameters(changes: Sequence[Change]) -> list[bytes]:
    events, tools = [change.event for change in changes], [change.tool for change in changes]
    return [
        *_keys(changes),
        binary.texts([event.type for event in events]),
        binary.instants([event.at for event in events]),
        binary.byteas([event.body for event in events]),
        binary.byteas([change.answer for change in changes]),
        binary.texts([tool.tool_call_id for tool in tools]),
        binary.uuids([tool.fingerprint for tool in tools]),
        binary.integers([tool.count for tool in tools]),
    ]


def _keys(changes: Sequence[Change]) -> list[bytes]:
    return [
        binary.uuids([change.event.call_id.bytes for change in changes]),
        binary.uuids([change.event.fingerprint for change in changes]),
    ]


def _known_verdicts(rows: list[Row], changes: Sequence[Change]) -> list[Verdict]:
    """Return the verdicts from what the events of these changes keep as the answer."""
    verdicts: list[Verdict] = []
    for (known,), change in zip(rows, changes, strict=True):
        if known is None:
            # Told by a row of its own, or by a message that said more, or not at all.
            verdicts.append(HELD)
        elif known == change.answer:
            verdicts.append(None)
        else:
            kept = answered_tools.decode(known)
            verdicts.append(Stored(kept.answer, kept.prompt, kept.stage, kept.code))
    return verdicts


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
