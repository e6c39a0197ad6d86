"""Group commit: batches, poison, back-pressure, and a PostgreSQL that comes and goes."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator

import psycopg
import pytest

from calls import promotion
from calls.models import Call, WebhookEvent, call_pk
from calls.tests.webhook.client import in_database, new_call
from calls.webhook import inbox as inbox_module
from calls.webhook.door import database_url
from calls.webhook.inbox import Inbox, Poisoned, StoreDown
from calls.webhook.ledger import EventRow, ToolRow


def event(call: str = "", body: bytes = b"{}", **fields: object) -> EventRow:
    vapi_id = call or new_call()
    row = EventRow(
        call_pk(vapi_id), vapi_id, "inbound", "", "", uuid.uuid4().bytes, "hang", int(time.time() * 1e6), body
    )
    return row._replace(**fields)


def tool(of: EventRow, arguments: dict[str, object] | None = None, key: str = "t1", count: int = 1) -> ToolRow:
    fingerprint = uuid.uuid4().bytes
    return ToolRow(of.call_id, key, fingerprint, "f", arguments or {}, "Answer", "", "", "", b"{}", 0.0, of.at, count)


@pytest.fixture
async def inbox(transactional_db: None) -> AsyncIterator[Inbox]:
    made = Inbox(database_url(), lambda calls: None)
    made.start()
    yield made
    await made.close()


async def test_what_waits_is_written_together(transactional_db):
    batches: list[set[uuid.UUID]] = []
    inbox = Inbox(database_url(), batches.append)
    inbox.start()
    await asyncio.gather(*(inbox.commit(event()) for _ in range(300)))
    await inbox.close()

    assert await in_database(WebhookEvent.objects.count) == 300
    assert sum(map(len, batches)) == 300
    assert len(batches) <= 3


async def test_a_poisoned_row_does_not_fail_its_neighbours(inbox):
    good = [event() for _ in range(10)]
    bad = event(direction="sideways")
    worse = event()
    waiting = [inbox.commit(row) for row in [*good[:5], bad, *good[5:]]]
    waiting.append(inbox.commit(worse, [tool(worse, arguments={"name": "\0"})]))
    results = await asyncio.gather(*waiting, return_exceptions=True)

    assert [type(r) for r in results if isinstance(r, Exception)] == [Poisoned, Poisoned]
    assert await in_database(WebhookEvent.objects.count) == 10
    assert await in_database(Call.objects.count) == 10


async def test_a_log_of_poison_does_not_show_the_row(inbox, caplog):
    with pytest.raises(Poisoned):
        await inbox.commit(event(direction="sideways", customer_number="+13125550142"))

    assert "call_direction_known" in caplog.text
    assert "+13125550142" not in caplog.text


async def test_a_deleted_call_comes_back_with_its_next_event(inbox):
    call = new_call()
    await inbox.commit(event(call))
    await in_database(Call.objects.all().delete)
    await inbox.commit(event(call))
    await in_database(promotion.promote, [call_pk(call)])

    assert await in_database(WebhookEvent.objects.count) == 1
    assert await in_database(Call.objects.count) == 1


async def test_too_many_waiting_are_refused_at_once(inbox, monkeypatch):
    monkeypatch.setattr(inbox_module, "_MOST_WAITING", 10)
    waiting = [inbox.commit(event()) for _ in range(15)]
    results = await asyncio.gather(*waiting, return_exceptions=True)

    assert [type(r) for r in results if isinstance(r, Exception)] == [StoreDown] * 5
    assert await in_database(WebhookEvent.objects.count) == 10


async def test_a_caller_that_went_away_disturbs_nobody(inbox):
    gone, stays = inbox.commit(event()), inbox.commit(event())
    gone.cancel()
    await stays

    assert await in_database(WebhookEvent.objects.count) == 2


async def test_two_writers_of_the_same_calls_do_not_block_each_other(inbox, transactional_db):
    other = Inbox(database_url(), lambda calls: None)
    other.start()
    calls = [new_call() for _ in range(40)]
    waiting = []
    for round_ in range(10):
        for writer in (inbox, other):
            order = calls if round_ % 2 else list(reversed(calls))
            waiting += [writer.commit(event(call)) for call in order]
        await asyncio.sleep(0)
    await asyncio.gather(*waiting)
    await other.close()

    assert await in_database(WebhookEvent.objects.count) == 800
    assert await in_database(Call.objects.count) == 40


async def test_the_same_tool_call_by_two_writers_is_answered_once(inbox):
    other = Inbox(database_url(), lambda calls: None)
    other.start()
    row = event()
    asked = tool(row)
    first, second = asked._replace(answer="One"), asked._replace(answer="Two")
    (one,), (two,) = await asyncio.gather(inbox.commit(row, [first]), other.commit(row, [second]))
    await other.close()

    assert (one is None) != (two is None)
    stored = one or two
    assert stored.answer == ("One" if one is None else "Two")


async def test_a_lost_connection_is_opened_again_and_nothing_is_lost(inbox, caplog):
    await inbox.commit(event())
    with psycopg.connect(database_url(), autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pete-inbox'")
    await asyncio.gather(*(inbox.commit(event()) for _ in range(50)))

    assert await in_database(WebhookEvent.objects.count) == 51
    assert caplog.text.count("PostgreSQL is lost") == 1


async def test_a_connection_lost_in_the_middle_of_a_write_writes_once(inbox):
    await inbox.commit(event())
    call = new_call()
    blocked = event(call)
    with psycopg.connect(database_url()) as other:
        # An uncommitted row of the same call holds the inbox up in the middle of its statement.
        other.execute(
            "INSERT INTO calls_call SELECT (jsonb_populate_record(c, %s)).* FROM calls_call c LIMIT 1",
            [psycopg.types.json.Jsonb({"id": str(blocked.call_id), "vapi_id": call})],
        )
        waiting = inbox.commit(blocked)
        await asyncio.sleep(0.2)
        with psycopg.connect(database_url(), autocommit=True) as third:
            third.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pete-inbox'"
            )
        await asyncio.sleep(0.1)
        other.rollback()
    await waiting

    assert await in_database(WebhookEvent.objects.filter(call_id=blocked.call_id).count) == 1


class Gate:
    """A PostgreSQL that can be shut, opened, and made to hang, between the inbox and the real one."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.server: asyncio.Server | None = None
        self.hangs = False
        self.streams: list[asyncio.StreamWriter] = []

    async def open(self, folder: str) -> None:
        self.server = await asyncio.start_unix_server(self._pass, f"{folder}/.s.PGSQL.5432")

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        real_reader, real_writer = await asyncio.open_unix_connection(self.path)
        self.streams += [writer, real_writer]
        await asyncio.gather(self._copy(reader, real_writer), self._copy(real_reader, writer))

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                while self.hangs:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
                writer.write(data)
        except ConnectionError:
            pass
        writer.close()

    def shut(self) -> None:
        assert self.server is not None
        self.server.close()
        for stream in self.streams:
            stream.transport.abort()
        self.streams.clear()


