"""A figure as a table: what a chart draws, a screen reader reads and a spreadsheet takes are the same rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise


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
