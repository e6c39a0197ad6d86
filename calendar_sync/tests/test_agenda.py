from datetime import date, timedelta

import pytest

from calendar_sync.agenda import by_day
from crm.tests import factories as crm

pytestmark = pytest.mark.django_db

SATURDAY = date(2027, 3, 13)  # the clocks change in the night that follows


def days(agent, first, count):
    start = crm.at(first, 0)
    return [
        (day, [(part.entry.title, part.starts_at, part.ends_at, part.is_all_day) for part in parts])
        for day, parts in by_day(agent, start, crm.at(first + timedelta(days=count), 0))
    ]


def test_what_lasts_for_days_is_on_each_of_them_whole_ones_as_such():
    agent = crm.agent()
    sunday, monday = SATURDAY + timedelta(days=1), SATURDAY + timedelta(days=2)
    crm.busy_time(agent, crm.at(SATURDAY, 18), crm.at(monday, 9), reason="trip")

    assert days(agent, SATURDAY, 7) == [
        (SATURDAY, [("Trip", crm.at(SATURDAY, 18), crm.at(sunday, 0), False)]),
        (sunday, [("Trip", crm.at(sunday, 0), crm.at(monday, 0), True)]),
        (monday, [("Trip", crm.at(monday, 0), crm.at(monday, 9), False)]),
    ]


def test_days_are_the_agents_own():
    agent = crm.agent(timezone="America/New_York")
    crm.busy_time(agent, crm.at(SATURDAY, 23), crm.at(SATURDAY, 23, 30))

    assert [day for day, _parts in days(agent, SATURDAY, 2)] == [SATURDAY + timedelta(days=1)]


def test_nothing_outside_the_window_is_shown():
    agent = crm.agent()
    crm.busy_time(agent, crm.at(SATURDAY - timedelta(days=9), 0), crm.at(SATURDAY + timedelta(days=9), 0))

    assert [day for day, _parts in days(agent, SATURDAY, 2)] == [SATURDAY, SATURDAY + timedelta(days=1)]
    assert days(agent, SATURDAY + timedelta(days=9), 2) == []
