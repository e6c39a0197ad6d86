"""Whatever the day, the zone and the wording: what was said is what is understood, and nothing breaks the parser."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from calls.phrases import say_when
from calls.spoken_time import parse
from crm.errors import PastTime, UnclearTime

ZONES = st.sampled_from([ZoneInfo(name) for name in ("America/Chicago", "Europe/London", "Australia/Lord_Howe")])
NOWS = st.integers(0, 395 * 24 * 60).map(lambda minutes: datetime(2026, 12, 1, tzinfo=UTC) + timedelta(minutes=minutes))
VOCABULARY = """tomorrow today next this week in on at the of June 3rd 14 6/14 3 three thirty half past quarter to
    pm am noon Tuesday Friday morning evening 2027 2027-06-03 10:30 oh first twenty a days hours from now weekend"""
WORDS = st.sampled_from(VOCABULARY.split())


@given(tz=ZONES, now=NOWS, ahead=st.integers(1, 170 * 24 * 12))
def test_our_own_words_are_understood_when_said_back(tz: ZoneInfo, now: datetime, ahead: int) -> None:
    instant = now + timedelta(minutes=5 * ahead)
    local = instant.astimezone(tz)
    comes_twice = local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()

    try:
        found = parse(say_when(instant, now, tz), now, tz)
    except UnclearTime:
        assert comes_twice
    else:
        assert found.starts_at == instant


@given(tz=ZONES, now=NOWS, ahead=st.integers(1, 100 * 24 * 60))
def test_an_instant_with_its_offset_is_that_instant(tz: ZoneInfo, now: datetime, ahead: int) -> None:
    instant = now + timedelta(minutes=ahead)

    assert parse(instant.astimezone(tz).isoformat(), now, tz).starts_at == instant
    assert parse(instant.isoformat().replace("+00:00", "Z"), now, tz).starts_at == instant


@given(tz=ZONES, now=NOWS, words=st.lists(WORDS, max_size=9))
def test_words_in_any_order_are_understood_or_refused(tz: ZoneInfo, now: datetime, words: list[str]) -> None:
    try:
        found = parse(" ".join(words), now, tz)
    except (UnclearTime, PastTime):
        return
    assert found.first <= found.last
    if found.starts_at is not None:
        assert found.starts_at > now
        assert found.starts_at.astimezone(tz).date() == found.first == found.last


@given(tz=ZONES, now=NOWS, text=st.text(max_size=60))
def test_any_text_is_understood_or_refused(tz: ZoneInfo, now: datetime, text: str) -> None:
    with suppress(UnclearTime, PastTime):
        parse(text, now, tz)


@given(
    tz=ZONES,
    now=NOWS,
    year=st.integers(0, 9999),
    rest=st.from_regex(r"-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)?", fullmatch=True),
)
def test_any_written_instant_is_understood_or_refused(tz: ZoneInfo, now: datetime, year: int, rest: str) -> None:
    try:
        found = parse(f"{year:04}{rest}", now, tz)
    except (UnclearTime, PastTime):
        return
    assert found.starts_at is not None
    assert found.starts_at > now
