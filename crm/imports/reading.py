"""Rows of CSV and XLSX files that anybody may have made, one by one. What is wrong with a row is said of it."""

from __future__ import annotations

import codecs
import csv
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
from django.utils.translation import gettext as _
from openpyxl.utils.exceptions import InvalidFileException

from crm.errors import CrmError

LARGEST_FILE = 50_000_000
MOST_ROWS = 200_000
MOST_COLUMNS = 200
LONGEST_CELL = 20_000
# What a workbook may unpack to; texts of cells are read into memory at once.
LARGEST_UNPACKED = 600_000_000
LARGEST_SHARED = 60_000_000
MOST_PARTS = 2_000
_SAMPLE_BYTES = 1_000_000
_START = 65_536
# A NUL so near to the beginning is no slip in one row.
_NEAR = 8
_DELIMITERS = ",;\t|"
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


class UnreadableFile(CrmError):
    """The file as a whole cannot be read; the message says why."""

    code = "unreadable_file"


@dataclass(frozen=True)
class Line:
    """One row: its number as a spreadsheet shows it, its cells as text, and what is wrong with it."""

    number: int
    cells: list[str] = field(default_factory=list)
    problem: str = ""

    @property
    def is_empty(self) -> bool:
        return not self.problem and not any(self.cells)


def is_workbook(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"PK\x03\x04"


def encoding_of(path: Path) -> str:
    """Return how a text file is encoded. Old Excels write Windows-1252, which nearly anything can be read as."""
    with path.open("rb") as file:
        start = file.read(_SAMPLE_BYTES)
    for mark, name in _BOMS:
        if start.startswith(mark):
            return name
    try:
        codecs.getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError as exc:
        # Some bad bytes among good ones are bad bytes; text in another encoding has them all over.
        good = start.decode("utf-8", "ignore")
        if any(ord(char) > 127 for char in good) or b"\0" in start or exc.start < 0:
            return "utf-8"
        return "cp1252"
    return "utf-8"


def lines(path: Path, encoding: str = "") -> Iterator[Line]:
    """Yield the rows, the heading first. Raises UnreadableFile, also when it comes upon it half-way."""
    found = _workbook_lines(path) if is_workbook(path) else _text_lines(path, encoding or encoding_of(path))
    for count, line in enumerate(found):
        if count > MOST_ROWS:
            raise UnreadableFile(_("The file has more than %(n)s rows. Divide it.") % {"n": f"{MOST_ROWS:,}"})
        yield line


def heading(path: Path, encoding: str = "") -> list[str]:
    """Return the names of the columns. Raises UnreadableFile."""
    first = next(lines(path, encoding), None)
    if first is None or first.is_empty:
        raise UnreadableFile(_("The first row must name the columns, and it is empty."))
    if first.problem:
        raise UnreadableFile(_("The first row cannot be read: %(why)s") % {"why": first.problem})
    return first.cells


def _text_lines(path: Path, encoding: str) -> Iterator[Line]:
    # What is no UTF-8 becomes something no text holds, to be found in its row.
    errors = "strict" if encoding == "utf-16" else "surrogateescape"
    with path.open(encoding=encoding, errors=errors, newline="") as file:
        try:
            start = file.read(_START)
        except UnicodeError as exc:
            raise UnreadableFile(_no_text()) from exc
        first, _end, rest = start.partition("\n")
        if "\0" in first or "\0" in rest[:_NEAR]:
            raise UnreadableFile(_no_text())
        delimiter = max(_DELIMITERS, key=first.count)
        file.seek(0)
        yield from _read_csv(csv.reader(file, delimiter=delimiter))


def _no_text() -> str:
    return _("The file is not text, and not an Excel workbook (.xlsx) either.")


def _read_csv(reader: Any) -> Iterator[Line]:
    while True:
        number = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as exc:
            why = _("A cell is too long, or a quotation mark is missing.") if "limit" in str(exc) else str(exc)
            yield Line(number, problem=why)
            continue
        except UnicodeError as exc:
            raise UnreadableFile(_("The file ends in the middle of a character.")) from exc
        yield _checked(number, cells)


def _workbook_lines(path: Path) -> Iterator[Line]:
    _refuse_bombs(path)
    try:
        with path.open("rb") as file:
            # As it stands: a formula is seen as one, and not as what some program last made of it.
            book = openpyxl.load_workbook(file, read_only=True, data_only=False, keep_links=False)
            if not book.worksheets:
                raise UnreadableFile(_("The workbook has no sheet."))
            rows = book.worksheets[0].iter_rows(max_col=MOST_COLUMNS, values_only=True)
            for number, values in enumerate(rows, 1):
                yield _checked(number, _trimmed([_as_text(value) for value in values]))
    except UnreadableFile:
        raise
    except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError, TypeError, SyntaxError, OSError) as exc:
        raise UnreadableFile(_("The workbook is damaged: it cannot be read to its end.")) from exc


def _refuse_bombs(path: Path) -> None:
    """Raise UnreadableFile for a workbook that unpacks to more than any office has."""
    try:
        with zipfile.ZipFile(path) as packed:
            parts = packed.infolist()
    except (zipfile.BadZipFile, OSError, ValueError) as exc:
        raise UnreadableFile(_("The workbook is damaged: it cannot be read to its end.")) from exc
    shared = sum(part.file_size for part in parts if "worksheets/" not in part.filename)
    if len(parts) > MOST_PARTS or shared > LARGEST_SHARED or sum(part.file_size for part in parts) > LARGEST_UNPACKED:
        raise UnreadableFile(_("The workbook unpacks to more than can be read. Save it as CSV, or divide it."))


def _trimmed(cells: list[str]) -> list[str]:
    while cells and not cells[-1]:
        cells.pop()
    return cells


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime):
        return value.date().isoformat() if (value.hour, value.minute, value.second) == (0, 0, 0) else value.isoformat()
    return value.isoformat() if isinstance(value, date) else str(value)


def _checked(number: int, cells: list[str]) -> Line:
    """Return the row with its cells trimmed, or with what is wrong with them."""
    for place, cell in enumerate(cells, 1):
        if problem := _problem(cell):
            return Line(number, problem=_("Column %(n)s: %(why)s") % {"n": place, "why": problem})
    return Line(number, [_unwrapped(cell.strip()) for cell in cells])


def _problem(cell: str) -> str:
    if len(cell) > LONGEST_CELL:
        return _("longer than %(n)s characters.") % {"n": f"{LONGEST_CELL:,}"}
    if "\0" in cell:
        return _("it holds a NUL character.")
    if not cell.isascii() and any("\ud800" <= char <= "\udfff" for char in cell):
        return _("it holds bytes that are no text (UTF-8).")
    if cell.lstrip()[:1] == "=":
        return _("it is a formula. Put its value there.")
    return ""


def _unwrapped(cell: str) -> str:
    """Take away the apostrophe that exports put before what a spreadsheet would run."""
    return cell[1:] if cell[:1] == "'" and cell[1:2] in ("=", "+", "-", "@", "|", "%") else cell


def sample(path: Path, encoding: str, most: int = 5) -> list[list[str]]:
    """Return the first rows below the heading."""
    found: list[list[str]] = []
    for line in lines(path, encoding):
        if len(found) > most:
            break
        found.append([cell[:60] for cell in line.cells])
    return found[1:]
