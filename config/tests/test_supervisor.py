import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

from config import supervisor as supervisor_module
from config.supervisor import Program, Supervisor, describe_exit

ROOT = Path(__file__).resolve().parents[2]
SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)",
]


def wait_for(condition, seconds=10.0):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


def test_a_child_that_dies_is_reported_by_name_and_started_again(tmp_path, monkeypatch):
    monkeypatch.setattr(supervisor_module, "FIRST_BACKOFF_SECONDS", 0.05)
    reports = []
    supervisor = Supervisor(reports.append)
    log = tmp_path / "starts.log"
    command = [sys.executable, "-c", "import os; print(os.getpid(), flush=True); os._exit(3)"]
    supervisor.start(Program("worker", command, cwd=tmp_path, log=log))

    def started_three_times():
        supervisor.check()
        return len(log.read_text().split()) >= 3

    assert wait_for(started_three_times)
    supervisor.stop(timeout_seconds=5)
    assert reports[:2] == [
        "worker ended with exit code 3; starting it again in 0.05 s",
        "worker ended with exit code 3; starting it again in 0.1 s",
    ]


def test_the_backoff_starts_again_after_a_long_healthy_run(tmp_path, monkeypatch):
    monkeypatch.setattr(supervisor_module, "HEALTHY_SECONDS", 0.0)
    monkeypatch.setattr(supervisor_module, "FIRST_BACKOFF_SECONDS", 0.05)
    reports = []
    supervisor = Supervisor(reports.append)
    supervisor.start(Program("beat", ["false"], cwd=tmp_path))

    def died_three_times():
        supervisor.check()
        return len(reports) >= 3

    assert wait_for(died_three_times)
    assert set(reports) == {"beat ended with exit code 1; starting it again in 0.05 s"}


def test_stop_ends_every_child_and_kills_the_one_that_ignores_it(tmp_path):
    reports = []
    supervisor = Supervisor(reports.append)
    log = tmp_path / "stubborn.log"
    supervisor.start(Program("quiet", SLEEP, cwd=tmp_path))
    supervisor.start(Program("stubborn", STUBBORN, cwd=tmp_path, log=log))
    assert wait_for(lambda: log.exists() and "up" in log.read_text())
    children = [child for child in psutil.Process().children() if child.cmdline()[1:2] == ["-c"]]

    supervisor.stop(timeout_seconds=0.5)

    assert reports == ["stubborn did not stop in time; killing it"]
    assert len(children) == 2
    assert not any(child.is_running() for child in children)


def test_stop_also_works_when_one_child_has_died(tmp_path):
    supervisor = Supervisor(lambda message: None)
    supervisor.start(Program("dead", ["true"], cwd=tmp_path))
    supervisor.start(Program("alive", SLEEP, cwd=tmp_path))
    assert wait_for(lambda: supervisor.dead() == ["dead"])
    (alive,) = [child for child in psutil.Process().children() if child.cmdline() == SLEEP]

    supervisor.stop(timeout_seconds=5)

    assert not alive.is_running()


def test_children_do_not_outlive_a_supervisor_that_is_killed(tmp_path):
    source = (
        "import sys, time; from pathlib import Path; from config.supervisor import Program, Supervisor\n"
        "s = Supervisor(print); s.start(Program('child', [sys.executable, '-c', 'import time; time.sleep(60)'],"
        " cwd=Path('.')))\nprint(s._children[0].process.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", source], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    child = int(parent.stdout.readline())
    assert psutil.pid_exists(child)

    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()

    assert wait_for(lambda: not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE)


def test_an_exit_is_described_in_words():
    assert [describe_exit(1), describe_exit(-9)] == ["ended with exit code 1", "was ended by SIGKILL"]
