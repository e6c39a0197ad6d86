"""The door's benchmark: Pete and its peers, interleaved, on one core; client and stores on another.

`python -m benchmarks [--seconds S] [--rounds R]` prints a table and writes `benchmarks/results/door.json`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import secrets
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.load import Measured, load, script
from benchmarks.payloads import WORKLOADS, encoded
from config.embedded import Layout, hold

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "door.json"
CONNECTIONS = (1, 32, 128)
# Half of the peak, by connections that pause: wrk itself has no rate.
PACED_CONNECTIONS = 64
SECRET = secrets.token_hex(16)
PETE, CEILING = "Pete", "bare ASGI + script + row"
APPLICATIONS = {
    PETE: "config.asgi:application",
    "FastAPI dict manager": "benchmarks.peers.dict_manager:app",
    "bare ASGI": "benchmarks.peers.bare:app",
    CEILING: "benchmarks.peers.ceiling:app",
}


@dataclass
class Cell:
    """All runs of one application under one load."""

    application: str
    workload: str
    connections: int
    paced: bool = False
    runs: list[Measured] = field(default_factory=list)
    missing_rows: int = 0

    def median(self, name: str) -> float:
        return statistics.median(getattr(run, name) for run in self.runs)

    def as_dict(self) -> dict[str, Any]:
        measured = {name: round(self.median(name), 3) for name in ("per_second", "p50_ms", "p99_ms", "max_ms")}
        counts = {"errors": sum(run.errors for run in self.runs), "missing_rows": self.missing_rows}
        key = {"application": self.application, "workload": self.workload, "connections": self.connections}
        return key | {"half_of_peak": self.paced} | measured | counts | {"runs": [run.as_dict() for run in self.runs]}


class Bench:
    """Servers on the first core; this process, and so wrk and the stores, on the others."""

    def __init__(self, stack: ExitStack, seconds: float) -> None:
        self.seconds = seconds
        self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pete-bench-"))).resolve()
        self.folder.chmod(0o711)
        self.cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, set(self.cores[1:]) or set(self.cores))
        layout = Layout(self.folder / "data")
        stack.enter_context(hold(layout.data_dir))
        self.environment = os.environ | {
            "DATABASE_URL": layout.database_url,
            "REDIS_URL": layout.redis_url,
            "DATA_DIR": str(layout.data_dir),
            "SECRET_KEY": secrets.token_hex(32),
            "TOKEN_ENCRYPTION_KEYS": "",
            "VAPI_WEBHOOK_SECRET": SECRET,
            "DEBUG": "0",
        }
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env=self.environment, check=True)
        self.database = stack.enter_context(psycopg.connect(layout.database_url, autocommit=True))
        self.servers: dict[str, subprocess.Popen[bytes]] = {}
        self.urls = {name: stack.enter_context(self.serve(name, target)) for name, target in APPLICATIONS.items()}

    @contextmanager
    def serve(self, name: str, target: str) -> Iterator[str]:
        """Run one application under uvicorn on the first core until the end of the benchmark."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        options = [
            "--port",
            str(port),
            "--loop",
            "uvloop",
            "--http",
            "httptools",
            "--no-access-log",
            "--log-level",
            "warning",
        ]
        server = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", target, *options],
            cwd=ROOT,
            env=self.environment,
            preexec_fn=lambda: os.sched_setaffinity(0, {self.cores[0]}),
        )
        self.servers[name] = server
        try:
            wait_for_port(port)
            server.send_signal(signal.SIGSTOP)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.send_signal(signal.SIGCONT)
            server.wait(20)

    def run(self, cell: Cell, *, delay_ms: float = 0) -> None:
        """Measure one cell once; for Pete, also count that every answered event is a row."""
        before = self.rows()
        lua = self.folder / "load.lua"
        now_ms = int(time.time() * 1000)
        run_id = secrets.randbits(31)
        bodies = encoded(cell.workload)
        lua.write_text(
            script(bodies, run=run_id, secret=SECRET, path="/vapi/webhook", now_ms=now_ms, delay_ms=delay_ms)
        )
        with self.alone(cell.application):
            measured = load(self.urls[cell.application], lua, connections=cell.connections, seconds=self.seconds)
        cell.runs.append(measured)
        if cell.application == PETE:
            cell.missing_rows += max(0, measured.requests - measured.errors - (self.rows() - before))

    @contextmanager
    def alone(self, name: str) -> Iterator[None]:
        """Let one server run while the others stand still: Pete has work left when its load ends."""
        self.servers[name].send_signal(signal.SIGCONT)
        try:
            yield
        finally:
            self.servers[name].send_signal(signal.SIGSTOP)

    def rows(self) -> int:
        found = self.database.execute("SELECT count(*) FROM calls_webhookevent").fetchone()
        return found[0] if found else 0


