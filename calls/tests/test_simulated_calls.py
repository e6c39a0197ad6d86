"""Simulated calls against the whole product: the real door over HTTP, tools, projection, both stores."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from types import SimpleNamespace

import httpx
import pytest
import uvicorn
from asgiref.sync import sync_to_async
from django.core.management import CommandError, call_command

from calls.demo.load import load_demo
from calls.demo.remove import remove_demo
from calls.models import Call, Phase, WebhookEvent, call_pk
from calls.simulator.runner import Result, Runner
from calls.simulator.scenarios import STORIES
from calls.simulator.wire import Wire
from calls.tests.test_demo import row_counts
from crm.models import Appointment, Lead, Task

pytestmark = pytest.mark.django_db(transaction=True)

SECRET = "the-secret-of-this-test"
LIVE = ("held", "booked")
SETTLE_SECONDS = 20.0


class Server(threading.Thread):
    """The real application on uvicorn, in this process so that it uses the test's databases."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        from config.asgi import application

        self.socket = socket.create_server(("127.0.0.1", 0))
        config = uvicorn.Config(application, log_level="warning", lifespan="on", ws="none", timeout_keep_alive=75)
        self.server = uvicorn.Server(config)
        self.server.install_signal_handlers = lambda: None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.socket.getsockname()[1]}/vapi/webhook"

    def run(self) -> None:
        self.server.run(sockets=[self.socket])

    def stop(self) -> None:
        self.server.should_exit = True
        self.join(10)


@pytest.fixture
def server(settings) -> Iterator[Server]:
    settings.VAPI_WEBHOOK_SECRET = SECRET
    running = Server()
    running.start()
    while not running.server.started:
        assert running.is_alive()
        time.sleep(0.02)
    yield running
    running.stop()


async def play(server: Server, *, calls: int, concurrency: int = 6, run: str = "a") -> tuple[list[Result], Wire]:
    results: list[Result] = []
    async with httpx.AsyncClient(timeout=20, trust_env=False) as client:
        wire = Wire(client, server.url, SECRET)
        await Runner(wire, "1", run, 0.0, on_result=results.append).play_all(calls, concurrency)
    return sorted(results, key=lambda result: result.index), wire


def wait_until_settled() -> None:
    """Wait until every call is folded to its last delivery."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while any(call.projected_events < call.events.count() for call in Call.objects.filter(is_demo=False)):
        assert time.monotonic() < deadline, "calls are not projected"
        time.sleep(0.05)


def calls_by_scenario(results: list[Result]) -> dict[str, list[tuple[Result, Call]]]:
    calls = Call.objects.select_related("lead").in_bulk([call_pk(result.call_id) for result in results])
    found = defaultdict(list)
    for result in results:
        found[result.scenario].append((result, calls[call_pk(result.call_id)]))
    return found


async def test_every_scenario_ends_in_the_database_as_it_should(server):
    await sync_to_async(load_demo)()
    before = await sync_to_async(row_counts)()

    results, wire = await play(server, calls=24)

    assert not wire.tally.errors
    assert not wire.tally.remarks
    assert {result.scenario for result in results} == {story.name for story in STORIES}
    await sync_to_async(check)(results)
    await sync_to_async(check_removal)(before)


def check(results: list[Result]) -> None:
    wait_until_settled()
    scenarios = calls_by_scenario(results)
    everything = [pair for pairs in scenarios.values() for pair in pairs]
    assert len(everything) == 24
    check_calls(everything)
    check_viewings(everything)
    check_follow_ups(scenarios)
    first, second = (call for _, call in scenarios["same slot"][:2])
    starts = [Appointment.objects.get(call_id=call.id, status="booked").starts_at for call in (first, second)]
    assert starts[0] != starts[1]


def check_calls(everything: list[tuple[Result, Call]]) -> None:
    for result, call in everything:
        assert call.phase == Phase.ENDED, result
        assert call.status == "ended", result
        assert call.has_report, result
        assert call.ended_reason, result
        assert call.lead is not None, result
        assert call.assistant is not None, result
        assert (call.transcript == []) == (result.scenario == "no answer"), result
    # Also a caller without a number is one lead, however tools and projection meet.
    assert not Lead.objects.filter(is_demo=False, calls=None).exists()
    assert Counter(call.direction for _, call in everything)["web"] >= 1
    stored = b"".join(bytes(body) for body in WebhookEvent.objects.values_list("body", flat=True))
    assert b"fictional-auth-token" not in stored
    assert b"fictional-tool-secret" not in stored


def check_viewings(everything: list[tuple[Result, Call]]) -> None:
    """One live viewing for each caller whose last call booked or moved one, none for the others."""
    last = {call.lead_id: result.outcome.kind for result, call in everything}
    for result, call in everything:
        live = Appointment.objects.filter(lead=call.lead, status__in=LIVE)
        expected = 1 if last[call.lead_id] in ("booked", "moved", "kept") else 0
        assert live.filter(status="booked").count() == expected, (result, list(live))
        assert call.listing is not None or result.outcome.kind != "booked", result
    names = {(r.caller, c.lead.full_name) for r, c in everything if r.outcome.kind == "booked"}
    assert all(said == stored for said, stored in names)
    numbers = [call.customer_number for _, call in everything if call.customer_number]
    assert Lead.objects.filter(phone__in=numbers).count() == len(set(numbers))


def check_follow_ups(scenarios: dict[str, list[tuple[Result, Call]]]) -> None:
    for name in ("hangs up", "holds, hangs up", "wants a person"):
        for result, call in scenarios[name]:
            assert Task.objects.filter(lead=call.lead, done_at=None).exists(), result
    for name in ("comes back to move", "comes back to cancel"):
        for result, call in scenarios[name]:
            assert not Task.objects.filter(lead=call.lead, done_at=None).exists(), result


def check_removal(before: dict[str, int]) -> None:
    remove_demo()
    after = row_counts()
    gone = {label for label, count in before.items() if count and not after[label]}
    assert {"crm.Lead", "crm.Agent", "crm.Appointment", "calls.Call", "calls.Assistant", "crm.Listing"} <= gone
    assert not any(after[label] for label in ("calls.WebhookEvent", "calls.ToolCall", "crm.Task", "crm.TimelineEntry"))


async def test_a_replayed_run_changes_nothing(server):
    await sync_to_async(load_demo)()
    first, _ = await play(server, calls=12, concurrency=1)
    await sync_to_async(wait_until_settled)()
    before = await sync_to_async(row_counts)()

    second, wire = await play(server, calls=12, concurrency=1)
    await sync_to_async(wait_until_settled)()

    assert not wire.tally.errors
    assert [(r.call_id, r.outcome) for r in second] == [(r.call_id, r.outcome) for r in first]
    after = await sync_to_async(row_counts)()
    changed = {label for label in after if after[label] != before[label]}
    # The deliveries carry other times, so the ledger keeps them; nothing follows from them.
    assert changed <= {"calls.WebhookEvent"}


def test_a_wrong_secret_is_told_in_one_sentence(server, monkeypatch):
    # Not through Django's settings: the server in this process would learn of it.
    mistaken = SimpleNamespace(VAPI_WEBHOOK_SECRET="forged")
    monkeypatch.setattr("calls.management.commands.simulate_calls.settings", mistaken)

    with pytest.raises(CommandError, match="refuses the secret"):
        call_command("simulate_calls", calls=1, url=server.url)
    assert not Call.objects.exists()
