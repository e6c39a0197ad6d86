"""What a rehearsal prints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

WORDS = {"passed": "passed", "failed": "FAILED", "broken": "BROKEN", "skipped": "skipped"}
BAD = ("failed", "broken")


def lines(result: dict[str, Any]) -> Iterator[str]:
    """Yield one scenario's line, and under it what is wrong and what was said in a call that went wrong."""
    yield f"{WORDS[result['outcome']]:<8} {result['name']:<22} {result['seconds']:>6.2f} s  {result['about']}"
    for problem in result["problems"]:
        yield f"         - {problem}"
    if result["outcome"] in BAD:
        for said in result["transcript"]:
            who = "caller" if said["role"] == "user" else said["role"]
            yield f"           {who}: {said['content']}"


def summary(results: Sequence[dict[str, Any]]) -> str:
    """Return "20 scenarios: 19 passed, 1 failed"."""
    counts = Counter(result["outcome"] for result in results)
    said = ", ".join(f"{counts[word]} {word}" for word in WORDS if counts[word])
    return f"{len(results)} scenario{'' if len(results) == 1 else 's'}: {said or 'nothing was played'}"


def is_good(results: Sequence[dict[str, Any]]) -> bool:
    return bool(results) and not any(result["outcome"] in BAD for result in results)
