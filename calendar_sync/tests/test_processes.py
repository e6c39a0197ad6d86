"""Web server, worker and Microsoft 365 each on their own: being told of changes over real processes and sockets."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx
import pytest
from django.db import connection as database

from calendar_sync import choice, tasks
from calendar_sync.models import Calendar
from calendar_sync.sandbox import Server
from calendar_sync.tests.conftest import ADA
from calendar_sync.tests.outbox.conftest import TEN, Desk
from crm.models import Appointment

BASE_DIR = Path(__file__).resolve().parents[2]
START_SECONDS = 60.0


def wait_for(what: Callable[[], Any], seconds: float = 30.0) -> Any:
    """Return the first truth that `what` gives."""
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.05)
    return found


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", trust_env=False).is_success
    except httpx.TransportError:
        return False


@pytest.fixture
def office(graph: Server, settings: Any, tmp_path: Path) -> Iterator[str]:
    """A web process and a worker on this test's database; where the former is. What is queued here, the worker does."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    settings.PUBLIC_URL = f"http://127.0.0.1:{port}"
    stores = urlsplit(settings.DATABASE_URL)._replace(path=f"/{database.settings_dict['NAME']}")
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": urlunsplit(stores),
        "PORT": port,
        "DATA_DIR": str(tmp_path),
        "SECRET_KEY": settings.SECRET_KEY,
        "TOKEN_ENCRYPTION_KEYS": ",".join(settings.TOKEN_ENCRYPTION_KEYS),
        "VAPI_WEBHOOK_SECRET": "only-for-tests",
        "DEMO": "0",
        "MS_SANDBOX_URL": graph.url,
    }
    programs = [
        ["uvicorn", "config.asgi:application", "--port", port],
        ["celery", "--quiet", "-A", "config.celery:app", "worker", "--pool", "threads", "--concurrency", "2"],
    ]
    with ExitStack() as running:
        for program in programs:
            log = running.enter_context((tmp_path / f"{program[0]}.log").open("wb"))
            started = subprocess.Popen(
                [sys.executable, "-m", *program], cwd=BASE_DIR, env=environment, stdout=log, stderr=log
            )
            running.callback(started.wait)
            running.callback(started.kill)
        wait_for(lambda: answers(settings.PUBLIC_URL), START_SECONDS)
        yield settings.PUBLIC_URL


@pytest.mark.django_db(transaction=True)
def test_being_told_of_changes_over_real_processes(connected_agent, sandbox, office):
    desk = Desk(sandbox, connected_agent)
    calendar = Calendar.objects.get()

    # The worker subscribes; Microsoft calls the web process, and believes its answer, before it answers the worker.
    tasks.maintain_subscription.delay(calendar.pk)
    wait_for(lambda: Calendar.objects.get().subscription_id)
    [subscription] = sandbox.state()["subscriptions"]
    assert subscription["notificationUrl"] == f"{office}/calendar/notifications"

    choice.request_sync(connected_agent.calendar_connection)
    wait_for(lambda: Calendar.objects.get().last_synced_at)
    viewing = desk.book()
    wait_for(lambda: Appointment.objects.get().calendar_state == "synced")

    # What a person does in Outlook comes as a notification; nothing here polls.
    sandbox.outlook(ADA).move(desk.event().id, TEN.replace(hour=15))
    wait_for(lambda: desk.fresh(viewing).starts_at == TEN.replace(hour=15))
    sandbox.outlook(ADA).delete(desk.event().id)
    wait_for(lambda: desk.fresh(viewing).status == "cancelled")
