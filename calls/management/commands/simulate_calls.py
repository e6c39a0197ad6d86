"""Simulate callers: whole calls through the real webhook."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from calls.simulator import endless, report
from calls.simulator.runner import Result, Runner
from calls.simulator.wire import TIMEOUT_SECONDS, SecretRefusedError, ServerAwayError, Wire

WEBHOOK_PATH = "/vapi/webhook"
FASTEST = 10_000.0


class Command(BaseCommand):
    help = (
        "Plays whole calls through the real webhook, authenticated, as Vapi sends them, and prints what was booked. "
        "The same --seed gives the same callers and wishes. Each run makes new calls, unless --run is given too: then "
        "the calls have the ids of the earlier run, and the server sees deliveries it knows. Two calls that belong "
        "together (a race for one slot) are played together whatever --concurrency says. Exits with 1 when any answer "
        "was an HTTP error or one that Vapi could not use."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--calls", type=_positive, default=20, help="how many calls (default 20)")
        parser.add_argument("--concurrency", type=_positive, default=5, help="how many at once (default 5)")
        parser.add_argument(
            "--seed", default="", help="what the callers are drawn from (default 1; --forever: new ones)"
        )
        parser.add_argument("--run", default="", help="name of the run; default: a new one each time")
        parser.add_argument("--url", default="", help="the server or its webhook; default: this machine's")
        parser.add_argument(
            "--speed", type=_speed, default=0.0, help="1 is life, 10 ten times faster, 0 (default) does not wait"
        )
        parser.add_argument(
            "--forever", action="store_true", help="keep about --concurrency calls alive until stopped, at --speed or 1"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            asyncio.run(self._run(options))
        except ExceptionGroup as group:
            expected = group.subgroup((ServerAwayError, SecretRefusedError))
            if expected is None:
                raise
            raise CommandError(str(next(_leaves(expected)))) from None
        except KeyboardInterrupt:
            raise CommandError("Stopped.", returncode=130) from None

    async def _run(self, options: dict[str, Any]) -> None:
        forever = options["forever"]
        self._verbose = options["verbosity"] > 1
        limits = httpx.Limits(max_connections=2 * options["concurrency"] + 10)
        async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS, limits=limits, trust_env=False) as client:
            wire = Wire(client, webhook_url(options["url"]), settings.VAPI_WEBHOOK_SECRET)
            run = options["run"] or f"{time.time_ns():x}"
            runner = Runner(
                wire,
                # Started again, the desk is not called by the same people in the same order.
                seed=options["seed"] or (run if forever else "1"),
                run=run,
                speed=options["speed"] or (1.0 if forever else 0.0),
            )
            if forever:
                await self._play_forever(runner, options["concurrency"])
            else:
                await self._play_all(runner, options)

    async def _play_all(self, runner: Runner, options: dict[str, Any]) -> None:
        results: list[Result] = []
        runner.on_result = results.append
        started = time.monotonic()
        self.stdout.write(f"seed {runner.seed}, run {runner.run}, {runner.wire.url}")
        try:
            await runner.play_all(options["calls"], options["concurrency"])
        except asyncio.CancelledError:
            await endless.hang_up(runner.live)
            raise
        for line in report.lines(results, runner.wire.tally, time.monotonic() - started):
            self.stdout.write(line)
        if runner.wire.tally.errors:
            raise CommandError(f"{runner.wire.tally.errors.total()} answers were errors.")

    async def _play_forever(self, runner: Runner, concurrency: int) -> None:
        """Play until told to stop, by SIGTERM or Ctrl-C, and stop at once then."""
        playing = asyncio.current_task()
        assert playing is not None
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, playing.cancel)
        if self._verbose:
            runner.on_result = lambda result: self.stdout.write(report.line(result))
        with contextlib.suppress(asyncio.CancelledError):
            await endless.play(runner, concurrency)


def webhook_url(url: str) -> str:
    """Return the webhook's address: this machine's unless `url` names another. Its path may be left out."""
    if not url:
        listens_everywhere = settings.HOST in ("0.0.0.0", "::")
        host = "127.0.0.1" if listens_everywhere else settings.HOST
        url = f"http://{f'[{host}]' if ':' in host else host}:{settings.PORT}"
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise CommandError(f"--url must look like http://127.0.0.1:8000, not {url!r}.")
    return url if parts.path.strip("/") else url.rstrip("/") + WEBHOOK_PATH


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _speed(text: str) -> float:
    number = float(text)
    if not 0 <= number <= FASTEST:
        raise argparse.ArgumentTypeError(f"must be between 0 and {FASTEST:g}")
    return number


def _leaves(group: BaseException) -> Iterator[BaseException]:
    """Yield the exceptions inside a group, however deep."""
    if isinstance(group, BaseExceptionGroup):
        for inner in group.exceptions:
            yield from _leaves(inner)
    else:
        yield group
