"""Files as offices, and attackers, make them."""

from __future__ import annotations

import io
import zipfile

import openpyxl
import pytest

from crm.imports import reading
from crm.imports.reading import UnreadableFile


@pytest.fixture
def file(tmp_path):
    def make(content):
        path = tmp_path / "file"
        path.write_bytes(content)
        return path

    return make


def workbook(rows):
    book, out = openpyxl.Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(row)
    book.save(out)
    return out.getvalue()


def read(path):
    return [line.problem or line.cells for line in reading.lines(path)]


@pytest.mark.parametrize(
    "content",
    [
        "name,place\nZoë,Köln\n".encode(),
        "name,place\r\nZoë,Köln\r\n".encode("utf-8-sig"),
        "name;place\nZoë;Köln\n".encode("cp1252"),
        "name\tplace\nZoë\tKöln\n".encode("utf-16"),
        '"name"|"place"\n"Zoë"|" Köln "\n'.encode(),
        workbook([["name", "place"], ["Zoë", "Köln"]]),
    ],
    ids=["utf-8", "bom", "windows", "utf-16", "quoted", "xlsx"],
)
def test_whatever_wrote_the_file(file, content):
    assert read(file(content)) == [["name", "place"], ["Zoë", "Köln"]]


def test_numbers_and_days_of_a_workbook_are_as_they_look(file):
    from datetime import date, datetime

    row = [1800.0, 1800.5, date(2030, 1, 2), datetime(2030, 1, 2), True, None, "x"]  # noqa: DTZ001
    assert read(file(workbook([["a"] * 7, row])))[1] == ["1800", "1800.5", "2030-01-02", "2030-01-02", "yes", "", "x"]


def test_each_bad_row_has_its_own_answer_and_the_others_are_read(file):
    rows = [
        b"name,place",
        b"good,one",
        b"bad \xff\xfe bytes,\xc3\xa9",
        b"=cmd|' /C calc'!A0,x",
        b"nul\0,x",
        b"long," + b"x" * 1_000_000,
        b"'=kept as text,+13125550123",
        b"good,two",
    ]

    found = read(file(b"\n".join(rows)))

    assert [found[n] for n in (0, 1, 6, 7)] == [
        ["name", "place"],
        ["good", "one"],
        ["=kept as text", "+13125550123"],
        ["good", "two"],
    ]
    for n, words in ((2, "no text"), (3, "formula"), (4, "NUL"), (5, "too long")):
        assert words in found[n], found[n]


def test_a_formula_of_a_workbook_is_seen_as_one(file):
    assert "formula" in read(file(workbook([["name"], ["=1+1"]])))[1]


def test_a_quotation_mark_that_never_ends(file):
    content = b'name,place\n"never ends,x\n' + b"good,row\n" * 30_000

    assert any("quotation mark" in line for line in read(file(content)) if isinstance(line, str))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "first row"),
        (b"\n\n", "first row"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "not text"),
        (b"PK\x03\x04 no zip at all", "damaged"),
        (workbook([["a"]])[:-40], "damaged"),
    ],
    ids=["empty", "blank", "picture", "no zip", "cut off"],
)
def test_what_is_no_table_is_refused(file, content, words):
    with pytest.raises(UnreadableFile, match=words):
        reading.heading(file(content))


def test_a_zip_bomb_is_not_unpacked(file, monkeypatch):
    out = io.BytesIO(workbook([["a"]]))
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as bomb:
        with bomb.open("xl/bomb.xml", "w") as part:
            for _ in range(70):
                part.write(bytes(1_000_000))
    assert len(out.getvalue()) < 200_000

    with pytest.raises(UnreadableFile, match="unpacks to more"):
        reading.heading(file(out.getvalue()))


def test_a_zip_that_is_no_workbook(file):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        packed.writestr("a.txt", "hello")

    with pytest.raises(UnreadableFile, match="damaged"):
        reading.heading(file(out.getvalue()))


def test_too_many_rows_are_refused(file, monkeypatch):
    monkeypatch.setattr(reading, "MOST_ROWS", 10)

    with pytest.raises(UnreadableFile, match="more than 10 rows"):
        read(file(b"name\n" + b"x\n" * 12))
