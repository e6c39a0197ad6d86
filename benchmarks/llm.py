"""The LLM proxy's benchmark: time to the first word, directly, through Pete and through a plain pass-through.

`python -m benchmarks.llm [--rounds R]` prints a table and writes `benchmarks/results/llm.json`. One model server that
says its first word after a fixed time serves all three; servers have one core, the client, the model and the stores
the others. Each stream is a call of its own, and begins its next turn as soon as the last one is over.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import uvloop

from benchmarks.__main__ import ROOT, progress, wait_for_port
from config.embedded import Layout, hold

RESULTS = ROOT / "benchmarks" / "results" / "llm.json"
STREAMS = (1, 50, 200)
SECRET = secrets.token_hex(16)
FIRST_SECONDS, PAUSE_SECONDS, WORDS = 0.25, 0.02, 20
TURNS = 3
MEMORY_REQUESTS, MEMORY_STREAMS, MEMORY_SAMPLES = 10_000, 20, 10
DIRECT, PETE, PEER = "direct", "Pete", "FastAPI + httpx pass-through"
APPLICATIONS = {PETE: "config.asgi:application", PEER: "benchmarks.peers.pass_through:app"}
PROMPT = "You are a leasing agent on the phone. Keep it short. " * 20


@dataclass
class Cell:
    """All turns of one way to the model with so many streams at once. Times are in milliseconds."""

    way: str
    streams: int
    first_ms: list[float] = field(default_factory=list)
    whole_ms: list[float] = field(default_factory=list)
    errors: int = 0

    def as_dict(self) -> dict[str, Any]:
        first, whole = sorted(self.first_ms), sorted(self.whole_ms)
        p50, p99 = statistics.median(first), first[int(len(first) * 0.99)]
        times = {"first_p50_ms": p50, "first_p99_ms": p99, "whole_p50_ms": statistics.median(whole)}
        rounded = {name: round(value, 2) for name, value in times.items()}
        return {"way": self.way, "streams": self.streams, "turns": len(first), "errors": self.errors} | rounded


class Bench:
    """The model server, Pete and the peer, for as long as the benchmark runs."""

    def __init__(self, stack: ExitStack) -> None:
        self.cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, set(self.cores[1:]) or set(self.cores))
        self.slow = stack.enter_context(self.model(FIRST_SECONDS, PAUSE_SECONDS, WORDS))
        self.quick = stack.enter_context(self.model(0, 0, 4))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pete-bench-"))).resolve()
        folder.chmod(0o711)
        layout = Layout(folder / "data")
        stack.enter_context(hold(layout.data_dir))
        self.environment = os.environ | {
            "DATABASE_URL": layout.database_url,
            "REDIS_URL": layout.redis_url,
            "DATA_DIR": str(layout.data_dir),
            "SECRET_KEY": secrets.token_hex(32),
            "TOKEN_ENCRYPTION_KEYS": "",
            "VAPI_WEBHOOK_SECRET": SECRET,
            "LLM_MODEL": "bench",
            "LLM_MAX_STREAMS": "500",
            "DEBUG": "0",
        }
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env=self.environment, check=True)

    @contextmanager
    def model(self, first: float, pause: float, words: int) -> Iterator[str]:
        """Run a model server beside the client."""
        options = ["--first", str(first), "--pause", str(pause), "--words", str(words)]
        command = [sys.executable, "-m", "calls.tests.llm.model_server", *options]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None
                yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
            finally:
                process.terminate()

    @contextmanager
    def serve(self, way: str, model: str) -> Iterator[tuple[str, int]]:
        """Run one proxy on the first core; the value is its address and its process."""
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
            [sys.executable, "-m", "uvicorn", APPLICATIONS[way], *options],
            cwd=ROOT,
            env=self.environment | {"LLM_URL": model},
            preexec_fn=lambda: os.sched_setaffinity(0, {self.cores[0]}),
        )  # fmt: skip
        try:
            wait_for_port(port)
            yield f"http://127.0.0.1:{port}/llm/chat/completions", server.pid
        finally:
            server.terminate()
            server.wait(20)


async def turn(url: str, call: str, number: int, cell: Cell) -> None:
    """Ask once over a new connection, as Vapi does, and note when the first word and the end came."""
    parts = urlsplit(url)
    talk = [
        {"role": ("user", "assistant")[n % 2], "content": f"line {n} of the conversation"}
        for n in range(2 * number + 1)
    ]
    messages = [{"role": "system", "content": PROMPT}, *talk]
    body = json.dumps({"model": "bench", "stream": True, "call": {"id": call}, "messages": messages}).encode()
    head = f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {SECRET}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"  # noqa: E501
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    started, first, seen = time.perf_counter(), 0.0, b""
    writer.write(head.encode() + body)
    try:
        while b"[DONE]" not in seen:
            data = await reader.read(65536)
            if not data:
                break
            seen += data
            if not first and b'"content"' in seen:
                first = time.perf_counter()
    finally:
        writer.close()
    if b"[DONE]" not in seen or b"having trouble" in seen or not first:
        cell.errors += 1
        return
    cell.first_ms.append((first - started) * 1000)
    cell.whole_ms.append((time.perf_counter() - started) * 1000)


async def load(url: str, cell: Cell, turns: int, spread: float) -> None:
    """Hold so many conversations at once, begun at different moments."""
    run = secrets.token_hex(4)

    async def talk(stream: int) -> None:
        await asyncio.sleep(spread * stream / cell.streams)
        for number in range(turns):
            await turn(url, f"{run}-{stream}", number, cell)

    await asyncio.gather(*(talk(stream) for stream in range(cell.streams)))


def measure(bench: Bench, rounds: int) -> list[Cell]:
    """Run every cell once per round, the ways in turn, so that all see the same machine."""
    cells = [Cell(way, streams) for streams in STREAMS for way in (DIRECT, PETE, PEER)]
    spread = FIRST_SECONDS + PAUSE_SECONDS * WORDS
    with ExitStack() as stack:
        urls = {way: stack.enter_context(bench.serve(way, bench.slow))[0] for way in APPLICATIONS}
        urls[DIRECT] = bench.slow + "/chat/completions"
        for way in urls:
            uvloop.run(load(urls[way], Cell(way, 10), 2, spread))  # warm
        for number in range(rounds):
            for cell in cells:
                progress(f"round {number + 1}/{rounds}: {cell.streams} streams, {cell.way}")
                uvloop.run(load(urls[cell.way], cell, TURNS, spread))
    return cells


def memory(bench: Bench) -> list[float]:
    """Return Pete's memory in MB after each tenth of many requests."""
    sizes, each = [], MEMORY_REQUESTS // MEMORY_SAMPLES
    with bench.serve(PETE, bench.quick) as (url, pid):
        for number in range(MEMORY_SAMPLES + 1):
            cell = Cell(PETE, MEMORY_STREAMS)
            uvloop.run(load(url, cell, each // MEMORY_STREAMS, 0))
            sizes.append(round(psutil.Process(pid).memory_info().rss / 1e6, 1))
            progress(f"memory after {(number + 1) * each} requests: {sizes[-1]} MB, {cell.errors} errors")
    # The first thousand only warms.
    return sizes[1:]


def table(cells: list[Cell]) -> str:
    """Return the results as text, with what each way adds to the direct one at the median."""
    lines = [f"{'streams':>7}  {'way':30} {'first p50':>10} {'added':>8} {'p99':>9} {'whole p50':>10} {'errors':>6}"]
    direct = {cell.streams: cell.as_dict()["first_p50_ms"] for cell in cells if cell.way == DIRECT}
    for cell in cells:
        found = cell.as_dict()
        added = found["first_p50_ms"] - direct[cell.streams]
        numbers = (
            f"{found['first_p50_ms']:10.2f} {added:8.2f} {found['first_p99_ms']:9.2f} {found['whole_p50_ms']:10.2f}"
        )
        lines.append(f"{cell.streams:7d}  {cell.way:30} {numbers} {cell.errors:6d}")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with ExitStack() as stack:
        bench = Bench(stack)
        cells, sizes = measure(bench, arguments.rounds), memory(bench)
    machine = {"machine": platform.machine(), "python": platform.python_version(), "cores": os.cpu_count()}
    results = machine | {"rounds": arguments.rounds, "cells": [cell.as_dict() for cell in cells], "memory_mb": sizes}
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    print(table(cells))
    print(f"Pete's memory over {MEMORY_REQUESTS} requests: {sizes[0]} to {sizes[-1]} MB")
    return 0 if not any(cell.errors for cell in cells if cell.way == PETE) else 1


if __name__ == "__main__":
    raise SystemExit(main())