@pytest.fixture
async def gate(transactional_db: None, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Gate, str]]:
    parts = psycopg.conninfo.conninfo_to_dict(database_url())
    made = Gate(f"{parts['host']}/.s.PGSQL.{parts.get('port') or 5432}")
    folder = tmp_path_factory.mktemp("g")
    yield made, str(folder)
    made.hangs = False
    if made.server is not None:
        made.shut()


async def test_postgresql_gone_is_said_in_time_and_comes_back_by_itself(gate, monkeypatch, caplog):
    monkeypatch.setattr(inbox_module, "_PATIENCE_SECONDS", 0.5)
    made, folder = gate
    await made.open(folder)
    inbox = Inbox(psycopg.conninfo.make_conninfo(database_url(), host=folder), lambda calls: None)
    inbox.start()
    await inbox.commit(event())
    made.shut()
    started = time.monotonic()
    results = await asyncio.gather(*(inbox.commit(event()) for _ in range(20)), return_exceptions=True)

    assert {type(r) for r in results} == {StoreDown}
    assert time.monotonic() - started < 2
    assert caplog.text.count("ERROR") <= 2
    await made.open(folder)
    await asyncio.wait_for(inbox.commit(event()), 5)
    assert await in_database(WebhookEvent.objects.count) == 2
    await inbox.close()


async def test_a_postgresql_that_hangs_is_not_waited_for_for_ever(gate, monkeypatch):
    monkeypatch.setattr(inbox_module, "_PATIENCE_SECONDS", 0.4)
    monkeypatch.setattr(inbox_module, "_WRITE_TIMEOUT_SECONDS", 0.3)
    monkeypatch.setattr(inbox_module, "_CONNECT_TIMEOUT_SECONDS", 0.3)
    made, folder = gate
    await made.open(folder)
    inbox = Inbox(psycopg.conninfo.make_conninfo(database_url(), host=folder), lambda calls: None)
    inbox.start()
    await inbox.commit(event())
    made.hangs = True
    with pytest.raises(StoreDown):
        await asyncio.wait_for(inbox.commit(event()), 5)
    made.hangs = False
    await asyncio.wait_for(inbox.commit(event()), 5)
    await inbox.close()
