"""Clocks are put forward and back: what Pete and Outlook say of an instant stays the same on both sides of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from calendar_sync.tests import factories
from calendar_sync.tests.proof import checks, office
from calendar_sync.tests.proof.office import Office
from crm import booking
from crm.availability import find_slots
from crm.models import Agent, Appointment, OutgoingMessage
from crm.tests import factories as crm

ZONES = ["America/Chicago", "Europe/London", "Australia/Lord_Howe"]
DAY, HALF_HOUR = timedelta(days=1), timedelta(minutes=30)
FORWARD, BACK = "forward", "back"

pytestmark = pytest.mark.django_db


def change_of(zone: ZoneInfo, direction: str) -> datetime:
    """Return the next instant, a week or more from now, at which the clocks of a zone are put `direction`."""
    at = timezone.now().replace(minute=0, second=0, microsecond=0) + 7 * DAY
    while True:
        before, after = (moment.astimezone(zone).utcoffset() for moment in (at, at + HALF_HOUR))
        assert before is not None
        assert after is not None
        if (after > before and direction == FORWARD) or (after < before and direction == BACK):
            return at + HALF_HOUR
        at += HALF_HOUR


@pytest.fixture(params=[(zone, direction) for zone in ZONES for direction in (FORWARD, BACK)], ids="-".join)
def change(request: Any, monkeypatch: Any, settings: Any) -> Iterator[tuple[Office, Agent, datetime]]:
    """An agent five days before the clocks of their zone change."""
    zone, direction = request.param
    desk = office.build(monkeypatch, settings, seed=1)
    monkeypatch.setattr(office, "ZONES", [zone])
    desk.hire(1)
    at = change_of(ZoneInfo(zone), direction)
    desk.now = at - 5 * DAY
    return desk, desk.agents[0], at


def at_local(day: date, hour: int, zone: ZoneInfo, minute: int = 0) -> datetime:
    return datetime.combine(day, time(hour, minute), zone).astimezone(UTC)


def in_outlook(desk: Office, agent: Agent) -> list[tuple[datetime, datetime]]:
    return [(event.start.astimezone(UTC), event.end.astimezone(UTC)) for event in desk.outlook(agent).events()]


def in_pete() -> list[tuple[datetime, datetime]]:
    return list(Appointment.objects.order_by("starts_at").values_list("starts_at", "ends_at"))


def test_viewings_are_at_the_same_instants_on_both_sides(change):
    desk, agent, at = change
    desk.poll()
    home = crm.listing(agent)
    # Every half hour for two hours before and after: the hour that comes twice, and none that never comes.
    starts = [at + n * HALF_HOUR for n in range(-4, 4)]
    rows = [
        booking.book(
            lead=crm.lead(), listing=home, agent=agent, starts_at=start, idempotency_key=str(start), now=desk.now
        )
        for start in starts
    ]
    desk.settle()

    assert in_outlook(desk, agent) == in_pete() == [(start, start + HALF_HOUR) for start in starts]

    # Over the change and back: one in Outlook, one in Pete.
    first, last = sorted(desk.outlook(agent).events(), key=lambda event: event.start)[:: len(starts) - 1]
    desk.outlook(agent).move(first.id, at + 3 * HALF_HOUR + DAY)
    booking.reschedule(rows[-1].pk, starts_at=at - 5 * HALF_HOUR, now=desk.now)
    desk.settle()

    moved = [at - 5 * HALF_HOUR, *starts[1:-1], at + 3 * HALF_HOUR + DAY]
    assert in_outlook(desk, agent) == in_pete() == [(start, start + HALF_HOUR) for start in moved]
    assert last.id in desk.outlook(agent).mailbox.events
    assert checks.both_sides_agree(desk) == checks.states_are_true(desk) == []


def test_a_viewing_stretched_over_the_change_keeps_its_instants(change):
    desk, agent, at = change
    desk.poll()
    lead = crm.lead(email="jane@example.com")
    booking.book(
        lead=lead, listing=crm.listing(agent), agent=agent, starts_at=at - HALF_HOUR, idempotency_key="k", now=desk.now
    )
    desk.settle()

    (event,) = desk.outlook(agent).events()
    desk.outlook(agent).move(event.id, at - HALF_HOUR, at + 2 * HALF_HOUR)
    desk.settle()

    assert in_outlook(desk, agent) == in_pete() == [(at - HALF_HOUR, at + 2 * HALF_HOUR)]
    # It begins when it did: nobody is told.
    assert not OutgoingMessage.objects.exists()


def test_days_series_and_what_lies_across_are_busy_at_their_local_times(change):
    desk, agent, at = change
    zone, outlook = ZoneInfo(agent.timezone), desk.outlook(agent)
    # The night of the change: both calendar days it can be counted to.
    day = at.astimezone(zone).date()
    outlook.create_all_day("Holiday", day)
    outlook.create_all_day("Fair", day - 3 * DAY, 3)
    outlook.create_all_day("Trip", day + DAY, 2)
    before, after = at_local(day - DAY, 22, zone), at_local(day + DAY, 6, zone)
    outlook.create("Night", before, after)
    mornings = [at_local(day + n * DAY, 7, zone) for n in range(-3, 4)]
    outlook.create_series("Gym", mornings[0], mornings[0] + HALF_HOUR, {"type": "daily"}, times=7)

    desk.settle()

    def midnight(n: int) -> datetime:
        return at_local(day + n * DAY, 0, zone)

    expected = [(midnight(0), midnight(1)), (midnight(-3), midnight(0)), (midnight(1), midnight(3)), (before, after)]
    expected += [(morning, morning + HALF_HOUR) for morning in mornings]
    assert sorted(factories.busy_times().values_list("starts_at", "ends_at")) == sorted(expected)
    # The day of the change has not 24 hours, and the whole of it is taken.
    assert midnight(1) - midnight(0) != DAY
    assert find_slots(listing=crm.listing(agent), start=midnight(-3), end=midnight(3), now=desk.now) == []


def test_a_series_that_is_moved_after_the_change_stays_at_its_local_time(change):
    desk, agent, at = change
    zone, outlook = ZoneInfo(agent.timezone), desk.outlook(agent)
    day = at.astimezone(zone).date()
    mornings = [at_local(day + n * DAY, 7, zone) for n in range(-2, 3)]
    series = outlook.create_series("Gym", mornings[0], mornings[0] + HALF_HOUR, {"type": "daily"}, times=5)
    desk.settle()

    shown = outlook.mailbox.view(outlook.mailbox.default_calendar.id, mornings[3], mornings[3] + HALF_HOUR)
    outlook.move(shown[0].id, mornings[3] + 2 * HALF_HOUR)
    outlook.delete(series.replace("AAA=", f".{day - DAY:%Y%m%d}AAA="))
    desk.settle()

    left = [mornings[0], mornings[2], mornings[3] + 2 * HALF_HOUR, mornings[4]]
    assert sorted(factories.busy_times().values_list("starts_at", flat=True)) == left
    assert {end - start for start, end in factories.busy_times().values_list("starts_at", "ends_at")} == {HALF_HOUR}
