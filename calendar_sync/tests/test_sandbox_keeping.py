"""The stand-in outlives a crash: what was answered is there when it is started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import httpx
import pytest

from calendar_sync.sandbox import Sandbox, demo
from calendar_sync.sandbox.keeping import Keeper
from calendar_sync.tests.conftest import HEADERS
from config.launcher import free_port

MARCUS = demo.PEOPLE[0][0]
EVENT = {
    "subject": "Viewing",
    "start": {"dateTime": "2027-06-07T09:00:00", "timeZone": "UTC"},
    "end": {"dateTime": "2027-06-07T10:00:00", "timeZone": "UTC"},
    "transactionId": "c0ffee00-0000-5000-8000-000000000001",
}


def test_all_of_it_comes_back_as_it_was(tmp_path, sandbox, entra):
    demo.fill(sandbox)
    outlook = sandbox.outlook(MARCUS)
    master = next(event for event in outlook.events() if event.recurrence)
    outlook.delete(master.occurrence_id(master.start.date()))
    entra.sign_in(MARCUS)
    Keeper(sandbox, tmp_path / "state.json").save()

    again = Sandbox()
    assert Keeper(again, tmp_path / "state.json").load()

    assert again.state() == sandbox.state()
    assert again.outlook(MARCUS).events() == outlook.events()
    assert again.mailboxes[MARCUS].log == outlook.mailbox.log
    assert again.entra.refresh_tokens == sandbox.entra.refresh_tokens
    assert again.entra.access_tokens == sandbox.entra.access_tokens
    # What changes from now on is told, as before.
    assert again.mailboxes[MARCUS].listeners != []
    assert (tmp_path / "state.json").stat().st_mode & 0o777 == 0o600


def test_there_is_nothing_to_take_over_at_first(tmp_path):
    assert not Keeper(Sandbox(), tmp_path / "state.json").load()


@pytest.fixture
def process(tmp_path):
    """Start the stand-in with a file; call again to kill it and start it anew."""
    port, running = free_port(), []
    options = ["--demo", "--quiet", "--port", str(port), "--person", "ada@example.com"]

    def start() -> str:
        for old in running:
            old.send_signal(signal.SIGKILL)
            old.wait()
        command = [sys.executable, "-m", "calendar_sync.sandbox", *options, "--state", str(tmp_path / "state.json")]
        running[:] = [subprocess.Popen(command, env={**os.environ})]
        _until_it_answers(f"http://127.0.0.1:{port}")
        return f"http://127.0.0.1:{port}"

    yield start
    for old in running:
        old.kill()
        old.wait()


def _until_it_answers(url: str) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            httpx.get(f"{url}/_sandbox/state", trust_env=False)
            return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError("the stand-in does not answer")


def test_an_event_that_was_answered_is_there_after_a_kill(process):
    url = process()
    token = httpx.post(f"{url}/_sandbox/people/{MARCUS}/token", trust_env=False).json()["access_token"]
    headers = {**HEADERS, "Authorization": f"Bearer {token}"}
    made = httpx.post(f"{url}/v1.0/me/events", json=EVENT, headers=headers, trust_env=False)
    assert made.status_code == 201

    assert process() == url

    found = httpx.get(f"{url}/v1.0/me/events/{made.json()['id']}", headers=headers, trust_env=False)
    assert (found.status_code, found.json()["subject"]) == (200, "Viewing")
    again = httpx.post(f"{url}/v1.0/me/events", json=EVENT, headers=headers, trust_env=False)
    assert again.json()["id"] == made.json()["id"]
