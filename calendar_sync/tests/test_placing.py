"""Whether and when an event blocks: values in, values out."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from calendar_sync.models import Calendar
from calendar_sync.placing import blocks, completed, placed
from calendar_sync.remote import RemoteEvent

NINE = datetime(2026, 11, 24, 15, tzinfo=UTC)
DAY = date(2026, 11, 24)
HOUR = timedelta(hours=1)
CHICAGO = ZoneInfo("America/Chicago")
EVENT = RemoteEvent("x", NINE, NINE + HOUR, DAY, DAY, show_as="busy")


def is_blocking(event, *, tentative=True):
    return blocks(placed(event, Calendar(pk=1), CHICAGO), tentative=tentative)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"show_as": "Busy"}, True),
        ({"show_as": "oof"}, True),
        ({"show_as": "unknown"}, True),
        ({"show_as": ""}, True),
        ({"show_as": "somethingNewIn2030"}, True),
        ({"show_as": "free"}, False),
        ({"show_as": "Free"}, False),
        ({"show_as": "workingElsewhere"}, False),
        ({"is_cancelled": True}, False),
        ({"type": "seriesMaster"}, False),
        ({"ends_at": NINE}, False),
        ({"ends_at": NINE - HOUR}, False),
        ({"is_all_day": True}, True),
        ({"is_all_day": True, "show_as": "free"}, False),
    ],
)
def test_what_blocks(changes, expected):
    assert is_blocking(replace(EVENT, **changes)) is expected


@pytest.mark.parametrize("show_as", ["tentative", "Tentative"])
def test_tentative_is_a_setting(show_as):
    event = replace(EVENT, show_as=show_as)

    assert is_blocking(event, tentative=True)
    assert not is_blocking(event, tentative=False)


@pytest.mark.parametrize(
    ("zone", "start", "end"),
    [
        ("America/Chicago", "2026-11-24T06:00Z", "2026-11-26T06:00Z"),
        ("Pacific/Kiritimati", "2026-11-23T10:00Z", "2026-11-25T10:00Z"),
        ("UTC", "2026-11-24T00:00Z", "2026-11-26T00:00Z"),
    ],
)
def test_whole_days_are_the_agents_dates_and_not_instants(zone, start, end):
    event = replace(EVENT, is_all_day=True, end_date=DAY + timedelta(days=2))

    row = placed(event, Calendar(pk=1), ZoneInfo(zone))

    assert [row.starts_at, row.ends_at] == [datetime.fromisoformat(start), datetime.fromisoformat(end)]


def test_a_whole_day_without_an_end_is_one_day():
    row = placed(replace(EVENT, is_all_day=True), Calendar(pk=1), CHICAGO)

    assert row.ends_at - row.starts_at == timedelta(days=1)


def test_midnights_that_do_not_exist_begin_the_day():
    """In Beirut clocks go forward at midnight: that day has 23 hours."""
    day = date(2027, 3, 28)
    event = replace(EVENT, is_all_day=True, start_date=day, end_date=day + timedelta(days=1))

    row = placed(event, Calendar(pk=1), ZoneInfo("Asia/Beirut"))

    assert row.starts_at == datetime(2027, 3, 27, 22, tzinfo=UTC)
    assert row.ends_at == datetime(2027, 3, 28, 21, tzinfo=UTC)


TERSE = replace(EVENT, show_as="", type="occurrence", series_master_id="m")


@pytest.mark.parametrize(
    ("event", "masters", "expected"),
    [
        (TERSE, {"m": replace(EVENT, show_as="free")}, replace(TERSE, show_as="free")),
        (
            TERSE,
            {"m": replace(EVENT, is_all_day=True, is_cancelled=True)},
            replace(TERSE, show_as="busy", is_all_day=True, is_cancelled=True),
        ),
        (replace(TERSE, is_cancelled=True), {"m": EVENT}, replace(TERSE, show_as="busy", is_cancelled=True)),
        (TERSE, {}, TERSE),
        (replace(TERSE, show_as="oof"), {"m": replace(EVENT, show_as="free")}, replace(TERSE, show_as="oof")),
        (EVENT, {"": replace(EVENT, show_as="free")}, EVENT),
    ],
)
def test_an_occurrence_takes_from_its_series_what_it_does_not_say(event, masters, expected):
    assert completed(event, masters) == expected
