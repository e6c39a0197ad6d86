"""Slots, case by case. The property tests in test_availability_oracle.py compare whole windows."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from crm.availability import Explanation, Offer, explain, find_slots, why_closed
from crm.errors import BadArguments
from crm.models import Agent, Listing
from crm.tests import factories as make

pytestmark = pytest.mark.django_db

# A Wednesday; the evening before is "now".
DAY = date(2027, 3, 3)
NOW = make.at(date(2027, 3, 2), 20)


@pytest.fixture
def agent() -> Agent:
    return make.agent(hours=(9, 12))


@pytest.fixture
def home(agent: Agent) -> Listing:
    return make.listing(agent)


def starts(day: date = DAY, tz: ZoneInfo = make.CHICAGO, **arguments: Any) -> list[str]:
    """Return the local times at which a viewing can start that day."""
    window = {"start": make.at(day, 0, tz=tz), "end": make.at(day + timedelta(days=1), 0, tz=tz), "now": NOW}
    return [f"{offer.starts_at.astimezone(tz):%H:%M}" for offer in find_slots(**window | arguments)]


def reasons(day: date = DAY, **arguments: Any) -> dict[str, str]:
    """Return what closes the steps between nine and twelve."""
    window = {"start": make.at(day, 9), "end": make.at(day, 12), "now": NOW}
    return {f"{e.starts_at.astimezone(make.CHICAGO):%H:%M}": e.rule for e in explain(**window | arguments)}


def test_slots_are_the_steps_of_the_working_hours(agent, home):
    offers = find_slots(start=make.at(DAY, 0), end=make.at(DAY, 10), listing=home, now=NOW)

    assert offers == [
        Offer(agent.pk, home.pk, make.at(DAY, 9), make.at(DAY, 9, 30)),
        Offer(agent.pk, home.pk, make.at(DAY, 9, 30), make.at(DAY, 10)),
    ]


def test_the_last_viewing_ends_with_the_hours_and_the_window_is_half_open(agent, home):
    assert starts()[-1] == "11:30"
    assert starts(start=make.at(DAY, 9, 30), end=make.at(DAY, 10, 30)) == ["09:30", "10:00"]


def test_hours_end_at_midnight_and_go_on_the_next_day():
    agent = make.agent()
    make.working_hours(agent, weekday=2, start_minute=23 * 60, end_minute=1440)
    make.working_hours(agent, weekday=3, start_minute=0, end_minute=60)
    make.office(viewing_minutes=60)

    found = find_slots(start=make.at(DAY, 0), end=make.at(DAY, 0) + timedelta(days=2), now=NOW)

    assert [offer.starts_at for offer in found] == [
        make.at(DAY, 23),
        make.at(DAY, 23, 30),
        make.at(date(2027, 3, 4), 0),
    ]


def test_nothing_is_offered_over_a_busy_time_a_viewing_or_a_hold(agent, home):
    make.busy_time(agent, make.at(DAY, 9, 10), make.at(DAY, 9, 20))
    make.appointment(agent, home, make.at(DAY, 10))
    make.hold(agent, home, make.at(DAY, 11), expires_at=NOW + timedelta(seconds=1))

    assert starts(listing=home) == ["09:30", "10:30", "11:30"]
    assert reasons(listing=home) == {"09:00": "busy", "10:00": "appointment", "11:00": "hold"}


def test_a_lapsed_hold_and_a_cancelled_viewing_are_not_in_the_way(agent, home):
    make.hold(agent, home, make.at(DAY, 9), expires_at=NOW)
    make.appointment(agent, home, make.at(DAY, 10), status="cancelled")

    assert starts(listing=home) == ["09:00", "09:30", "10:00", "10:30", "11:00", "11:30"]


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        ((0, 0), (0, 0), ["09:00", "09:15", "09:30", "10:30", "10:45", "11:00"]),
        # Their buffer, not ours: after theirs we wait 15, before theirs they arrive 30 early.
        ((0, 0), (30, 15), ["09:00", "10:45", "11:00"]),
        # Between two viewings stands the larger buffer, once: 30, not 30 + 15.
        ((30, 30), (15, 15), ["09:00", "11:00"]),
        ((15, 0), (0, 30), ["09:00", "09:15", "09:30", "11:00"]),
    ],
)
def test_of_two_neighbours_the_larger_buffer_counts_once(agent, home, ours, theirs, expected):
    make.office(slot_step_minutes=15, buffer_before_minutes=ours[0], buffer_after_minutes=ours[1])
    make.appointment(agent, home, make.at(DAY, 10), buffer_before_minutes=theirs[0], buffer_after_minutes=theirs[1])

    assert starts(listing=home, end=make.at(DAY, 11, 1)) == expected


def test_notice_and_horizon_are_open_ends(agent, home):
    make.office(minimum_notice_minutes=60, horizon_days=1)

    assert starts(now=make.at(DAY, 9)) == ["10:30", "11:00", "11:30"]
    assert starts(now=make.at(DAY, 9) - timedelta(seconds=1))[0] == "10:00"
    # The horizon is so many times 24 hours from now, and the start lies before it.
    tomorrow = DAY + timedelta(days=1)
    assert starts(tomorrow, now=make.at(DAY, 9, 30)) == ["09:00"]
    assert reasons(now=make.at(DAY, 9)) == {
        "09:00": "minimum_notice",
        "09:30": "minimum_notice",
        "10:00": "minimum_notice",
    }
    assert reasons(tomorrow, now=make.at(DAY, 11, 30)) == {"11:30": "horizon"}


def test_the_daily_cap_counts_viewings_of_the_agents_own_day():
    tz = ZoneInfo("Asia/Tokyo")
    agent = make.agent(timezone="Asia/Tokyo", hours=(9, 12))
    elsewhere = make.listing()
    make.office(daily_cap=2, horizon_days=300)
    # Half past eight and eleven at night in Tokyo; in Chicago these are two days.
    make.appointment(agent, elsewhere, make.at(DAY, 8, 30, tz=tz))
    make.appointment(agent, elsewhere, make.at(DAY, 23, tz=tz))

    assert starts(tz=tz, now=NOW - timedelta(days=9)) == []
    assert len(starts(DAY + timedelta(days=1), tz=tz, now=NOW - timedelta(days=9))) == 6
    make.office(daily_cap=3)
    assert len(starts(tz=tz, now=NOW - timedelta(days=9))) == 6


def test_closures_are_days_of_the_office(agent, home, settings):
    make.closure(DAY, DAY + timedelta(days=1))

    assert starts() == starts(DAY + timedelta(days=1)) == []
    assert set(reasons().values()) == {"closure"}
    assert starts(DAY + timedelta(days=2)) != []
    make.agent(hours=(0, 24))
    assert starts(DAY - timedelta(days=1), now=NOW - timedelta(days=1), limit=100)[-1] == "23:30"
    assert starts(DAY + timedelta(days=2))[0] == "00:00"
    # In Auckland it is already Thursday while Chicago works on Wednesday.
    settings.OFFICE_TZ = ZoneInfo("Pacific/Auckland")
    assert starts(DAY - timedelta(days=1), now=NOW - timedelta(days=3), agent_ids=[agent.pk]) == []
    assert starts(DAY + timedelta(days=1)) != []


def test_a_home_is_shown_once_at_a_time_unless_viewings_are_stacked(agent):
    other = make.agent(hours=(9, 12))
    alone, together = make.listing(agent, other), make.listing(agent, other, allows_stacked_viewings=True)
    make.appointment(other, alone, make.at(DAY, 9), buffer_after_minutes=60)
    make.appointment(other, together, make.at(DAY, 11), buffer_before_minutes=60)

    # The buffers are the other agent's way; the home itself is free at once.
    assert starts(listing=alone, agent_ids=[agent.pk]) == ["09:30", "10:00", "10:30", "11:00", "11:30"]
    assert reasons(listing=alone, agent_ids=[agent.pk]) == {"09:00": "appointment"}
    assert "11:00" in starts(listing=together, agent_ids=[agent.pk])
    assert "11:00" not in starts(listing=together, agent_ids=[other.pk])


def test_a_listings_own_rules_come_first(agent):
    own = {"viewing_minutes": 60, "minimum_notice_minutes": 14 * 60, "horizon_days": 1, "buffer_before_minutes": 0}
    home = make.listing(agent, **own)
    make.office(viewing_minutes=30, minimum_notice_minutes=0, horizon_days=60, buffer_before_minutes=90)
    make.appointment(agent, make.listing(), make.at(DAY, 9))

    found = find_slots(start=NOW, end=NOW + timedelta(days=9), listing=home, now=NOW)

    assert [(offer.starts_at, offer.ends_at) for offer in found] == [
        (make.at(DAY, 10, 30), make.at(DAY, 11, 30)),
        (make.at(DAY, 11), make.at(DAY, 12)),
    ]
    assert starts() == ["11:00", "11:30"]
    assert starts(DAY + timedelta(days=1)) != []


@pytest.mark.parametrize(
    "change",
    [
        lambda agent, home: Listing.objects.filter(pk=home.pk).update(status="let"),
        lambda agent, home: Listing.objects.filter(pk=home.pk).update(status="held"),
        lambda agent, home: Agent.objects.filter(pk=agent.pk).update(is_bookable=False),
        lambda agent, home: Agent.objects.filter(pk=agent.pk).update(is_active=False),
        lambda agent, home: home.agents.clear(),
        lambda agent, home: agent.working_hours.all().delete(),
    ],
    ids=["let", "held", "not bookable", "left", "not assigned", "no hours"],
)
def test_nobody_else_shows_a_home(agent, home, change):
    make.agent(hours=(9, 12))
    change(agent, home)

    assert starts(listing=home) == []
    assert why_closed(agent_id=agent.pk, listing=home, starts_at=make.at(DAY, 9), now=NOW) == "outside_hours"


def test_steps_follow_the_local_hour_of_each_agent():
    make.agent(timezone="Asia/Kathmandu", hours=(9, 10))
    tz = ZoneInfo("Asia/Kathmandu")

    found = find_slots(start=make.at(DAY, 0, tz=tz), end=make.at(DAY, 23, tz=tz), now=NOW - timedelta(days=1))

    assert [offer.starts_at for offer in found] == [
        datetime(2027, 3, 3, 3, 15, tzinfo=UTC),
        datetime(2027, 3, 3, 3, 45, tzinfo=UTC),
    ]


@pytest.mark.parametrize(
    ("zone", "day", "expected"),
    [
        # 02:00 is followed by 03:00, then 01:00 by 01:00.
        ("America/Chicago", date(2027, 3, 14), ["00:00", "01:00", "03:00", "04:00"]),
        ("America/Chicago", date(2027, 11, 7), ["00:00", "01:00", "01:00", "02:00", "03:00", "04:00"]),
        ("Europe/London", date(2027, 3, 28), ["00:00", "02:00", "03:00", "04:00"]),
        ("Europe/London", date(2027, 10, 31), ["00:00", "01:00", "01:00", "02:00", "03:00", "04:00"]),
        # Half an hour is skipped, and half an hour comes twice.
        ("Australia/Lord_Howe", date(2027, 10, 3), ["00:00", "01:00", "03:00", "04:00"]),
        ("Australia/Lord_Howe", date(2027, 4, 4), ["00:00", "01:00", "02:00", "03:00", "04:00"]),
    ],
)
def test_hours_are_skipped_and_repeated_as_clocks_do(zone, day, expected):
    tz = ZoneInfo(zone)
    make.agent(timezone=zone, hours=(0, 5))
    make.office(slot_step_minutes=60, viewing_minutes=15)

    assert starts(day, tz=tz, now=make.at(day, 0, tz=tz) - timedelta(days=3)) == expected


def test_working_hours_mean_the_wall_clock_in_a_repeated_hour():
    day = date(2027, 11, 7)
    agent = make.agent()
    make.working_hours(agent, weekday=6, start_minute=90, end_minute=150)
    make.office(slot_step_minutes=30, viewing_minutes=30)

    found = find_slots(start=make.at(day, 0), end=make.at(day, 4), now=make.at(day, 0) - timedelta(days=3))

    assert [offer.starts_at for offer in found] == [
        make.at(day, 1, 30),
        make.at(day, 1, 30, fold=1),
        make.at(day, 2),
    ]


def test_an_explanation_names_every_closed_step_and_no_open_one(agent, home):
    make.appointment(agent, home, make.at(DAY, 11))
    window = {"start": make.at(DAY, 8, 30), "end": make.at(DAY, 12, 1), "listing": home, "now": NOW}

    assert explain(**window) == [
        Explanation(make.at(DAY, 8, 30), agent.pk, "outside_hours"),
        Explanation(make.at(DAY, 11), agent.pk, "appointment"),
        Explanation(make.at(DAY, 12), agent.pk, "outside_hours"),
    ]
    assert [offer.starts_at for offer in find_slots(**window)] == [
        make.at(DAY, *time) for time in ((9, 0), (9, 30), (10, 0), (10, 30), (11, 30))
    ]


def test_rules_are_asked_in_their_order(agent, home):
    """A step closed by all of them is closed by the first; without it, by the next."""
    make.office(daily_cap=0, horizon_days=1, minimum_notice_minutes=60 * 48, buffer_after_minutes=30)
    make.closure(DAY)
    nine = make.at(DAY, 9)
    busy = make.busy_time(agent, nine, nine + timedelta(minutes=5))
    booked = make.appointment(agent, home, nine, ends_at=nine + timedelta(minutes=10))
    held = make.hold(agent, home, nine + timedelta(minutes=10), expires_at=NOW + timedelta(days=1))
    late = make.busy_time(agent, nine + timedelta(minutes=45), nine + timedelta(minutes=50))

    def rule(**arguments: Any) -> str | None:
        return why_closed(agent_id=agent.pk, listing=home, starts_at=nine, **{"now": NOW} | arguments)

    agent.working_hours.all().delete()
    assert rule() == "outside_hours"
    make.working_hours(agent, weekday=2)
    assert rule() == "closure"
    type(make.closure(DAY)).objects.all().delete()
    found = []
    for row in (busy, booked, held, late):
        found.append(rule())
        row.delete()
    assert found == ["busy", "appointment", "hold", "buffer"]
    assert rule() == "minimum_notice"
    assert rule(now=NOW - timedelta(days=30)) == "horizon"
    make.office(minimum_notice_minutes=0)
    assert rule() == "daily_cap"
    make.office(daily_cap=None)
    assert rule() is None


def test_windows_that_make_no_sense(agent):
    assert find_slots(start=make.at(DAY, 12), end=make.at(DAY, 9), now=NOW) == []
    assert explain(start=make.at(DAY, 12), end=make.at(DAY, 12), now=NOW) == []
    with pytest.raises(BadArguments):
        explain(start=NOW, end=NOW + timedelta(days=801), now=NOW)
    far = datetime.max.replace(tzinfo=UTC)
    assert find_slots(start=datetime.min.replace(tzinfo=UTC), end=far, now=NOW, limit=1) != []
    with pytest.raises(BadArguments):
        why_closed(agent_id=agent.pk, listing=None, starts_at=far - timedelta(hours=1), now=NOW)


def test_one_query_asks_for_everybody(django_assert_num_queries):
    agents = [make.agent(hours=(9, 17)) for _ in range(3)]
    home = make.listing(*agents)
    make.office()

    # The rules, the zones in use, and the slots.
    with django_assert_num_queries(3):
        assert len(find_slots(start=make.at(DAY, 0), end=make.at(DAY, 23), listing=home, now=NOW)) == 48
