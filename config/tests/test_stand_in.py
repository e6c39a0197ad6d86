"""When the launcher starts the stand-in for Microsoft 365, and how the others learn of it."""

import os
import threading
from types import SimpleNamespace

import pytest

from config import launcher
from config.launcher import Desk


@pytest.fixture
def desk(monkeypatch):
    monkeypatch.delenv("MS_SANDBOX_URL", raising=False)
    return Desk(threading.Event(), None)


@pytest.mark.parametrize(
    ("demo", "client_id", "sandbox_url", "needed"),
    [
        (True, "", "", True),
        (False, "", "", False),
        (True, "a-real-application", "", False),
        (True, "", "http://127.0.0.1:8765", False),
    ],
)
def test_only_a_demo_without_an_application_at_microsoft_needs_it(desk, demo, client_id, sandbox_url, needed):
    desk.settings = SimpleNamespace(DEMO=demo, MS_CLIENT_ID=client_id, MS_SANDBOX_URL=sandbox_url)

    assert desk.needs_stand_in is needed


def test_what_is_started_afterwards_finds_it(desk, monkeypatch, tmp_path):
    started = []
    monkeypatch.setattr(desk.supervisor, "start", started.append)
    monkeypatch.setattr(launcher, "free_port", lambda: 54321)
    desk.settings = SimpleNamespace(ADMIN_EMAIL="boss@pete.local", DATA_DIR=tmp_path)
    state = tmp_path / "microsoft365.json"
    state.write_text("of the desk that ran before")

    desk.start_stand_in()

    [program] = started
    command = " ".join(program.argv[1:])
    options = f"--demo --quiet --port 54321 --person boss@pete.local --state {state}"
    assert command == f"-m calendar_sync.sandbox {options}"
    assert not state.exists()
    assert os.environ["MS_SANDBOX_URL"] == "http://127.0.0.1:54321"
