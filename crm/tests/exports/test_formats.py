from __future__ import annotations

import csv
import io
import json
import tracemalloc
import zipfile
from datetime import UTC, date, datetime
from decimal import Decimal

import openpyxl
import pytest

from crm.exports.formats import as_csv, as_json, as_xlsx

WILD = ["=1+1", "+SUM(A1)", "-cmd|' /C calc'!A0", "@x", "\tx", "\rx", "|x", "%x", '=HYPERLINK("x")']
KINDS = [
    None,
    True,
    7,
    1.5,
    Decimal("10.50"),
    date(2030, 1, 2),
    datetime(2030, 1, 2, 15, tzinfo=UTC),
    {"a": [1]},
    "é😀",
]


def read_csv(chunks):
    return list(csv.reader(io.StringIO(b"".join(chunks).decode(), newline="")))


def read_xlsx(chunks, sheet=0):
    book = openpyxl.load_workbook(io.BytesIO(b"".join(chunks)), read_only=True)
    return [list(row) for row in book.worksheets[sheet].iter_rows(values_only=True)]


@pytest.mark.parametrize("cell", WILD, ids=range(len(WILD)))
def test_no_cell_of_a_csv_is_a_formula(cell):
    assert read_csv(as_csv(["a", cell], [[1, cell]])) == [["a", f"'{cell}"], ["1", f"'{cell}"]]


@pytest.mark.parametrize("cell", ["+13125550100", "-3", "3.5", "plain", "a=b"])
def test_what_is_no_formula_stays_as_it_is(cell):
    assert read_csv(as_csv(["a"], [[cell]])) == [["a"], [cell]]


def test_text_of_a_workbook_is_text():
    read = read_xlsx(as_xlsx(["a"], [[cell] for cell in WILD]))
    raw = zipfile.ZipFile(io.BytesIO(b"".join(as_xlsx(["a"], [[cell] for cell in WILD]))))

    assert [row[0].replace("\r", "\n") for row in read[1:]] == [cell.replace("\r", "\n") for cell in WILD]
    assert b"<f>" not in raw.read("xl/worksheets/sheet1.xml")
    assert raw.testzip() is None


def test_each_format_says_every_kind_of_value():
    names = [str(n) for n in range(len(KINDS))]
    at = "2030-01-02T09:00:00-06:00"

    assert read_csv(as_csv(names, [KINDS]))[1] == [
        "",
        "yes",
        "7",
        "1.5",
        "10.50",
        "2030-01-02",
        at,
        '{"a": [1]}',
        "é😀",
    ]
    assert read_xlsx(as_xlsx(names, [KINDS]))[1] == [
        None,
        "yes",
        7,
        1.5,
        "10.50",
        "2030-01-02",
        at,
        '{"a": [1]}',
        "é😀",
    ]
    said = json.loads(b"".join(as_json(names, [KINDS])))
    assert list(said[0].values()) == [None, True, 7, 1.5, "10.50", "2030-01-02", at, {"a": [1]}, "é😀"]


@pytest.mark.parametrize("written", [as_csv, as_xlsx, as_json])
def test_nothing_is_a_file_too(written):
    assert b"".join(written(["a"], []))


def test_what_xml_cannot_say_is_left_out():
    assert read_xlsx(as_xlsx(["a"], [["a\x00\x0b\ud800b<&>"]]))[1] == ["ab<&>"]


def test_a_lone_surrogate_is_replaced():
    assert read_csv(as_csv(["a"], [["\ud800\0x"]]))[1] == ["?x"]


def test_what_one_sheet_cannot_hold_goes_on_in_the_next(monkeypatch):
    monkeypatch.setattr("crm.exports.formats._MOST_ROWS", 3)
    chunks = list(as_xlsx(["n"], [[n] for n in range(7)]))

    assert [read_xlsx(chunks, sheet) for sheet in range(3)] == [
        [["n"], [0], [1], [2]],
        [["n"], [3], [4], [5]],
        [["n"], [6]],
    ]


@pytest.mark.parametrize("written", [as_csv, as_xlsx, as_json])
def test_memory_does_not_grow_with_the_rows(written):
    def most(count):
        tracemalloc.start()
        for _ in written(["a", "b"], ([n, "text" * 10] for n in range(count))):
            pass
        _now, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak

    most(1_000)
    assert most(20_000) < most(2_000) * 2
