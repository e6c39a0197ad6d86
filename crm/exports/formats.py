"""Rows as CSV, XLSX or JSON, made while they are sent. Text stays text: no cell is taken for a formula."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from io import StringIO
from itertools import chain, islice
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from django.utils import timezone

from crm.exports.zips import ZipStream

Rows = Iterable[Sequence[Any]]
# A cell that begins so is taken for a formula by spreadsheets; a plain number, or a phone's, is none.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")
_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?")
_NOT_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_LONGEST_CELL = 32_767
_MOST_ROWS = 1_048_575
_BATCH = 500

_TYPES = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'


def as_csv(columns: Sequence[str], rows: Rows) -> Iterator[bytes]:
    """Yield RFC 4180 in UTF-8."""
    out = StringIO()
    writer = csv.writer(out)
    lines = chain([columns], rows)
    while batch := list(islice(lines, _BATCH)):
        writer.writerows([defused(cell) for cell in line] for line in batch)
        yield out.getvalue().encode("utf-8", "replace")
        out.seek(0)
        out.truncate()


def as_json(columns: Sequence[str], rows: Rows) -> Iterator[bytes]:
    """Yield a list of objects, a line each."""
    return json_list(dict(zip(columns, row, strict=True)) for row in rows)


def json_list(objects: Iterable[Any]) -> Iterator[bytes]:
    """Yield a JSON list of anything that JSON can say, or that `plain` can."""
    start = "["
    items = iter(objects)
    while batch := list(islice(items, _BATCH)):
        yield (start + ",\n".join(json.dumps(item, default=plain, ensure_ascii=True) for item in batch)).encode()
        start = ",\n"
    yield b"[]\n" if start == "[" else b"]\n"


def as_xlsx(columns: Sequence[str], rows: Rows) -> Iterator[bytes]:
    """Yield a workbook; what one sheet cannot hold goes on in the next."""
    out, lines, sheets = ZipStream(), iter(rows), 0
    following: list[Sequence[Any]] = list(islice(lines, 1))
    while following or not sheets:
        sheets += 1
        sheet = islice(chain(following, lines), _MOST_ROWS)
        yield from out.file(f"xl/worksheets/sheet{sheets}.xml", _sheet(columns, sheet))
        following = list(islice(lines, 1))
    for name, text in _parts(sheets):
        yield from out.file(name, [text.encode()])
    yield out.end()


def _sheet(columns: Sequence[str], rows: Rows) -> Iterator[bytes]:
    yield f'{_XML}<worksheet xmlns="{_MAIN}"><sheetData>'.encode()
    lines = chain([columns], rows)
    while batch := list(islice(lines, _BATCH)):
        yield "".join(f"<row>{''.join(map(_cell, line))}</row>" for line in batch).encode("utf-8", "replace")
    yield b"</sheetData></worksheet>"


def _cell(value: Any) -> str:
    value = plain(value)
    if value is None or value == "":
        return "<c/>"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"<c><v>{value}</v></c>"
    text = escape(_NOT_XML.sub("", _text(value)[:_LONGEST_CELL]))
    return f'<c t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'


def _parts(sheets: int) -> Iterator[tuple[str, str]]:
    """Yield what makes sheets a workbook, by its name in the file."""
    numbers = range(1, sheets + 1)
    part = f"{_TYPES}.worksheet+xml"
    kinds = "".join(f'<Override PartName="/xl/worksheets/sheet{n}.xml" ContentType="{part}"/>' for n in numbers)
    yield (
        "[Content_Types].xml",
        f'{_XML}<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPES}.sheet.main+xml"/>{kinds}</Types>',
    )
    yield "_rels/.rels", _relations([("officeDocument", "xl/workbook.xml")])
    yield "xl/_rels/workbook.xml.rels", _relations([("worksheet", f"worksheets/sheet{n}.xml") for n in numbers])
    names = "".join(f'<sheet name="Sheet{n}" sheetId="{n}" r:id="rId{n}"/>' for n in numbers)
    yield "xl/workbook.xml", f'{_XML}<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>{names}</sheets></workbook>'


def _relations(targets: Sequence[tuple[str, str]]) -> str:
    lines = "".join(
        f'<Relationship Id="rId{n}" Type="{_OFFICE}/{kind}" Target={quoteattr(target)}/>'
        for n, (kind, target) in enumerate(targets, 1)
    )
    return f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships">{lines}</Relationships>'


def defused(value: Any) -> Any:
    """Return a cell of a CSV that no spreadsheet runs; numbers stay numbers."""
    value = plain(value)
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return "" if value is None else value
    text = _text(value).replace("\0", "")
    return f"'{text}" if text.startswith(_FORMULA) and not _NUMBER.fullmatch(text) else text


def plain(value: Any) -> Any:
    """Return a value as JSON can say it: instants in the office's zone, money as exact text."""
    if isinstance(value, datetime):
        return timezone.localtime(value).isoformat(timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, bytes | memoryview):
        return bytes(value).decode("utf-8", "replace")
    return value if value is None or isinstance(value, str | int | float | bool | list | dict) else str(value)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else json.dumps(value, default=plain, ensure_ascii=False)


FORMATS: dict[str, tuple[str, Callable[[Sequence[str], Rows], Iterator[bytes]]]] = {
    "csv": ("text/csv; charset=utf-8", as_csv),
    "xlsx": (f"{_TYPES}.sheet", as_xlsx),
    "json": ("application/json", as_json),
}
