"""Compare assistants, shared tools and phone numbers at Vapi with what Pete needs; set them right with --apply."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from calls.client import VapiClient
from calls.errors import VapiRefused, VapiUnavailable
from calls.stage_prompts import compare
from calls.sync.apply import Outcome, Result, apply
from calls.sync.compare import Change, Kind, Plan
from calls.sync.mapping import adopt
from calls.sync.survey import Survey, survey
from calls.sync.wanted import obstacle

_MARKS = {"added": "+", "removed": "-", "same": " ", "gap": "…"}


class Command(BaseCommand):
    help = (
        "Compares assistants, shared tools and phone numbers at Vapi with what Pete needs: server URL, credential, "
        "server messages, tools and their schemas. With --apply sets them right, each by itself. Exit code 0 "
        "when all is in order or was set right, 1 when something could not be, and with --check when anything differs."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--apply", action="store_true", help="change what differs")
        parser.add_argument("--check", action="store_true", help="change nothing; exit code 1 when anything differs")

    def handle(self, *args: Any, **options: Any) -> None:
        blocked = obstacle()
        if blocked:
            raise CommandError(blocked)
        try:
            with VapiClient() as client:
                found = survey(client)
                self._show(found)
                results = self._apply(client, found) if options["apply"] else []
        except VapiRefused as exc:
            cure = "Check VAPI_API_KEY: it is the private key." if exc.status in (401, 403) else ""
            raise CommandError(f"Vapi refuses: {exc}. {cure}".strip()) from exc
        except VapiUnavailable as exc:
            wait = f" It asks to come back in {exc.retry_after:g} s." if exc.retry_after is not None else ""
            raise CommandError(f"Vapi does not answer: {exc}.{wait}") from exc
        self._finish(found, results, options)

    def _show(self, found: Survey) -> None:
        for plan in found.plans:
            self.stdout.write(f"{_title(plan)}: {_state(plan)}")
            for change in plan.changes:
                self._show_change(change)
            for problem in plan.problems:
                self.stdout.write(f"    ! {problem}")
        if found.left_alone:
            self.stdout.write(f"{len(found.left_alone)} left alone: not Pete's, or switched off here.")

    def _show_change(self, change: Change) -> None:
        if change.is_missing or not change.is_long:
            after = "added" if change.is_missing else change.after
            self.stdout.write(f"    {change.path}: {change.before} → {after}")
            return
        self.stdout.write(f"    {change.path}:")
        for line in compare(change.before, change.after, 1):
            self.stdout.write(f"      {_MARKS[line.kind]} {line.text}".rstrip())

    def _apply(self, client: VapiClient, found: Survey) -> list[Result]:
        adopt(found, [plan.vapi_id for plan in found.plans if plan.kind is Kind.ASSISTANT])
        results = apply(client, found, found.drifted)
        for result in results:
            detail = f" ({result.detail})" if result.detail else ""
            self.stdout.write(f"{_title(result.plan)}: {result.outcome}{detail}")
        return results

    def _finish(self, found: Survey, results: Sequence[Result], options: dict[str, Any]) -> None:
        bad = [result for result in results if not result.is_good]
        if options["apply"]:
            applied = sum(result.outcome is Outcome.APPLIED for result in results)
            self.stdout.write(f"{applied} set right, {len(found.plans) - len(results)} in order, {len(bad)} not.")
        else:
            self.stdout.write(f"{len(found.drifted)} of {len(found.plans)} differ. Set them right with --apply.")
        if bad:
            raise CommandError(f"{len(bad)} could not be set right; run it again when the reason is gone.")
        if options["check"] and found.drifted:
            raise CommandError(f"{len(found.drifted)} differ.")


def _title(plan: Plan) -> str:
    return f"{plan.kind.capitalize()} {plan.name}"


def _state(plan: Plan) -> str:
    count = len(plan.changes)
    return f"{count} difference{'s' if count > 1 else ''}" if count else "in order"
