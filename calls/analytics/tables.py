"""A figure as a table: what a chart draws, a screen reader reads and a spreadsheet takes are the same rows."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from io import StringIO
from typing import Any

from django.utils.functional import Promise

# A cell that begins so is taken for a formula by spreadsheets.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")


@dataclass(frozen=True)
class Row:
    """One line; `href` leads to the rows behind it."""

    cells: list[Any]
    href: str = ""


@dataclass(frozen=True)
class Table:
    """A figure. `definition` says what is counted; `chart` how it is drawn, "" for the table alone."""

    name: str
    title: str | Promise
    definition: str | Promise
    columns: list[str | Promise]
    rows: list[Row]
    chart: str = ""

    def drawn(self) -> dict[str, Any]:
        """Return what the page's script draws."""
        rows = [{"cells": row.cells, "href": row.href} for row in self.rows]
        return {"chart": self.chart, "columns": [str(column) for column in self.columns], "rows": rows}


def as_csv(table: Table) -> str:
    """Return the table as CSV, with nothing in it that a spreadsheet would run."""
    out = StringIO()
    writer = csv.writer(out)
    writer.writerow([safe(str(column)) for column in table.columns])
    writer.writerows([safe(cell) for cell in row.cells] for row in table.rows)
    return out.getvalue()


def safe(cell: Any) -> Any:
    """Return a cell as text that stays text; numbers stay numbers."""
    if cell is None:
        return ""
    if isinstance(cell, int | float):
        return cell
    text = str(cell)
    return f"'{text}" if text.startswith(_FORMULA) else text
