"""Whole windows against the brute-force oracle, across the days on which clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction
from django.test import override_settings
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from crm.availability import RULES, Explanation, Offer, explain, find_slots, why_closed
from crm.tests import oracle
from crm.tests.oracle import MINUTE, Person, Promise, World

pytestmark = pytest.mark.django_db

# Both changes of 2027, in UTC: by an hour, and on Lord Howe Island by half an hour.
CHANGES = {
    "America/Chicago": [datetime(2027, 3, 14, 8, tzinfo=UTC), datetime(2027, 11, 7, 7, tzinfo=UTC)],
    "Europe/London": [datetime(2027, 3, 28, 1, tzinfo=UTC), datetime(2027, 10, 31, 1, tzinfo=UTC)],
    "Australia/Lord_Howe": [datetime(2027, 4, 3, 15, tzinfo=UTC), datetime(2027, 10, 2, 15, 30, tzinfo=UTC)],
}
OTHER_ZONES = [*CHANGES, "Asia/Kathmandu", "America/St_Johns", "Africa/Casablanca", "UTC"]


@st.composite
def hours(draw: st.DrawFn) -> tuple[tuple[int, int, int], ...]:
    """Up to two stretches a weekday; they may touch each other and midnight."""
    found = []
    for weekday in range(7):
        marks = draw(st.lists(st.sampled_from(range(0, 1441, 15)), max_size=4, unique=True))
        marks.sort()
        marks = marks[: len(marks) // 2 * 2]
        if len(marks) == 4 and draw(st.booleans()):
            marks[2] = marks[1]
        found += [(weekday, marks[i], marks[i + 1]) for i in range(0, len(marks), 2)]
    return tuple(found)


ALL_DAY = tuple((weekday, 0, 1440) for weekday in range(7))


@st.composite
def worlds(draw: st.DrawFn, zone: str) -> World:
    change = draw(st.sampled_from(CHANGES[zone]))
    start = change + draw(st.integers(-20 * 60, 4 * 60)) * MINUTE + timedelta(seconds=draw(st.sampled_from([0, 0, 30])))
    end = start + draw(st.integers(1, 24 * 60)) * MINUTE
    near = st.integers(-600, int((end - start) / MINUTE) + 600).map(lambda minute: _floor(start) + minute * MINUTE)
    now = start + draw(st.integers(-36 * 60, 10 * 60)) * MINUTE
    office = ZoneInfo(draw(st.sampled_from([zone, *OTHER_ZONES])))
    people = tuple(
        Person(draw(st.sampled_from([zone, zone, *OTHER_ZONES])), draw(st.one_of(st.just(ALL_DAY), hours())))
        for _ in range(draw(st.integers(1, 3)))
    )
    stacked = draw(st.booleans())
    someone = st.integers(0, len(people) - 1)
    minutes = st.sampled_from([5, 15, 30, 45, 120])
    buffers = st.sampled_from([0, 0, 10, 15, 45])
    promise = st.builds(
        Promise, someone, near, minutes, buffers, buffers, st.booleans(), st.sampled_from([None, now, now + MINUTE])
    )
    day = change.astimezone(office).date()
    closed = st.tuples(st.integers(-1, 1), st.integers(0, 1)).map(
        lambda days: (day + timedelta(days=days[0]), day + timedelta(days=sum(days)))
    )
    busy = st.tuples(someone, near, st.integers(1, 300)).map(lambda b: (b[0], b[1], b[1] + b[2] * MINUTE))
    return World(
        now=now,
        start=start,
        end=end,
        office=office,
        people=people,
        busy=tuple(draw(st.lists(busy, max_size=3))),
        promises=_possible(draw(st.lists(promise, max_size=6)), stacked),
        closures=tuple(draw(st.lists(closed, max_size=1))) if draw(st.booleans()) else (),
        length=draw(st.sampled_from([15, 30, 45, 61, 180])),
        step=draw(st.sampled_from([5, 10, 15, 20, 30, 60])),
        before=draw(buffers),
        after=draw(buffers),
        notice=draw(st.sampled_from([0, 30, 60, 300])),
        horizon=draw(st.integers(1, 2)),
        cap=draw(st.sampled_from([None, None, 0, 1, 2])),
        stacked=stacked,
        with_listing=draw(st.booleans()),
    )


def _floor(instant: datetime) -> datetime:
    return instant.replace(second=0, microsecond=0)


def _possible(promises: list[Promise], stacked: bool) -> tuple[Promise, ...]:
    """Return those of the promises that PostgreSQL lets stand side by side."""
    kept: list[Promise] = []
    for new in promises:
        clashes = [old for old in kept if old.starts_at < new.ends_at and new.starts_at < old.ends_at]
        if not any(old.person == new.person or (old.here and new.here and not stacked) for old in clashes):
            kept.append(new)
    return tuple(kept)


@pytest.mark.parametrize("zone", CHANGES)
def test_slots_and_explanations_agree_with_the_oracle(zone: str):
    @settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
    @given(worlds(zone))
    def agree(world: World) -> None:
        with transaction.atomic():
            check(world)
            transaction.set_rollback(True)

    agree()


def check(world: World) -> None:
    home = oracle.build(world)
    listing = home if world.with_listing else None
    window: dict[str, Any] = {"start": world.start, "end": world.end, "now": world.now}
    window |= {"listing": listing, "agent_ids": [agent.pk for agent in world.agents]}
    expected = oracle.verdicts(world)
    length = world.length * MINUTE
    open_slots = [Offer(pk, listing and home.pk, s, s + length) for s, pk, rule in expected if rule is None]
    with override_settings(OFFICE_TZ=world.office):
        assert find_slots(**window, limit=10_000) == open_slots
        assert find_slots(**window, limit=3) == open_slots[:3]
        assert explain(**window) == [Explanation(s, pk, rule) for s, pk, rule in expected if rule is not None]
        # One start by itself, on a step or not.
        middle = _floor(world.start + (world.end - world.start) / 2)
        for number, agent in enumerate(world.agents):
            rule = why_closed(agent_id=agent.pk, listing=listing, starts_at=middle, now=world.now)
            assert rule == oracle.verdict(world, number, middle)


@pytest.mark.parametrize("rule", [None, *RULES])
def test_the_worlds_are_not_all_alike(rule):
    """Each rule is the reason for something somewhere, or the comparison would prove little."""
    without_shrinking = settings(
        max_examples=5_000, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
    )

    def has_it(world: World) -> bool:
        instants = (world.start + (world.end - world.start) * n / 16 for n in range(16))
        return any(oracle.verdict(world, 0, _floor(instant)) == rule for instant in instants)

    assert has_it(find(worlds("America/Chicago"), has_it, settings=without_shrinking))
