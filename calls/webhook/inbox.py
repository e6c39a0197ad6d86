"""Group commit: whatever waits is written by one statement and one COMMIT, and only then acknowledged.

While one batch is on its way the next one gathers, so the batch grows with the load and one request alone waits for
nobody. When PostgreSQL is away, what waits is refused after a short while, and the connection comes back by itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

import psycopg
from psycopg import errors

from calls.webhook.kinds import QUIET
from calls.webhook.ledger import Batch, Change, EventRow, Ledger, ToolRow, Verdict

logger = logging.getLogger(__name__)

_MOST_ROWS = 512
_MOST_BYTES = 16 * 1024 * 1024
# More waiting than this would be answered too late anyway.
_MOST_WAITING = 20_000
_WRITE_TIMEOUT_SECONDS = 10.0
_CONNECT_TIMEOUT_SECONDS = 2.0
# How long a delivery waits for a lost PostgreSQL: a restart is shorter, a caller's patience too.
_PATIENCE_SECONDS = 2.5
_BACKOFF_SECONDS = (0.02, 0.05, 0.1, 0.25, 0.5, 1.0)
_CONNECTION_ERRORS = (errors.OperationalError, errors.InterfaceError, TimeoutError, OSError)
# Not the rows' fault and not the connection's: the same batch will go through when tried again.
_TRY_AGAIN = (errors.DeadlockDetected, errors.SerializationFailure, errors.ForeignKeyViolation)


class StoreDown(Exception):
    """PostgreSQL did not take the delivery; nothing was promised (503)."""


class Poisoned(StoreDown):
    """PostgreSQL refuses these very rows."""


@dataclass(slots=True, eq=False)
class _Entry:
    event: EventRow
    tools: Sequence[ToolRow]
    done: asyncio.Future[list[Verdict]]
    deadline: float
    one_row: bytes


class Inbox:
    """Writes deliveries in batches over one connection of its own.

    As long as all is well no task takes part: what PostgreSQL answers starts the next batch at once. A task connects,
    and looks into what went wrong.
    """

    def __init__(self, url: str, on_commit: Callable[[Iterable[UUID]], None]) -> None:
        self._url = url
        self._on_commit = on_commit
        self._waiting: deque[_Entry] = deque()
        self._ledger: Ledger | None = None
        self._writing: list[_Entry] | None = None
        self._is_woken = False
        self._timeout: asyncio.TimerHandle | None = None
        self._failure: BaseException | None = None
        # The task has something to do.
        self._needed = asyncio.Event()
        self._attempt = 0
        self._worker: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()

    def start(self) -> None:
        """Begin to write. Idempotent."""
        if self._worker is None:
            self._worker = self._loop.create_task(self._run(), name="inbox")

    async def close(self) -> None:
        """Write what waits, then stop."""
        for _ in range(100):
            if not self._waiting and self._writing is None:
                break
            await asyncio.sleep(0.02)
        if self._worker is not None:
            self._worker.cancel()
            await asyncio.gather(self._worker, return_exceptions=True)
            self._worker = None
        _refuse([*(self._writing or ()), *self._waiting], StoreDown("the process ends"))
        self._waiting.clear()
        await self._disconnect()

    def commit(
        self, event: EventRow, tools: Sequence[ToolRow] = (), *, one_row: bytes = b""
    ) -> asyncio.Future[list[Verdict]]:
        """Store one delivery with its answered tool calls; the future ends after the commit.

        With `one_row`, its one tool call as the event is to keep it, nothing but the event is written. The future
        raises StoreDown when PostgreSQL did not take it in time, Poisoned when it never will.
        """
        done: asyncio.Future[list[Verdict]] = self._loop.create_future()
        if len(self._waiting) >= _MOST_WAITING:
            done.set_exception(StoreDown("too many deliveries are waiting"))
            return done
        self._waiting.append(_Entry(event, tools, done, self._loop.time() + _PATIENCE_SECONDS, one_row))
        if self._writing is None and not self._is_woken:
            # What arrives in the same turn of the loop goes along.
            self._is_woken = True
            self._loop.call_soon(self._begin)
        return done

    def _begin(self) -> None:
        """Send the next batch, unless one is on its way."""
        self._is_woken = False
        if self._writing is not None or not self._waiting:
            return
        if self._ledger is None:
            self._needed.set()
            return
        # One order for everybody: two processes that write the same calls wait for each other, not in a circle.
        batch = self._writing = sorted(self._batch(), key=lambda entry: entry.event.call_id)
        self._timeout = self._loop.call_later(_WRITE_TIMEOUT_SECONDS, self._fail, TimeoutError("no answer"))
        try:
            self._ledger.send(_rows(batch), self._answered)
        except Exception as exc:
            self._fail(exc)

    def _answered(self, answer: list[Verdict] | Exception) -> None:
        batch = self._writing
        if isinstance(answer, Exception):
            self._fail(answer)
        elif batch is not None:
            self._stop_clock()
            self._writing = self._failure = None
            # PostgreSQL first: it works on the next batch while this one's answers leave.
            self._begin()
            self._settle(batch, answer)

    def _fail(self, exc: BaseException) -> None:
        """Leave the batch to the task."""
        self._stop_clock()
        self._failure = exc
        self._needed.set()

    def _stop_clock(self) -> None:
        if self._timeout is not None:
            self._timeout.cancel()
            self._timeout = None

    async def _run(self) -> None:
        while True:
            await self._needed.wait()
            self._needed.clear()
            try:
                if self._writing is not None and self._failure is not None:
                    await self._look_into(self._writing, self._failure)
                while self._waiting and self._ledger is None:
                    await self._connect()
            except Exception:
                # Nothing but a bug comes here, and the door must outlive it.
                logger.exception("The inbox failed")
            self._begin()

    async def _look_into(self, batch: list[_Entry], exc: BaseException) -> None:
        self._failure = None
        try:
            if self._ledger is not None:
                await self._failed(self._ledger, batch, exc)
        except BaseException:
            # A bug, or the end of the process: nobody waits for ever.
            _refuse(batch, StoreDown("the inbox failed"))
            raise
        finally:
            self._writing = None

    def _batch(self) -> list[_Entry]:
        """Take what waits, in order, within bounds; a tool call twice in one batch waits for the next.

        So do tool calls that are written another way than the first ones.
        """
        batch: list[_Entry] = []
        later: list[_Entry] = []
        seen: set[tuple[UUID, str, bytes]] = set()
        size = 0
        in_one_row: bool | None = None
        while self._waiting and len(batch) < _MOST_ROWS and size < _MOST_BYTES:
            entry = self._waiting.popleft()
            if entry.tools:
                keys = {(tool.call_id, tool.tool_call_id, tool.fingerprint) for tool in entry.tools}
                if in_one_row is None:
                    in_one_row = bool(entry.one_row)
                if bool(entry.one_row) is not in_one_row or not seen.isdisjoint(keys):
                    later.append(entry)
                    continue
                seen |= keys
            size += len(entry.event.body)
            batch.append(entry)
        self._waiting.extendleft(reversed(later))
        return batch

    async def _failed(self, ledger: Ledger, batch: list[_Entry], exc: BaseException) -> None:
        if isinstance(exc, _TRY_AGAIN):
            logger.warning("A batch of %d is written again: %s", len(batch), _line(exc))
            # A call that was known may have been deleted since.
            ledger.forget_calls()
            self._waiting.extendleft(reversed(batch))
        elif isinstance(exc, _CONNECTION_ERRORS):
            await self._lost(batch, exc)
        elif isinstance(exc, psycopg.Error):
            await self._one_by_one(ledger, batch, exc)
        else:
            raise exc

    def _settle(self, batch: list[_Entry], verdicts: list[Verdict]) -> None:
        self._attempt = 0
        at = 0
        for entry in batch:
            size = len(entry.tools)
            if not entry.done.done():
                entry.done.set_result(verdicts[at : at + size])
            at += size
        self._on_commit({entry.event.call_id for entry in batch if entry.event.type not in QUIET})

    async def _one_by_one(self, ledger: Ledger, batch: list[_Entry], exc: psycopg.Error) -> None:
        """Find the rows that PostgreSQL refuses; their neighbours are not to blame."""
        if len(batch) == 1:
            event = batch[0].event
            logger.error("A %s event of call %s cannot be stored: %s", event.type, event.vapi_id, _line(exc))
            _refuse(batch, Poisoned(_line(exc)))
            return
        logger.warning("A batch of %d is written row by row: %s", len(batch), _line(exc))
        for entry in batch:
            if self._ledger is None:
                self._waiting.appendleft(entry)
            else:
                await self._alone(ledger, entry)

    async def _alone(self, ledger: Ledger, entry: _Entry) -> None:
        try:
            async with asyncio.timeout(_WRITE_TIMEOUT_SECONDS):
                verdicts = await ledger.write(_rows([entry]))
        except (psycopg.Error, TimeoutError) as exc:
            await self._failed(ledger, [entry], exc)
        else:
            self._settle([entry], verdicts)

    async def _lost(self, batch: list[_Entry], exc: BaseException) -> None:
        """Keep the batch for the next connection: writing it twice changes nothing."""
        logger.error("PostgreSQL is lost with %d deliveries waiting: %s", len(batch) + len(self._waiting), _line(exc))
        self._waiting.extendleft(reversed(batch))
        await self._disconnect()

    async def _disconnect(self) -> None:
        ledger, self._ledger = self._ledger, None
        if ledger is not None:
            await ledger.close()

    async def _connect(self) -> None:
        try:
            self._ledger = await Ledger.connect(self._url, _CONNECT_TIMEOUT_SECONDS)
        except (psycopg.Error, TimeoutError, OSError) as exc:
            if self._attempt == 0:
                logger.error("PostgreSQL is out of reach: %s", _line(exc))
            await asyncio.sleep(_BACKOFF_SECONDS[min(self._attempt, len(_BACKOFF_SECONDS) - 1)])
            self._attempt += 1
            self._refuse_the_late()
        else:
            if self._attempt:
                logger.info("PostgreSQL is back")

    def _refuse_the_late(self) -> None:
        now = self._loop.time()
        while self._waiting and self._waiting[0].deadline <= now:
            _refuse([self._waiting.popleft()], StoreDown("PostgreSQL is out of reach"))


def _rows(batch: Sequence[_Entry]) -> Batch:
    changes = [Change(entry.event, entry.tools[0], entry.one_row) for entry in batch if entry.one_row]
    others = [entry for entry in batch if not entry.one_row] if len(changes) < len(batch) else []
    return Batch([entry.event for entry in others], [tool for entry in others for tool in entry.tools], changes)


def _refuse(batch: list[_Entry], reason: StoreDown) -> None:
    for entry in batch:
        if not entry.done.done():
            entry.done.set_exception(reason)


def _line(exc: BaseException) -> str:
    """Return the error on one line, without PostgreSQL's details: they show the row, and so the caller."""
    primary = exc.diag.message_primary if isinstance(exc, psycopg.Error) else None
    return " ".join((primary or str(exc)).split()) or type(exc).__name__
