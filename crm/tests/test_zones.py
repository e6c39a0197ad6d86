"""Stretches of one UTC offset."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from crm.zones import Segment, segments


@pytest.mark.parametrize(
    ("zone", "change", "before", "after"),
    [
        ("America/Chicago", datetime(2027, 3, 14, 8, tzinfo=UTC), -6, -5),
        ("America/Chicago", datetime(2027, 11, 7, 7, tzinfo=UTC), -5, -6),
        ("Europe/London", datetime(2027, 3, 28, 1, tzinfo=UTC), 0, 1),
        ("Europe/London", datetime(2027, 10, 31, 1, tzinfo=UTC), 1, 0),
        ("Australia/Lord_Howe", datetime(2027, 4, 3, 15, tzinfo=UTC), 11, 10.5),
        ("Australia/Lord_Howe", datetime(2027, 10, 2, 15, 30, tzinfo=UTC), 10.5, 11),
    ],
)
@pytest.mark.parametrize("length", [timedelta(minutes=1), timedelta(hours=24), timedelta(days=61, microseconds=1)])
def test_a_change_parts_two_segments(zone: str, change: datetime, before: float, after: float, length: timedelta):
    since, until = change - length, change + length

    assert segments([zone, zone], since, until) == [
        Segment(zone, since, change, timedelta(hours=before)),
        Segment(zone, change, until, timedelta(hours=after)),
    ]


def test_years_have_all_their_changes():
    start = datetime(2027, 1, 1, tzinfo=UTC)
    found = segments(["Europe/London"], start, start + timedelta(days=731))

    assert [segment.since.date().isoformat() for segment in found] == [
        "2027-01-01", "2027-03-28", "2027-10-31", "2028-03-26", "2028-10-29",
    ]  # fmt: skip


def test_an_unknown_zone_has_none_and_is_logged(caplog):
    start = datetime(2027, 1, 1, tzinfo=UTC)

    assert segments(["UTC", "Mars/Olympus", "../etc"], start, start + timedelta(days=1)) == [
        Segment("UTC", start, start + timedelta(days=1), timedelta())
    ]
    assert "Mars/Olympus" in caplog.text
