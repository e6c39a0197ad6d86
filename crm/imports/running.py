"""Going through a file: to say what would come of it, to bring it in, to take it back. Some thousand rows at a time.

Each lot is one transaction together with how far the file is, so that a task which was killed goes on where it was.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import DatabaseError, connection, transaction
from django.db.models import Count
from django.utils import timezone
from django.utils.translation import gettext as _

from crm import nudges
from crm.imports import reading
from crm.imports.fields import Field, People, Wrong, fields_of, guess
from crm.imports.reading import Line, UnreadableFile
from crm.imports.targets import TARGETS, Key, Target, Values, difference, write
from crm.models import Agent
from crm.models.imports import ImportBatch, ImportKind, ImportOutcome, ImportRow, ImportStatus

logger = logging.getLogger(__name__)

LOT = 1_000
_LONGEST_TEXT = 500


@dataclass
class Read:
    """One row of the file as it was understood."""

    line: int
    values: Values
    problem: str = ""


def path_of(batch: ImportBatch) -> Path:
    path: Path = settings.DATA_DIR / "uploads" / "imports" / batch.name.hex
    return path


def drop_file(batch: ImportBatch) -> None:
    """Delete the uploaded file. What became of each row is kept beside it."""
    path_of(batch).unlink(missing_ok=True)


def take_in(file: BinaryIO, *, filename: str, kind: str, agent: Agent) -> ImportBatch:
    """Keep an uploaded file and look at its first rows. Raises UnreadableFile."""
    batch = ImportBatch(kind=ImportKind(kind), filename=filename[-200:] or "file", agent=agent)
    path = path_of(batch)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        _copy(file, path)
        batch.encoding = "" if reading.is_workbook(path) else reading.encoding_of(path)
        batch.headings = [cell[:100] for cell in reading.heading(path, batch.encoding)]
        batch.sample = reading.sample(path, batch.encoding)
        batch.mapping = guess(batch.headings, fields_of(batch.kind, People()))
        batch.save()
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return batch


def _copy(file: BinaryIO, path: Path) -> None:
    size = 0
    with path.open("wb") as kept:
        while piece := file.read(1 << 20):
            size += len(piece)
            if size > reading.LARGEST_FILE:
                raise UnreadableFile(
                    _("The file is larger than %(n)s MB. Divide it.") % {"n": reading.LARGEST_FILE // 1_000_000}
                )
            kept.write(piece)


def check(batch_id: int) -> None:
    """Go through a file without bringing anything in."""
    _go_through(batch_id, ImportStatus.CHECKING, ImportStatus.CHECKED, is_dry=True)


def run(batch_id: int) -> None:
    """Bring a file in."""
    _go_through(batch_id, ImportStatus.RUNNING, ImportStatus.DONE, is_dry=False)
    nudges.tell_everybody("lead")


def _go_through(batch_id: int, under_way: str, over: str, *, is_dry: bool) -> None:
    batch = ImportBatch.objects.select_related("agent").filter(pk=batch_id, status=under_way).first()
    if batch is None:
        return
    try:
        _Passage(batch, is_dry=is_dry).go()
    except (UnreadableFile, FileNotFoundError, DatabaseError) as exc:
        # A refusal of the database names values of other rows.
        text = str(exc) if isinstance(exc, UnreadableFile) else _("It broke off. What is said to be in is in.")
        logger.error("Import %s broke off: %r", batch_id, exc)
        _settle(batch, ImportStatus.FAILED, problem=text[:500])
        return
    _settle(batch, over, total_rows=batch.done_rows)


def _settle(batch: ImportBatch, status: str, **values: Any) -> None:
    ImportBatch.objects.filter(pk=batch.pk).update(status=status, finished_at=timezone.now(), **values)
    if status in (ImportStatus.DONE, ImportStatus.UNDONE):
        # Nothing reads it any more, and it is full of people.
        drop_file(batch)


class _Passage:
    """One way through a file. Remembers the keys it met, to know what comes twice."""

    def __init__(self, batch: ImportBatch, *, is_dry: bool) -> None:
        self.batch, self.is_dry = batch, is_dry
        self.target: Target = TARGETS[batch.kind]
        self.fields: dict[str, Field] = fields_of(batch.kind, People.load())
        self.met: dict[int, int] = {}

    def go(self) -> None:
        lines = (line for line in reading.lines(path_of(self.batch), self.batch.encoding) if not line.is_empty)
        next(lines, None)
        passed = self.batch.done_rows
        for line in islice(lines, passed):
            self._first_of(self.target.keys(self._read(line).values), line.number)
        while lot := list(islice(lines, LOT)):
            with transaction.atomic():
                _keep(self._outcomes([self._read(line) for line in lot]))
                passed += len(lot)
                ImportBatch.objects.filter(pk=self.batch.pk).update(done_rows=passed)
        self.batch.done_rows = passed

    def _read(self, line: Line) -> Read:
        if line.problem:
            return Read(line.number, {}, line.problem)
        width = len(self.batch.headings)
        if any(line.cells[width:]):
            text = _("It has %(n)s cells and the heading has %(m)s.") % {"n": len(line.cells), "m": width}
            return Read(line.number, {}, text)
        values: Values = {}
        problems = []
        for name, one in self.fields.items():
            place = self.batch.mapping.get(name, width)
            cell = line.cells[place] if place < len(line.cells) else ""
            try:
                if cell:
                    values[name] = one.read(cell)
                elif one.is_needed:
                    raise Wrong(_("is missing."))
            except Wrong as exc:
                problems.append(f"{one.label}: {exc}")
        problem = " ".join(problems) or self.target.problem(values)
        return Read(line.number, {} if problem else values, problem[:_LONGEST_TEXT])

    def _first_of(self, keys: Sequence[Key], line: int) -> int | None:
        """Return the line that had one of these keys before, and remember them as this line's."""
        # Hashes: the keys of a large file are of no more use than that.
        marks = [hash(key) for key in keys]
        first = next((self.met[mark] for mark in marks if mark in self.met), None)
        for mark in marks:
            self.met.setdefault(mark, line)
        return first

    def _outcomes(self, rows: Sequence[Read]) -> list[ImportRow]:
        """Bring a lot in and return what came of each row."""
        there = self.target.find([row.values for row in rows if not row.problem])
        new: list[Read] = []
        changes: list[tuple[int, Values]] = []
        told: list[ImportRow] = []
        for row in rows:
            keys = [] if row.problem else self.target.keys(row.values)
            found = next((there[key] for key in keys if key in there), None)
            first = self._first_of(keys, row.line)
            if row.problem:
                told.append(self._row(row, ImportOutcome.WRONG, row.problem))
            elif first is not None:
                text = _("The same as row %(n)s.") % {"n": first}
                told.append(self._row(row, ImportOutcome.REPEATED, text))
            elif found is None:
                new.append(row)
            else:
                told.append(self._meet(row, found, changes))
        if not self.is_dry:
            write(self.target.model, changes)
        return [*told, *self._create(new)]

    def _meet(self, row: Read, found: Any, changes: list[tuple[int, Values]]) -> ImportRow:
        """Say what becomes of a row that is there already."""
        changed = difference(found, row.values) if self.batch.updates else {}
        if not changed:
            return self._row(row, ImportOutcome.SAME, str(found), object_id=found.pk)
        changes.append((found.pk, changed))
        before = {name: _kept(getattr(found, name)) for name in changed}
        after = {name: _kept(value) for name, value in changed.items()}
        text = ", ".join(f"{self.fields[name].label}: {before[name] or '–'} → {after[name]}" for name in changed)
        pair = {name: [before[name], after[name]] for name in changed}
        return self._row(row, ImportOutcome.UPDATED, text, object_id=found.pk, before=pair)

    def _create(self, rows: list[Read]) -> Iterator[ImportRow]:
        ids: Sequence[int | None] = [None] * len(rows)
        if rows and not self.is_dry:
            ids = self.target.create([row.values for row in rows], self.batch.agent, self.batch.filename)
        for row, pk in zip(rows, ids, strict=True):
            yield self._row(row, ImportOutcome.CREATED, "", object_id=pk)

    def _row(self, row: Read, outcome: str, text: str, **values: Any) -> ImportRow:
        return ImportRow(batch=self.batch, line=row.line, outcome=outcome, text=text[:_LONGEST_TEXT], **values)