def wait_for_port(port: int, timeout_seconds: float = 30) -> None:
    """Return when something answers HTTP there, whatever it says."""
    deadline = time.monotonic() + timeout_seconds
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5)
        except urllib.error.HTTPError:
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


def measure(bench: Bench, rounds: int) -> list[Cell]:
    """Run every cell once per round, the applications in turn, so that all see the same machine."""
    cells = [Cell(app, load, count) for load in WORKLOADS for count in CONNECTIONS for app in APPLICATIONS]
    for cell in cells[: len(APPLICATIONS)]:
        bench.run(Cell(cell.application, cell.workload, 8))  # warm
    for number in range(rounds):
        for cell in cells:
            progress(f"round {number + 1}/{rounds}: {cell.workload}, {cell.connections}, {cell.application}")
            bench.run(cell)
    return cells + [cell for workload in WORKLOADS for cell in paced(bench, cells, workload, rounds)]


def paced(bench: Bench, cells: list[Cell], workload: str, rounds: int) -> list[Cell]:
    """Measure Pete's latency at half of its own peak, and the ceiling's at the same rate."""
    peak = max(cell.median("per_second") for cell in cells if cell.application == PETE and cell.workload == workload)
    found = [Cell(application, workload, PACED_CONNECTIONS, paced=True) for application in (PETE, CEILING)]
    for number in range(rounds):
        for cell in found:
            progress(f"round {number + 1}/{rounds}: half of peak, {workload}, {cell.application}")
            bench.run(cell, delay_ms=1000 * PACED_CONNECTIONS / (peak / 2))
    return found


def progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def table(cells: list[Cell]) -> str:
    """Return the results as text, one line per cell, with Pete's rate beside each peer's. Paced: half of its peak."""
    numbers = f"{'req/s':>8} {'p50 ms':>8} {'p99 ms':>8} {'errors':>6}"
    lines = [f"{'workload':14} {'conns':>5}  {'application':31} {numbers}  Pete is"]
    pete = [cell for cell in cells if cell.application == PETE]
    rates = {(cell.workload, cell.connections, cell.paced): cell.median("per_second") for cell in pete}
    for cell in cells:
        name = f"{cell.application}, paced" if cell.paced else cell.application
        rate = cell.median("per_second")
        ours = rates[cell.workload, cell.connections, cell.paced]
        beside = "" if cell.application == PETE else f"{ours / rate:.2f} ×"
        errors = sum(run.errors for run in cell.runs) + cell.missing_rows
        numbers = f"{rate:8.0f} {cell.median('p50_ms'):8.2f} {cell.median('p99_ms'):8.2f} {errors:6d}"
        lines.append(f"{cell.workload:14} {cell.connections:5d}  {name:31} {numbers}  {beside}")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    if not shutil.which("wrk"):
        print("wrk is missing: apt-get install wrk (Debian), brew install wrk (macOS)", file=sys.stderr)
        return 2
    with ExitStack() as stack:
        cells = measure(Bench(stack, arguments.seconds), arguments.rounds)
    machine = {"machine": platform.machine(), "python": platform.python_version(), "cores": os.cpu_count()}
    RESULTS.parent.mkdir(exist_ok=True)
    results = machine | {
        "seconds": arguments.seconds,
        "rounds": arguments.rounds,
        "cells": [c.as_dict() for c in cells],
    }
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    print(table(cells))
    return 0 if all(sum(r.errors for r in c.runs) + c.missing_rows == 0 for c in cells if c.application == PETE) else 1


if __name__ == "__main__":
    raise SystemExit(main())
