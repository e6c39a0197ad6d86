"""Whatever somebody does in Outlook, and Graph meanwhile: in the end Pete is busy exactly when they are."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from zoneinfo import ZoneInfo

import pytest
from django.db import connection as database
from django.utils import timezone

from calendar_sync.mirror import sync_calendar
from calendar_sync.models import Calendar
from calendar_sync.sandbox.faults import PASSING, Kind
from calendar_sync.tests import factories
from calendar_sync.tests.conftest import ADA

CHICAGO = ZoneInfo("America/Chicago")
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
SHOWS = ["busy", "free", "tentative", "oof", "workingElsewhere"]
# Two failures in a row at the token would, rightly, end the connection.
KINDS = [kind for kind in PASSING if kind is not Kind.TOKEN_EXPIRED] + [Kind.REPLAY, Kind.EMPTY_PAGE, Kind.DELTA_GONE]


class Person:
    """Somebody who does things in Outlook at random."""

    def __init__(self, outlook, dice, start):
        self.outlook, self.dice, self.start = outlook, dice, start

    def act(self):
        self.dice.choice([self.create, self.create, self.all_day, self.series, self.move, self.edit, self.delete])()

    def moment(self):
        return self.start + self.dice.randrange(0, 65 * 24 * 4) * HOUR / 4

    def some(self, *, with_occurrences):
        found = [event.id for event in self.outlook.events()]
        if with_occurrences:
            shown = self.outlook.mailbox.view(self.calendar_id, self.start, self.start + 40 * DAY)
            found += [event.id for event in shown if event.master_id]
        return self.dice.choice(found) if found else None

    @property
    def calendar_id(self):
        return self.outlook.mailbox.default_calendar.id

    def create(self):
        at = self.moment()
        self.outlook.create("x", at, at + self.dice.randrange(0, 40) * HOUR / 4, showAs=self.dice.choice(SHOWS))

    def all_day(self):
        self.outlook.create_all_day(
            "x", self.moment().date(), self.dice.randrange(1, 4), showAs=self.dice.choice(SHOWS)
        )

    def series(self):
        at = self.moment()
        pattern = self.dice.choice([{"type": "daily"}, {"type": "weekly", "daysOfWeek": ["monday", "thursday"]}])
        self.outlook.create_series("x", at, at + HOUR, pattern, times=6, showAs=self.dice.choice(SHOWS))

    def move(self):
        event_id = self.some(with_occurrences=True)
        if event_id and not self.outlook.mailbox.event(event_id).is_all_day and not self.is_series(event_id):
            self.outlook.move(event_id, self.moment())

    def is_series(self, event_id):
        return self.outlook.mailbox.event(event_id).recurrence is not None

    def edit(self):
        if event_id := self.some(with_occurrences=True):
            self.outlook.edit(event_id, showAs=self.dice.choice(SHOWS))

    def delete(self):
        if event_id := self.some(with_occurrences=True):
            self.outlook.delete(event_id)


def expected(outlook, calendar):
    """Return what blocks, told by the mailbox itself."""
    shown = outlook.mailbox.view(calendar.external_id, calendar.window_starts_at, calendar.window_ends_at)
    blocking = [e for e in shown if e.fields.get("showAs") not in ("free", "workingElsewhere") and e.start < e.end]
    return sorted((event.start.astimezone(UTC), event.end.astimezone(UTC)) for event in blocking)


def mirrored(agent):
    rows = factories.busy_times().filter(agent=agent).exclude(external_id__startswith="unreadable:")
    return sorted(rows.values_list("starts_at", "ends_at"))


@pytest.mark.parametrize("seed", range(4))
def test_both_sides_agree_after_random_changes_and_faults(connected_agent, sandbox, seed):
    connected_agent.timezone = "America/Chicago"
    connected_agent.save()
    calendar = connected_agent.calendar_connection.calendars.get()
    outlook, dice = sandbox.outlook(ADA), random.Random(seed)
    now = timezone.now()
    person = Person(outlook, dice, now.replace(minute=0, second=0, microsecond=0) - DAY)
    for step in range(60):
        for _ in range(dice.randrange(1, 5)):
            person.act()
        sandbox.faults.by_chance(0.3, seed=step, kinds=KINDS)
        # Hours pass, and now and then so many that the window moves on.
        now += dice.choice([timedelta(minutes=5), 3 * HOUR])
        read(calendar, now)
        if step % 20 == 19:
            sandbox.faults.clear()
            assert read(calendar, now)
            calendar.refresh_from_db()
            assert mirrored(connected_agent) == expected(outlook, calendar)


def read(calendar, now):
    Calendar.objects.filter(pk=calendar.pk).update(next_sync_at=now)
    return sync_calendar(calendar.pk, now=now)


@pytest.mark.django_db(transaction=True)
def test_of_many_workers_one_reads_a_calendar(connected_agent, sandbox):
    calendar = connected_agent.calendar_connection.calendars.get()
    start = datetime.now(UTC) + DAY
    sandbox.outlook(ADA).import_events((str(n), start + n * HOUR, start + (n + 1) * HOUR) for n in range(30))
    together = Barrier(6)

    def work(_):
        together.wait()
        try:
            return sync_calendar(calendar.pk)
        finally:
            database.close()

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(work, range(6))) == [False] * 5 + [True]

    assert factories.busy_times().filter(agent=connected_agent).count() == 30
