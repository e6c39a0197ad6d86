"""The process that runs the embedded PostgreSQL and Valkey of one DATA_DIR: `python -m config.keeper DATA_DIR`.

It starts both, restarts one that dies, and stops them once nobody holds `stores.lock` any more (see config.embedded).
"""

import argparse
import fcntl
import os
import shutil
import signal
import socket
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

from config import postgres_server, valkey_server
from config.embedded import STOP_TIMEOUT_SECONDS, Layout
from config.supervisor import Program, Supervisor

TICK_SECONDS = 0.05
PATIENCE_SECONDS = 6.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data_dir", type=Path)
    parser.add_argument("--throwaway", action="store_true", help="fast instead of durable, removed at the end")
    arguments = parser.parse_args()
    layout = Layout(arguments.data_dir)
    # Never closed: the kernel drops the lock when this process is really gone.
    lock = os.open(layout.keeper_lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return 0  # another keeper was first
    return keep(layout, throwaway=arguments.throwaway)


def keep(layout: Layout, *, throwaway: bool) -> int:
    """Run both stores until nobody uses them."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    layout.ready.unlink(missing_ok=True)
    threading.Thread(target=_wait_for_last_user, args=(layout, stop), daemon=True).start()
    supervisor = Supervisor(report)
    try:
        prepare_sockets(layout)
        for program in programs(layout, throwaway):
            supervisor.start(program)
        _run(layout, supervisor, stop)
    finally:
        layout.ready.unlink(missing_ok=True)
        supervisor.stop(timeout_seconds=STOP_TIMEOUT_SECONDS - 2)
        if throwaway:
            shutil.rmtree(layout.data_dir, ignore_errors=True)
        if layout.sockets.parent != layout.data_dir:
            shutil.rmtree(layout.sockets, ignore_errors=True)
    return 0


def programs(layout: Layout, throwaway: bool) -> list[Program]:
    """Prepare the data folders and return what to run."""
    return [valkey_server.program(layout, throwaway=throwaway), postgres_server.program(layout, throwaway=throwaway)]


def prepare_sockets(layout: Layout) -> None:
    """Make the folder of the sockets. One outside DATA_DIR lies in a folder everybody can write to: it must be ours."""
    layout.sockets.mkdir(mode=0o711, exist_ok=True)
    status = layout.sockets.lstat()
    if layout.sockets.is_symlink() or status.st_uid != os.getuid():
        raise SystemExit(f"{layout.sockets} belongs to somebody else. Set DATA_DIR to a shorter path.")
    layout.sockets.chmod(0o711)


def _run(layout: Layout, supervisor: Supervisor, stop: threading.Event) -> None:
    """Wait until both answer, then keep both running.

    A start may fail at first, while children of a killed PostgreSQL are still going; after a while it is an error.
    """
    patience_ends = time.monotonic() + PATIENCE_SECONDS
    while not _both_answer(layout):
        if stop.wait(TICK_SECONDS):
            return
        if time.monotonic() > patience_ends:
            for name in supervisor.dead():
                raise SystemExit(f"{name} does not start: {_last_line(layout.logs / f'{name}.log')}")
        supervisor.check()
    postgres_server.ensure_database(layout)
    layout.ready.touch()
    while not stop.wait(TICK_SECONDS):
        supervisor.check()


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
    return " ".join([line for line in lines if line.strip()][-2:])


def _both_answer(layout: Layout) -> bool:
    return _accepts(layout.valkey_socket) and postgres_server.answers(layout)


def _accepts(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(2)
        try:
            client.connect(str(path))
            client.sendall(b"PING\r\n")
            return client.recv(16).startswith(b"+PONG")
        except OSError:
            return False


def _wait_for_last_user(layout: Layout, stop: threading.Event) -> None:
    """Get the users' lock alone, which means that nobody uses the stores, and keep it until this process is gone."""
    descriptor = os.open(layout.users_lock, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    stop.set()
    time.sleep(STOP_TIMEOUT_SECONDS * 2)


def report(message: str) -> None:
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} {message}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
