"""What a run prints: a line per call, then totals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from calls.simulator.runner import Result
from calls.simulator.wire import Tally

HEADINGS = ("call", "caller", "scenario", "outcome", "viewing", "home")
SHOWN = 20


def lines(results: Sequence[Result], tally: Tally, seconds: float) -> Iterator[str]:
    """Yield the table of calls in the order they were dealt, the totals, and what went wrong."""
    yield from _table(sorted(results, key=lambda result: result.index))
    yield ""
    outcomes = Counter(result.outcome.kind for result in results)
    yield f"{len(results)} calls: " + ", ".join(f"{number} {kind}" for kind, number in outcomes.most_common())
    sent = sum(tally.statuses.values())
    rate = sent / max(seconds, 0.001)
    yield f"{sent} messages in {seconds:.1f} s ({rate:.0f} a second), {tally.errors.total()} errors"
    for name, found in (("Errors", tally.errors), ("Unexpected answers", tally.remarks)):
        yield from _list(name, found)


def line(result: Result) -> str:
    """Return one call in a line."""
    outcome = result.outcome
    parts = (result.call_id[:8], result.caller, result.scenario, outcome.kind, outcome.when, outcome.where)
    return " · ".join(part for part in parts if part)


def _table(results: Sequence[Result]) -> Iterator[str]:
    rows = [HEADINGS] + [
        (r.call_id[:8], r.caller, r.scenario, r.outcome.kind, r.outcome.when, r.outcome.where) for r in results
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _list(name: str, found: Counter[str]) -> Iterator[str]:
    """Yield the commonest of `found`, each with how often it occurred."""
    if not found:
        return
    yield f"{name}:"
    for text, number in found.most_common(SHOWN):
        yield f"  {number} x {text}"
