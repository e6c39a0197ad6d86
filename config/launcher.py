"""What `make run` runs, until it is told to stop: the stores, the set-up, web, worker, beat and simulated calls."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from config import embedded
from config.environment import ConfigurationError
from config.launch_stores import held_stores
from config.supervisor import Program, Supervisor, die_with_parent

BASE_DIR = embedded.BASE_DIR
TICK_SECONDS = 0.1
STORES_CHECK_SECONDS = 2.0
# With the stores' own limit this stays under the 20 s within which everything has to be gone.
STOP_TIMEOUT_SECONDS = 8.0
WORKER_THREADS = 4
SIMULATED_CALLS = 6


class LaunchError(Exception):
    """The desk cannot start; the message says why and what to do."""


def main() -> int:
    if "--with-parent" in sys.argv:
        die_with_parent()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        from django.conf import settings

        refuse_taken_port(settings.HOST, settings.PORT)
        with held_stores() as hold, store_reports(settings.DATA_DIR):
            launch(Desk(stop, hold))
    except (ConfigurationError, LaunchError, embedded.EmbeddedStoresError) as exc:
        say(f"Pete did not start. {exc}")
        return 1
    return 0


class Desk:
    """The processes of one installation."""

    def __init__(self, stop: threading.Event, hold: embedded.Hold | None) -> None:
        from django.conf import settings

        self.settings = settings
        self.stop = stop
        self.hold = hold
        self._stores_checked_at = time.monotonic()
        self.supervisor = Supervisor(say)

    def start(self, name: str, *arguments: str) -> None:
        self.supervisor.start(Program(name, [sys.executable, *arguments], cwd=BASE_DIR))

    def check(self) -> None:
        """Start again what has died."""
        self.supervisor.check()
        if self.hold and time.monotonic() - self._stores_checked_at >= STORES_CHECK_SECONDS:
            self._stores_checked_at = time.monotonic()
            if self.hold.revive():
                say("the keeper of the stores is gone; starting it again")

    def start_web(self) -> None:
        options = {
            "--host": self.settings.HOST,
            "--port": str(self.settings.PORT),
            "--loop": "uvloop",
            "--http": "httptools",
            "--ws": "websockets-sansio",
            "--ws-max-size": "65536",
            "--lifespan": "on",
            "--log-level": "warning",
            "--timeout-graceful-shutdown": "5",
            # Longer than proxies keep an idle connection: who ends it first must not be we, with a delivery on its way.
            "--timeout-keep-alive": "75",
        }
        flat = [word for option in options.items() for word in option]
        self.start("web", "-m", "uvicorn", "config.asgi:application", "--no-access-log", "--no-server-header", *flat)

    def start_stand_in(self) -> None:
        """Start the stand-in for Microsoft 365, where the demo's people and the administrator have mailboxes."""
        port = free_port()
        # What is in it outlives the process, not the desk: its weeks begin with this one.
        state = self.settings.DATA_DIR / "microsoft365.json"
        state.unlink(missing_ok=True)
        options = [
            "--demo",
            "--quiet",
            "--port",
            str(port),
            "--person",
            self.settings.ADMIN_EMAIL,
            "--state",
            str(state),
        ]
        self.start("Microsoft 365 stand-in", "-m", "calendar_sync.sandbox", *options)
        # Every process started from here on finds it there.
        os.environ["MS_SANDBOX_URL"] = f"http://127.0.0.1:{port}"

    @property
    def needs_stand_in(self) -> bool:
        return self.settings.DEMO and not self.settings.MS_CLIENT_ID and not self.settings.MS_SANDBOX_URL

    def start_background(self, simulate: bool) -> None:
        celery = ["-m", "celery", "--quiet", "-A", "config.celery:app"]
        threads = ["--pool", "threads", "--concurrency", str(WORKER_THREADS)]
        self.start(
            "worker", *celery, "worker", *threads, "--without-gossip", "--without-mingle", "--loglevel", "WARNING"
        )
        self.start("beat", *celery, "beat", "--pidfile", "", "--loglevel", "WARNING")
        if simulate:
            calls = str(SIMULATED_CALLS)
            self.start(
                "simulated calls",
                "manage.py",
                "simulate_calls",
                "--forever",
                "--concurrency",
                calls,
                "--url",
                self.local_url,
            )

    @property
    def local_url(self) -> str:
        host = self.settings.HOST
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
        return f"http://{host}:{self.settings.PORT}"