def _keep(rows: Iterable[ImportRow]) -> None:
    """Write what came of a lot: by COPY, because it is a row for each row of the file."""
    with connection.cursor() as cursor:
        with cursor.copy("COPY crm_importrow (batch_id, line, outcome, text, object_id, before) FROM STDIN") as copy:
            for row in rows:
                before = json.dumps(row.before) if row.before is not None else None
                copy.write_row((row.batch_id, row.line, str(row.outcome), row.text, row.object_id, before))


def _kept(value: Any) -> Any:
    """Return a value as JSON keeps it, so that two can be compared later."""
    if isinstance(value, Agent):
        return value.pk
    return value if value is None or isinstance(value, str | int | bool) else DjangoJSONEncoder().default(value)


def undo(batch_id: int) -> None:
    """Take back what an import brought, but for what somebody has worked with since."""
    batch = ImportBatch.objects.filter(pk=batch_id, status=ImportStatus.UNDOING).first()
    if batch is None:
        return
    target = TARGETS[batch.kind]
    for outcome, take_back in ((ImportOutcome.CREATED, _remove), (ImportOutcome.UPDATED, _put_back)):
        waiting = batch.rows.filter(outcome=outcome).order_by("line")
        while rows := list(waiting[:LOT]):
            with transaction.atomic():
                undone = take_back(target, rows)
                for was_undone, came in ((True, ImportOutcome.UNDONE), (False, ImportOutcome.KEPT)):
                    ids = [row.pk for row in rows if (row.object_id in undone) is was_undone]
                    batch.rows.filter(pk__in=ids).update(outcome=came)
    _settle(batch, ImportStatus.UNDONE)


def _remove(target: Target, rows: Sequence[ImportRow]) -> set[int]:
    ids = set(target.untouched([row.object_id for row in rows if row.object_id]).values_list("pk", flat=True))
    target.model.objects.filter(pk__in=ids).delete()
    return ids


def _put_back(target: Target, rows: Sequence[ImportRow]) -> set[int]:
    """Give changed columns their old values, where they still are as the file said."""
    found = target.model.objects.select_for_update(no_key=True).in_bulk([row.object_id for row in rows])
    changes = []
    for row in rows:
        kept, pairs = found.get(row.object_id), row.before or {}
        if kept is not None and all(_kept(getattr(kept, name)) == after for name, (_b, after) in pairs.items()):
            changes.append((kept.pk, {name: before for name, (before, _a) in pairs.items()}))
    write(target.model, changes)
    return {pk for pk, _values in changes}


def counts(batch: ImportBatch) -> dict[str, int]:
    """Return how many rows came to what."""
    rows = batch.rows.order_by().values_list("outcome").annotate(n=Count("pk"))
    return Counter(dict(rows))
