"""PostgreSQL and Valkey that come with Pete, for machines without them.

One keeper process (config.keeper) per DATA_DIR runs both servers for as long as anybody holds them: `make run`, a
management command, a test run. A holder keeps a shared lock on one file, which the kernel drops however the holder
ends, so the servers never outlive the last one and no holder has to count the others.

Both listen on Unix sockets whose paths follow from DATA_DIR: several installations run side by side without ports.
"""

import fcntl
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self
from urllib.parse import quote

BASE_DIR = Path(__file__).resolve().parent.parent
DATABASE_NAME = "pete"
DATABASE_USER = "pete"
START_TIMEOUT_SECONDS = 60.0
STOP_TIMEOUT_SECONDS = 10.0
# sun_path holds 108 bytes on Linux and 104 on macOS, the final zero included.
_LONGEST_SOCKET_PATH = 103


class EmbeddedStoresError(Exception):
    """The embedded servers did not start; the message says why and where the log is."""


@dataclass(frozen=True)
class Layout:
    """Where everything of one installation's stores lies."""

    data_dir: Path

    @property
    def postgres(self) -> Path:
        return self.data_dir / "postgres"

    @property
    def valkey(self) -> Path:
        return self.data_dir / "valkey"

    @property
    def logs(self) -> Path:
        return self.data_dir / "logs"

    @property
    def users_lock(self) -> Path:
        """Held shared by everyone who uses the stores; the keeper stops them once it gets it for itself."""
        return self.data_dir / "stores.lock"

    @property
    def keeper_lock(self) -> Path:
        """Held by the keeper while it lives."""
        return self.data_dir / "keeper.lock"

    @property
    def ready(self) -> Path:
        """Exists while both stores answer."""
        return self.data_dir / "stores.ready"

    @property
    def sockets(self) -> Path:
        """Return DATA_DIR's own folder, or a short one named after it where its path is too long for a socket."""
        inside = self.data_dir / "sockets"
        longest = inside / "postgres" / ".s.PGSQL.5432.lock"
        # libpq reads a comma in a host as the start of another host.
        if len(os.fsencode(longest)) <= _LONGEST_SOCKET_PATH and "," not in str(inside):
            return inside
        digest = hashlib.sha256(os.fsencode(self.data_dir)).hexdigest()[:16]
        return Path("/tmp") / f"pete-{os.getuid()}-{digest}"  # noqa: S108  the keeper checks whose it is

    @property
    def postgres_sockets(self) -> Path:
        return self.sockets / "postgres"

    @property
    def valkey_socket(self) -> Path:
        return self.sockets / "valkey.sock"

    @property
    def database_url(self) -> str:
        return f"postgresql://{DATABASE_USER}@/{DATABASE_NAME}?host={quote(str(self.postgres_sockets), safe='')}"

    @property
    def redis_url(self) -> str:
        return f"unix://{quote(str(self.valkey_socket))}?db=0"


class Hold:
    """The right to use the stores of one DATA_DIR, until `release` or the end of the process."""

    def __init__(self, layout: Layout, lock: IO[bytes], keeper: subprocess.Popen[bytes] | None) -> None:
        self._layout = layout
        self._lock = lock
        self._keeper = keeper  # when this process started it

    def revive(self) -> bool:
        """Start a keeper when the present one is gone; say whether that was needed. Does not wait for the stores."""
        if keeper_is_alive(self._layout):
            return False
        if self._keeper is not None:
            self._keeper.poll()
        self._layout.ready.unlink(missing_ok=True)
        self._keeper = _start_keeper(self._layout, throwaway=False)
        return True

    def release(self, *, wait: bool = True) -> bool:
        """Give the stores up; with `wait`, until they are stopped. False when somebody else still uses them."""
        self._lock.close()
        deadline = time.monotonic() + STOP_TIMEOUT_SECONDS
        while wait and keeper_is_alive(self._layout) and time.monotonic() < deadline:
            if _has_other_users(self._layout):
                return False
            time.sleep(0.02)
        if keeper_is_alive(self._layout):
            return False
        if self._keeper is not None:
            self._keeper.wait()
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.release()


def hold(data_dir: Path, *, throwaway: bool = False) -> Hold:
    """Return once PostgreSQL and Valkey of `data_dir` answer, starting them when nobody has yet.

    `throwaway` trades durability for speed, and removes `data_dir` once nobody uses it any more: for tests.
    """
    layout = Layout(data_dir)
    data_dir.mkdir(mode=0o711 if os.getuid() == 0 else 0o700, parents=True, exist_ok=True)
    lock = open(layout.users_lock, "ab")
    fcntl.flock(lock, fcntl.LOCK_SH)  # waits while a keeper is stopping the stores
    try:
        keeper = _ensure_ready(layout, throwaway)
    except BaseException:
        lock.close()
        raise
    return Hold(layout, lock, keeper)


def _ensure_ready(layout: Layout, throwaway: bool) -> subprocess.Popen[bytes] | None:
    """Return once both stores answer, with the keeper when this call started it."""
    keeper: subprocess.Popen[bytes] | None = None
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while not (layout.ready.exists() and keeper_is_alive(layout)):
        if keeper is None and not keeper_is_alive(layout):
            keeper = _start_keeper(layout, throwaway)
        elif keeper is not None and keeper.poll() is not None and not keeper_is_alive(layout):
            raise EmbeddedStoresError(_failure(layout, "stopped"))
        if time.monotonic() > deadline:
            raise EmbeddedStoresError(_failure(layout, f"were not ready after {START_TIMEOUT_SECONDS:g} s"))
        time.sleep(0.02)
    return keeper


def _start_keeper(layout: Layout, throwaway: bool) -> subprocess.Popen[bytes]:
    """Start a keeper. When two are started at once, the one that does not get the keeper's lock goes away."""
    layout.logs.mkdir(mode=0o700, exist_ok=True)
    layout.logs.chmod(0o700)
    arguments = [sys.executable, "-m", "config.keeper", str(layout.data_dir)]
    # Neither the holder's terminal, pipes nor sockets: a command's caller waits for those to be closed.
    with open(layout.logs / "stores.log", "ab") as log:
        return subprocess.Popen(
            arguments + (["--throwaway"] if throwaway else []),
            cwd=BASE_DIR,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def _failure(layout: Layout, what: str) -> str:
    log = layout.logs / "stores.log"
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:] if log.exists() else []
    return "\n".join([f"The embedded stores {what}. Last lines of {log}:", *lines])


def keeper_is_alive(layout: Layout) -> bool:
    return layout.keeper_lock.exists() and _is_shared(layout.keeper_lock)


def _is_shared(path: Path) -> bool:
    """Say whether another process holds the lock on `path`."""
    try:
        with open(path, "ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False


def _has_other_users(layout: Layout) -> bool:
    try:
        with open(layout.users_lock, "ab") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False  # the keeper has it alone: it is stopping the stores
    except FileNotFoundError:
        return False  # a throwaway folder, removed
    return _is_shared(layout.users_lock)


def throwaway_directory() -> Path:
    """Return a new folder for the stores of one test run."""
    path = Path(tempfile.mkdtemp(prefix="pete-test-")).resolve()
    path.chmod(0o711 if os.getuid() == 0 else 0o700)
    return path