def launch(desk: Desk) -> None:
    """Bring everything up, say so, and keep it up until told to stop."""
    try:
        if desk.needs_stand_in:
            desk.start_stand_in()
        prepared = prepare(desk.stop)
        if prepared is None:
            return
        desk.start_web()
        if wait_until_ready(desk):
            desk.start_background(prepared["simulate"])
            announce(desk, prepared)
        while not desk.stop.wait(TICK_SECONDS):
            desk.check()
    finally:
        desk.supervisor.stop(timeout_seconds=STOP_TIMEOUT_SECONDS)


def prepare(stop: threading.Event) -> dict[str, Any] | None:
    """Set up the database in one process; return what it says, None when told to stop meanwhile."""
    read, write = os.pipe()
    os.set_inheritable(write, True)
    command = [sys.executable, "manage.py", "prepare", "--report", str(write)]
    process = subprocess.Popen(
        command, cwd=BASE_DIR, pass_fds=[write], stdin=subprocess.DEVNULL, start_new_session=True
    )
    os.close(write)
    with open(read, encoding="utf-8") as report:
        while process.poll() is None:
            if stop.wait(TICK_SECONDS / 2):
                process.terminate()
                process.wait()
                return None
        if process.returncode != 0:
            raise LaunchError("The database could not be set up: see above.")
        return dict(json.loads(report.read()))


def wait_until_ready(desk: Desk) -> bool:
    """Return once /ready answers 200; False when told to stop before."""
    request = urllib.request.Request(f"{desk.local_url}/ready", headers={"Host": f"localhost:{desk.settings.PORT}"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while not desk.stop.wait(TICK_SECONDS / 2):
        desk.check()
        try:
            with opener.open(request, timeout=2):
                return True
        except (urllib.error.URLError, OSError):
            continue
    return False


def announce(desk: Desk, prepared: dict[str, Any]) -> None:
    """Say where the desk is and how to sign in. A generated password is told once and kept nowhere in the clear."""
    password = prepared["password"]
    if prepared["generated"]:
        how = f"sign in as {prepared['email']} with password {password}  (shown only now)"
    else:
        how = f"sign in as {prepared['email']} with {prepared['hint']}"
    print(f"Pete is ready at {desk.settings.PUBLIC_URL} - {how}", flush=True)
    if prepared["generated"]:
        (desk.settings.SECRETS_DIR / "admin_password").unlink(missing_ok=True)


def free_port() -> int:
    """Return a port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def refuse_taken_port(host: str, port: int) -> None:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as exc:
            raise LaunchError(
                f"Port {port} on {host} is taken ({exc.strerror}). Choose another: make run PORT=8001"
            ) from exc


@contextmanager
def store_reports(data_dir: Path) -> Iterator[None]:
    """Repeat what the keeper of the embedded stores reports meanwhile, such as a crash it recovered from."""
    log = embedded.Layout(data_dir).logs / "stores.log"
    done = threading.Event()

    def follow() -> None:
        with open(log, encoding="utf-8", errors="replace") as lines:
            lines.seek(0, os.SEEK_END)
            while not done.wait(0.5):
                for line in lines:
                    say(line.rstrip())

    thread = threading.Thread(target=follow, daemon=True)
    if log.exists():
        thread.start()
    try:
        yield
    finally:
        done.set()


def say(message: str) -> None:
    with suppress(OSError):  # nobody may listen any more; the desk goes on
        print(message, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
