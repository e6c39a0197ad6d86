"""The table of failures in README.md names tests that there are."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
NAMED = re.findall(r"`([\w/]+\.py)(?:::(\w+))?`", (TESTS / "README.md").read_text())


def test_every_test_in_the_table_is_there():
    rows = re.findall(r"^\| (\d+) \|", (TESTS / "README.md").read_text(), re.MULTILINE)
    assert [int(row) for row in rows] == list(range(1, 27))
    missing = [f"{path}::{name}" for path, name in NAMED if name and f"def {name}(" not in source(path)]
    assert missing == []


def source(path: str) -> str:
    root = TESTS.parents[1] if path.startswith("crm/") else TESTS
    return (root / path).read_text()
