"""How long a hundred mailboxes take: the first reading, and a round in which nothing has changed.

`python -m benchmarks.calendar_sync [--mailboxes N] [--events N] [--latency SECONDS]` prints a table and writes
`benchmarks/results/calendar_sync.json`. The stand-in for Graph runs in a process of its own and takes `latency` for
each answer; one worker process reads, with its own PostgreSQL and Valkey.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any

from config import embedded

RESULTS = Path(__file__).resolve().parent / "results" / "calendar_sync.json"
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Measured:
    """One pass over all mailboxes. `most_at_once` is the most requests that were in flight at one mailbox."""

    what: str
    seconds: float
    requests: int
    refused: int
    most_at_once: int
    busy_times: int


def serve(pipe: Pipe, mailboxes: int, events: int, latency: float) -> None:
    """Run the stand-in: tell its address and tokens, then, whenever asked, of the requests since."""
    from calendar_sync.sandbox import Sandbox, Server

    sandbox = Sandbox()
    start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + HOUR
    tokens = {}
    for number in range(mailboxes):
        address = f"agent{number}@northside.example"
        outlook = sandbox.add_person(address)
        outlook.import_events((f"Event {n}", start + 2 * n * HOUR, start + (2 * n + 1) * HOUR) for n in range(events))
        calendar_id = sandbox.mailboxes[address].default_calendar.id
        tokens[address] = (sandbox.entra.token_for(address), calendar_id)
    sandbox.graph.latency = latency
    with Server(sandbox) as server:
        pipe.send((server.graph_url, tokens))
        while pipe.recv() == "count":
            statuses = Counter(entry.response.status if entry.response else 0 for entry in sandbox.graph.log)
            pipe.send((statuses.total(), statuses.total() - statuses[200], max(sandbox.graph.peak.values(), default=0)))
            sandbox.graph.log.clear()


@contextmanager
def stand_in(mailboxes: int, events: int, latency: float) -> Iterator[Pipe]:
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(there, mailboxes, events, latency))
    process.start()
    try:
        yield here
    finally:
        here.send("stop")
        process.join()


@contextmanager
def stores() -> Iterator[None]:
    """Give this process an empty database and an empty Valkey."""
    data_dir = embedded.throwaway_directory()
    os.environ |= {
        "DATA_DIR": str(data_dir),
        "SECRET_KEY": "only-for-this-benchmark-0123456789abcdefghijklmn",
        "REDIS_URL": embedded.Layout(data_dir).redis_url,
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }
    kept = embedded.hold(data_dir, throwaway=True)
    try:
        yield
    finally:
        kept.release()


def connect_all(graph_url: str, mailboxes: dict[str, tuple[str, str]]) -> None:
    """Make an agent for each mailbox, connected and not read yet."""
    from django.conf import settings
    from django.core.management import call_command
    from django.utils import timezone

    from calendar_sync.models import Calendar, Connection
    from crm.models import Agent

    settings.GRAPH_URL = graph_url
    call_command("migrate", verbosity=0)
    for address, (token, calendar_id) in mailboxes.items():
        agent = Agent.objects.create(email=address, full_name=address, timezone="America/Chicago")
        connection = Connection.objects.create(
            agent=agent, tenant_id="tenant", object_id=address, access_expires_at=timezone.now() + HOUR
        )
        keep_token(connection, token)
        Calendar.objects.create(connection=connection, external_id=calendar_id, name="Calendar", is_read=True)


def keep_token(connection: Any, token: str) -> None:
    """Store a token as sign-in does: in MSAL's cache, sealed."""
    import msal

    from calendar_sync import tokens
    from calendar_sync.clouds import cloud

    cache = msal.SerializableTokenCache()
    answer = {"access_token": token, "expires_in": 3600, "token_type": "Bearer"}
    cache.add(
        {"client_id": "benchmark", "scope": cloud().scopes, "token_endpoint": "https://login/x/t", "response": answer}
    )
    tokens.keep(connection, cache, 3600)


def measure(what: str, pipe: Pipe) -> Measured:
    """Read all that is due, as the beat does: run after run until nothing is."""
    from django.utils import timezone

    from calendar_sync import poll
    from calendar_sync.mirror import due
    from crm.models import BusyTime

    started = time.perf_counter()
    while due(timezone.now()).exists():
        poll.poll()
    seconds = time.perf_counter() - started
    pipe.send("count")
    requests, refused, peak = pipe.recv()
    return Measured(what, round(seconds, 2), requests, refused, peak, BusyTime.objects.count())


def run(mailboxes: int, events: int, latency: float) -> list[Measured]:
    """Measure the first reading and an idle round."""
    import django

    with stores(), stand_in(mailboxes, events, latency) as pipe:
        django.setup()
        from django.utils import timezone

        from calendar_sync.models import Calendar

        connect_all(*pipe.recv())
        first = measure("first reading", pipe)
        Calendar.objects.update(next_sync_at=timezone.now())
        return [first, measure("idle round", pipe)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mailboxes", type=int, default=100)
    parser.add_argument("--events", type=int, default=500)
    parser.add_argument("--latency", type=float, default=0.2, help="seconds that Graph takes for each answer")
    options = vars(parser.parse_args())
    found = run(**options)
    print(f"{options['mailboxes']} mailboxes x {options['events']} events, {options['latency']} s for each answer")
    print(f"{'':16}{'seconds':>9}{'requests':>10}{'refused':>9}{'at once':>9}{'busy times':>12}")
    for row in found:
        print(f"{row.what:16}{row.seconds:9.2f}{row.requests:10}{row.refused:9}{row.most_at_once:9}{row.busy_times:12}")
    RESULTS.parent.mkdir(exist_ok=True)
    result = {
        **options,
        "cores": os.cpu_count(),
        "machine": platform.platform(),
        "runs": [asdict(row) for row in found],
    }
    RESULTS.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
