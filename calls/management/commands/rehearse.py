"""Rehearse calls: scenarios in YAML, played through the real webhook and tools, graded on the database."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from calls.management.commands.simulate_calls import webhook_url
from calls.rehearsal import report
from calls.rehearsal.document import ScenarioError
from calls.rehearsal.reading import read_scenarios, shipped
from calls.rehearsal.scenario import Scenario
from calls.rehearsal.scratch import ScratchFailed, play_in_scratch
from calls.rehearsal.theatre import Theatre
from calls.simulator.wire import TIMEOUT_SECONDS, SecretRefusedError, ServerAwayError, Wire

MISTAKE = 2


class Command(BaseCommand):
    help = (
        "Plays scenarios and says of each whether the database ended as it should. Without --url they are played in a "
        "scratch office: a process, a PostgreSQL and a Valkey of their own, which go with it. Exits with 1 when a "
        "scenario failed, with 2 when one cannot be read."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("names", nargs="*", help="names of scenarios, or .yaml files; without any, all")
        parser.add_argument(
            "--url",
            help="play against the Pete that runs here at this address, on the same stores. What is made for a "
            "scenario is removed after it; scenarios that need a clock or an office of their own are skipped",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object instead of lines")
        parser.add_argument("--list", action="store_true", help="only say which scenarios there are")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            scenarios = read_scenarios(options["names"])
        except ScenarioError as exc:
            raise CommandError(str(exc), returncode=MISTAKE) from None
        if options["list"]:
            for scenario in scenarios:
                self.stdout.write(f"{scenario.name:<22} {scenario.about}")
            return
        results = []
        for result in self._results(scenarios, options):
            results.append(result)
            if not options["json"]:
                for line in report.lines(result):
                    self.stdout.write(line)
        self._close(results, as_json=options["json"])

    def _results(self, scenarios: list[Scenario], options: dict[str, Any]) -> Iterator[dict[str, Any]]:
        if options["url"]:
            yield from asyncio.run(self._beside(scenarios, webhook_url(options["url"])))
            return
        known = {path.stem for path in shipped()}
        names = [name if name in known else str(Path(name).resolve()) for name in options["names"]]
        try:
            yield from play_in_scratch(names)
        except ScratchFailed as exc:
            raise CommandError(str(exc)) from None

    async def _beside(self, scenarios: list[Scenario], url: str) -> list[dict[str, Any]]:
        """Play against a server that runs on this installation's stores."""
        async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS, trust_env=False) as client:
            theatre = Theatre(Wire(client, url, settings.VAPI_WEBHOOK_SECRET), owns_time=False)
            try:
                return [result.dump() async for result in theatre.play_all(scenarios)]
            except (ServerAwayError, SecretRefusedError) as exc:
                raise CommandError(str(exc)) from None

    def _close(self, results: list[dict[str, Any]], *, as_json: bool) -> None:
        good = report.is_good(results)
        if as_json:
            self.stdout.write(json.dumps({"ok": good, "results": results}, indent=2))
        else:
            self.stdout.write(report.summary(results))
        if not good:
            raise SystemExit(1)
