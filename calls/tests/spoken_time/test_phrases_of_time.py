"""What people and models say, on Tuesday 1 June 2027 at 9 in the morning in Chicago."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from calls.spoken_time import When, parse, parse_exact
from crm.errors import PastTime, UnclearTime

CHICAGO = ZoneInfo("America/Chicago")
LONDON = ZoneInfo("Europe/London")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")
NOW = datetime(2027, 6, 1, 9, tzinfo=CHICAGO)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        # ISO, with and without a zone
        ("2027-06-03T15:00:00", "2027-06-03 15:00"),
        ("2027-06-03T15:00", "2027-06-03 15:00"),
        ("2027-06-03 15:00:00", "2027-06-03 15:00"),
        ("2027-06-03t15:00:00.000", "2027-06-03 15:00"),
        ("2027-06-03T15:00:00-05:00", "2027-06-03 15:00"),
        ("2027-06-03T15:00:00-0500", "2027-06-03 15:00"),
        ("2027-06-03T20:00:00Z", "2027-06-03 15:00"),
        ("2027-06-03T20:00:00.123456+00:00", "2027-06-03 15:00"),
        ("2027-06-03T03:00:00", "2027-06-03 03:00"),
        ("2027-06-03 at 3pm", "2027-06-03 15:00"),
        # weekdays: the next one after today
        ("Thursday at three", "2027-06-03 15:00"),
        ("thursday 3pm", "2027-06-03 15:00"),
        ("Tuesday 3pm", "2027-06-08 15:00"),
        ("this Wednesday at 4", "2027-06-02 16:00"),
        ("next Wednesday 10:30", "2027-06-02 10:30"),
        ("on Monday, at 9 a.m.", "2027-06-07 09:00"),
        ("3 PM on Friday", "2027-06-04 15:00"),
        ("Tuesday next week at 9", "2027-06-08 09:00"),
        ("next week Thursday at 11", "2027-06-10 11:00"),
        ("Friday next week at two", "2027-06-11 14:00"),
        ("next week on Friday at two", "2027-06-11 14:00"),
        ("a week from Tuesday at ten", "2027-06-15 10:00"),
        ("Weds 1.30 pm", "2027-06-02 13:30"),
        # days
        ("today at 5", "2027-06-01 17:00"),
        ("tomorrow at 3 pm", "2027-06-02 15:00"),
        ("Tomorrow, 3:00 PM", "2027-06-02 15:00"),
        ("the day after tomorrow at 1", "2027-06-03 13:00"),
        ("in two days at 4", "2027-06-03 16:00"),
        ("in 2 days at 16:00", "2027-06-03 16:00"),
        ("in a week at noon", "2027-06-08 12:00"),
        ("two weeks from today at noon", "2027-06-15 12:00"),
        ("three days from now at 10 am", "2027-06-04 10:00"),
        ("tonight at 8", "2027-06-01 20:00"),
        # dates
        ("June 3rd at noon", "2027-06-03 12:00"),
        ("June third at noon", "2027-06-03 12:00"),
        ("june 3, 2027 at 3:00 PM", "2027-06-03 15:00"),
        ("Thursday, June 3, 2027 at 3:00 PM", "2027-06-03 15:00"),
        ("3 June at 3", "2027-06-03 15:00"),
        ("the 3rd of June at quarter past four p.m.", "2027-06-03 16:15"),
        ("twenty-first of June at three thirty", "2027-06-21 15:30"),
        ("the 5th at half past two", "2027-06-05 14:30"),
        ("the fifth at two", "2027-06-05 14:00"),
        ("Monday the 7th at 2", "2027-06-07 14:00"),
        ("the 31st at 3", "2027-07-31 15:00"),
        ("January 2nd at 10", "2028-01-02 10:00"),
        ("June 1 at 10", "2027-06-01 10:00"),
        ("3 PM on 6/14", "2027-06-14 15:00"),
        ("06/14/2027 3:00 PM", "2027-06-14 15:00"),
        ("6/14/27 at 3", "2027-06-14 15:00"),
        # our own words, said back
        ("Thursday 3 June at 3 PM, in 2 days", "2027-06-03 15:00"),
        ("Wednesday 2 June at 3:30 PM, tomorrow", "2027-06-02 15:30"),
        # times of day
        ("tomorrow at 1", "2027-06-02 13:00"),
        ("tomorrow at 7", "2027-06-02 19:00"),
        ("tomorrow at 8", "2027-06-02 08:00"),
        ("tomorrow at 11", "2027-06-02 11:00"),
        ("tomorrow at 12", "2027-06-02 12:00"),
        ("tomorrow at 7 am", "2027-06-02 07:00"),
        ("tomorrow at 12 am", "2027-06-02 00:00"),
        ("tomorrow at 12:30 pm", "2027-06-02 12:30"),
        ("tomorrow at 15:30", "2027-06-02 15:30"),
        ("tomorrow at 03:30", "2027-06-02 03:30"),
        ("tomorrow at 3:30", "2027-06-02 15:30"),
        ("tomorrow at three fifteen", "2027-06-02 15:15"),
        ("tomorrow at three oh five", "2027-06-02 15:05"),
        ("tomorrow at ten to four", "2027-06-02 15:50"),
        ("tomorrow at twenty five past three", "2027-06-02 15:25"),
        ("tomorrow at a quarter to one", "2027-06-02 12:45"),
        ("3 o'clock in the afternoon", "2027-06-01 15:00"),
        ("three o’clock tomorrow", "2027-06-02 15:00"),
        ("tomorrow morning at 9", "2027-06-02 09:00"),
        ("tomorrow at 7 in the morning", "2027-06-02 07:00"),
        ("tomorrow at 9 in the evening", "2027-06-02 21:00"),
        ("12 noon tomorrow", "2027-06-02 12:00"),
        ("midday on Thursday", "2027-06-03 12:00"),
        ("June 3rd 3 pm CST", "2027-06-03 15:00"),
        ("June 3rd 3 pm CT", "2027-06-03 15:00"),
        ("THURSDAY AT THREE!", "2027-06-03 15:00"),
        ("in two hours", "2027-06-01 11:00"),
        ("in half an hour", "2027-06-01 09:30"),
    ],
)
def test_a_time_is_understood(said: str, meant: str) -> None:
    found = parse_exact(said, NOW, CHICAGO)

    assert found == datetime.fromisoformat(meant).replace(tzinfo=CHICAGO)


@pytest.mark.parametrize(
    "said",
    [
        "",
        "   ",
        "sometime",
        "sometime next week",
        "soon",
        "whenever",
        "three or four",
        "3-4 pm",
        "3 pm or 5 pm tomorrow",
        "around three tomorrow",
        "after three tomorrow",
        "tomorrow at 3ish",
        "February 30 at 3",
        "June 31 at 3",
        "the 32nd at 3",
        "the 0th at 3",
        "2027-02-30T10:00:00",
        "2027-13-01T10:00:00",
        "2027-06-03T25:00:00",
        "2027-06-03T10:61:00",
        "14/6 at 3 pm",
        "25:00",
        "tomorrow at 25:00",
        "tomorrow at 24",
        "tomorrow at 3:75",
        "tomorrow at 0 pm",
        "tomorrow at 15 am",
        "tomorrow at 3 pm in the morning",
        "tomorrow evening at 9 am",
        "tomorrow at midnight",
        "Friday June 3 at 3",
        "today tomorrow at 3",
        "Thursday Friday at 3",
        "next week at 3",
        "Tuesday week at 3",
        "3 pm EST",
        "tomorrow at three\x00",
        "mañana a las tres",
        "2027-06-03T15:00:00 maybe",
        "June 2027",
        "1" * 5000,
        "the " * 5000,
        "9999-12-31T23:59:59",
        "9999-12-31T23:59:59-12:00",
        "in 9999 weeks at 3",
        "((((",
    ],
)
def test_an_unclear_time_is_refused(said: str) -> None:
    with pytest.raises(UnclearTime):
        parse_exact(said, NOW, CHICAGO)


@pytest.mark.parametrize(
    "said",
    [
        "2023-06-01T10:00:00",
        "2023-06-01",
        "June 3rd 2023 at 3 pm",
        "6/3/2023 3 pm",
        "0001-01-01T00:00:00",
        "yesterday at 3",
        "last Tuesday at 3",
        "today at 8",
        "8 am",
        "2027-06-01T08:59:59",
        "2027-06-01T13:59:59Z",
    ],
)
def test_a_past_time_is_refused_as_such(said: str) -> None:
    with pytest.raises(PastTime):
        parse_exact(said, NOW, CHICAGO)


@pytest.mark.parametrize(
    ("said", "first", "last", "part"),
    [
        ("Thursday", 3, 3, None),
        ("the 5th", 5, 5, None),
        ("tomorrow", 2, 2, None),
        ("tomorrow afternoon", 2, 2, "afternoon"),
        ("this evening", 1, 1, "evening"),
        ("tonight", 1, 1, "evening"),
        ("in the morning on Friday", 4, 4, "morning"),
        ("next week", 7, 13, None),
        ("this week", 1, 6, None),
        ("this weekend", 5, 6, None),
        ("next weekend", 12, 13, None),
        ("2027-06-03", 3, 3, None),
    ],
)
def test_a_day_without_a_time_is_a_day(said: str, first: int, last: int, part: str | None) -> None:
    assert parse(said, NOW, CHICAGO) == When(date(2027, 6, first), date(2027, 6, last), part_of_day=part)
    with pytest.raises(UnclearTime) as refused:
        parse_exact(said, NOW, CHICAGO)
    assert refused.value.details["when"].first == date(2027, 6, first)


def test_a_time_without_a_day_is_on_the_day_given() -> None:
    when = parse("four", NOW, CHICAGO, day=date(2027, 6, 9))

    assert when.starts_at == datetime(2027, 6, 9, 16, tzinfo=CHICAGO)


def test_slashed_dates_are_day_first_where_people_write_them_so(settings) -> None:
    settings.PHONE_REGION = "GB"

    assert parse_exact("3/6 at 3 pm", NOW.astimezone(LONDON), LONDON) == datetime(2027, 6, 3, 15, tzinfo=LONDON)


@pytest.mark.parametrize("instant", ["2027-03-15T01:30:00+00:00", "2027-03-15T04:59:00+00:00"])
def test_tomorrow_is_the_callers_when_utc_is_a_day_ahead(instant: str) -> None:
    late_on_the_14th = datetime.fromisoformat(instant)

    found = parse_exact("tomorrow at 3 pm", late_on_the_14th, CHICAGO)

    assert found == datetime(2027, 3, 15, 15, tzinfo=CHICAGO)


def test_the_new_year_comes_after_the_old() -> None:
    eve = datetime(2027, 12, 31, 20, tzinfo=CHICAGO)

    assert parse_exact("tomorrow at noon", eve, CHICAGO) == datetime(2028, 1, 1, 12, tzinfo=CHICAGO)
    assert parse_exact("January 2nd at noon", eve, CHICAGO) == datetime(2028, 1, 2, 12, tzinfo=CHICAGO)
    assert parse_exact("Monday at 9", eve, CHICAGO) == datetime(2028, 1, 3, 9, tzinfo=CHICAGO)
    assert parse_exact("February 29 at 9", eve, CHICAGO) == datetime(2028, 2, 29, 9, tzinfo=CHICAGO)


@pytest.mark.parametrize(
    ("tz", "now", "skipped", "repeated"),
    [
        (CHICAGO, "2027-03-13", "March 14 at 2:30 am", "November 7 at 1:30 am"),
        (LONDON, "2027-03-27", "March 28 at 1:30 am", "October 31 at 1:30 am"),
        (LORD_HOWE, "2027-04-03", "October 3 at 2:15 am", "April 4 at 1:45 am"),
    ],
)
def test_times_that_a_clock_change_skips_or_repeats_are_refused(
    tz: ZoneInfo, now: str, skipped: str, repeated: str
) -> None:
    before = datetime.fromisoformat(now).replace(hour=12, tzinfo=tz)

    with pytest.raises(UnclearTime, match="clocks go forward"):
        parse_exact(skipped, before, tz)
    with pytest.raises(UnclearTime, match="clocks go back"):
        parse_exact(repeated, before, tz)


def test_days_across_a_clock_change_keep_the_wall_time() -> None:
    before = datetime(2027, 3, 13, 9, tzinfo=CHICAGO)

    found = parse_exact("tomorrow at 3 pm", before, CHICAGO)

    assert found == datetime(2027, 3, 14, 15, tzinfo=CHICAGO)
    assert found.astimezone(UTC).hour == 20
