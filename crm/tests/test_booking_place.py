"""Moving a viewing to exactly the time its agent chose elsewhere."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from crm import booking
from crm.errors import BadArguments, NoViewing, PastTime, SlotTaken
from crm.models import Agent, Appointment, Listing, TimelineEntry
from crm.tests import factories as make

pytestmark = pytest.mark.django_db

DAY = date(2027, 3, 3)
NOW = make.at(date(2027, 3, 2), 20)
NINE, TEN = make.at(DAY, 9), make.at(DAY, 10)
EVENING = make.at(DAY, 20, 7)
HOUR = timedelta(hours=1)


@pytest.fixture
def agent() -> Agent:
    return make.agent(hours=(9, 12))


@pytest.fixture
def home(agent: Agent) -> Listing:
    return make.listing(agent)


@pytest.fixture
def viewing(agent: Agent, home: Listing) -> Appointment:
    return make.appointment(agent, home, NINE)


def test_the_agents_own_time_overrules_hours_steps_and_busy_times(agent, viewing):
    make.busy_time(agent, EVENING, EVENING + HOUR)

    booking.place(viewing.pk, starts_at=EVENING, ends_at=EVENING + HOUR, now=NOW)

    viewing.refresh_from_db()
    assert (viewing.starts_at, viewing.ends_at) == (EVENING, EVENING + HOUR)
    assert TimelineEntry.objects.get().text.startswith("Viewing moved")


def test_the_same_time_again_says_nothing(viewing):
    booking.place(viewing.pk, starts_at=viewing.starts_at, ends_at=viewing.ends_at, now=NOW)

    assert not TimelineEntry.objects.exists()


def test_other_promises_stand_and_alternatives_are_named(agent, home, viewing):
    other = make.listing(agent)
    make.hold(agent, other, TEN, expires_at=NOW + HOUR)

    with pytest.raises(SlotTaken) as refusal:
        booking.place(viewing.pk, starts_at=TEN - timedelta(minutes=15), ends_at=TEN + HOUR, now=NOW)

    viewing.refresh_from_db()
    assert viewing.starts_at == NINE
    assert refusal.value.alternatives


def test_a_lapsed_hold_gives_way(agent, viewing):
    lapsed = make.hold(agent, make.listing(agent), TEN, expires_at=NOW)

    booking.place(viewing.pk, starts_at=TEN, ends_at=TEN + HOUR, now=NOW)

    lapsed.refresh_from_db()
    assert lapsed.status == "cancelled"


@pytest.mark.parametrize(
    ("starts_at", "length", "refusal"),
    [
        (NOW - HOUR, HOUR, PastTime),
        (TEN, timedelta(), BadArguments),
        (TEN, timedelta(hours=13), BadArguments),
    ],
)
def test_what_no_viewing_can_be_is_refused(viewing, starts_at, length, refusal):
    with pytest.raises(refusal):
        booking.place(viewing.pk, starts_at=starts_at, ends_at=starts_at + length, now=NOW)


def test_what_is_cancelled_stays_so(viewing):
    booking.cancel(viewing.pk)

    with pytest.raises(NoViewing):
        booking.place(viewing.pk, starts_at=TEN, ends_at=TEN + HOUR, now=NOW)


def test_a_viewing_that_has_begun_may_end_later(viewing):
    booking.place(viewing.pk, starts_at=NINE, ends_at=NINE + HOUR, now=NINE + timedelta(minutes=10))

    viewing.refresh_from_db()
    assert viewing.ends_at == NINE + HOUR
