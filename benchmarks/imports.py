"""Moving in: 50,000 leads out of a CSV and out of a workbook, checked, brought in, changed and taken back.

`python -m benchmarks.imports [ROWS]`, with stores of its own. Says seconds, rows a second, and by how much the process
grew meanwhile; and what the audit adds to writing a lead.
"""

from __future__ import annotations

import csv
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from config.embedded import hold, throwaway_directory

ROWS = 50_000
HEADINGS = ["Name", "Phone", "Email", "Status", "Source", "Budget", "Where", "Bedrooms", "Move-in date"]


def main() -> None:
    directory = throwaway_directory()
    os.environ.update({"DATA_DIR": str(directory), "DJANGO_SETTINGS_MODULE": "config.settings", "DEMO": "0"})
    with hold(directory, throwaway=True):
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        count = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
        for name, make in (("CSV", write_csv), ("XLSX", write_xlsx)):
            path = directory / f"leads.{name.lower()}"
            make(path, count)
            move_in(name, path, count)
        audit_cost()


def row(n: int) -> list[Any]:
    return [
        f"Person {n}",
        f"+1312{n:07}",
        f"person{n}@example.com",
        "new",
        "website",
        1500 + n % 900,
        "Lakeview",
        n % 4,
        "2030-06-01",
    ]


def write_csv(path: Path, count: int) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(HEADINGS)
        writer.writerows(row(2_000_000 + n) for n in range(count))


def write_xlsx(path: Path, count: int) -> None:
    from crm.exports.formats import as_xlsx

    with path.open("wb") as file:
        for chunk in as_xlsx(HEADINGS, (row(3_000_000 + n) for n in range(count))):
            file.write(chunk)


def move_in(name: str, path: Path, count: int) -> None:
    from crm.imports import running
    from crm.models import Agent, ImportBatch, ImportStatus, Lead

    agent, _made = Agent.objects.get_or_create(email="bench@example.com", defaults={"full_name": "Bench"})
    before = Lead.objects.count()
    with path.open("rb") as file:
        batch = running.take_in(file, filename=path.name, kind="leads", agent=agent)

    def step(status: str, work: Callable[[int], None], **values: Any) -> None:
        batch.rows.all().delete() if status != ImportStatus.UNDOING else None
        ImportBatch.objects.filter(pk=batch.pk).update(status=status, done_rows=0, **values)
        grown, seconds = measured(lambda: work(batch.pk))
        print(f"{name:5} {status:9} {seconds:6.1f} s  {count / seconds:8,.0f} rows/s  grew {grown:5.1f} MB", flush=True)

    step(ImportStatus.CHECKING, running.check)
    step(ImportStatus.RUNNING, running.run)
    assert Lead.objects.count() == before + count
    step(ImportStatus.UNDOING, running.undo)
    assert Lead.objects.count() == before
    assert running.counts(batch) == {"undone": count}


def measured(work: Callable[[], None]) -> tuple[float, float]:
    """Return by how many megabytes the most memory ever used grew, and the seconds."""
    most, began = _most_memory(), time.perf_counter()
    work()
    return (_most_memory() - most) / 1024, time.perf_counter() - began


def _most_memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def audit_cost(times: int = 2_000) -> None:
    """Say what a lead costs to add and to change, one statement each, with and without the audit."""
    from django.db import connection

    from crm.audit import actors
    from crm.models import Lead

    def each() -> tuple[float, float]:
        began = time.perf_counter()
        made = [Lead.objects.create(full_name="x") for _ in range(times)]
        between = time.perf_counter()
        for lead in made:
            Lead.objects.filter(pk=lead.pk).update(full_name="y")
        return (between - began) / times * 1e6, (time.perf_counter() - between) / times * 1e6

    each()
    with_audit = each()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE crm_lead DISABLE TRIGGER USER")
    connection.execute_wrappers.remove(actors.sign)
    without = each()
    for name, one, other in zip(("add", "change"), with_audit, without, strict=True):
        print(f"audit {name:9} {one:6.0f} µs a lead with, {other:6.0f} µs without")


if __name__ == "__main__":
    main()
