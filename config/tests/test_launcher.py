import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import psutil
import pytest

from config import embedded
from config.launcher import LaunchError, refuse_taken_port

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 90


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Running:
    """A whole desk, as `make run` starts it, and everything it prints."""

    def __init__(self, data_dir, port):
        self.url = f"http://127.0.0.1:{port}"
        names = ("HOME", "LANG", "PATH")
        self.environment = {name: os.environ[name] for name in names if name in os.environ}
        self.environment |= {"DATA_DIR": str(data_dir), "PORT": str(port), "DEMO": "0"}
        self.lines = []

    def start(self):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "config.launcher"],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        threading.Thread(target=self._read, args=(self.process.stdout,), daemon=True).start()
        assert self.wait_for(lambda: self.said("Pete is ready at") or self.process.poll() is not None)
        assert self.said("Pete is ready at"), self.lines
        return self

    def _read(self, stream):
        for line in stream:
            self.lines.append(line.rstrip())

    def said(self, words):
        return [line for line in self.lines if words in line]

    def wait_for(self, condition, seconds=START_SECONDS):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if condition():
                return True
            time.sleep(0.05)
        return False

    def processes(self):
        """Every living process of this desk, also those that lost their parent."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get("DATA_DIR") == self.environment["DATA_DIR"] and process.status() != "zombie":
                    found.append(process)
            except psutil.Error:
                continue
        return [process for process in found if process.pid != os.getpid()]

    def answers(self):
        try:
            with urllib.request.urlopen(f"{self.url}/ready", timeout=2) as answer:
                return answer.status == 200
        except OSError:
            return False


@pytest.fixture
def desk():
    base = embedded.throwaway_directory()
    running = Running(base / "the desk", free_port())
    yield running
    for process in running.processes():
        process.kill()
    subprocess.run(["rm", "-rf", base], check=True)


def test_a_desk_starts_survives_crashes_and_ends_completely(desk):
    desk.start()

    assert desk.answers()
    (ready,) = desk.said("Pete is ready at")
    assert ready.startswith(f"Pete is ready at {desk.url} - sign in as admin@pete.local with password ")
    assert not (Path(desk.environment["DATA_DIR"]) / "secrets" / "admin_password").exists()

    web = next(process for process in desk.processes() if "uvicorn" in process.cmdline())
    # A minute is how long nginx keeps an idle connection, and may send the next delivery on it.
    assert int(web.cmdline()[web.cmdline().index("--timeout-keep-alive") + 1]) > 60
    web.kill()
    assert desk.wait_for(lambda: desk.said("web was ended by SIGKILL; starting it again"))
    keeper = next(process for process in desk.processes() if "config.keeper" in process.cmdline())
    keeper.kill()
    assert desk.wait_for(lambda: desk.said("the keeper of the stores is gone"))
    assert desk.wait_for(desk.answers)

    os.killpg(desk.process.pid, signal.SIGTERM)

    assert desk.process.wait(20) == 0
    assert desk.processes() == []


def test_a_desk_recovers_after_kill_9_of_everything(desk):
    desk.start()
    for process in desk.processes():
        process.kill()
    desk.process.wait(20)
    desk.lines.clear()

    desk.start()

    assert desk.answers()
    assert desk.said("with the password shown at the first start")
    desk.process.send_signal(signal.SIGINT)
    assert desk.process.wait(20) == 0
    assert desk.processes() == []


def test_a_killed_launcher_takes_everything_with_it(desk):
    desk.start()

    desk.process.kill()

    assert desk.wait_for(lambda: desk.processes() == [], 20)


def test_a_taken_port_is_refused_with_what_to_do():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        with pytest.raises(LaunchError, match=f"Port {port} on 127.0.0.1 is taken"):
            refuse_taken_port("127.0.0.1", port)
