"""The outbox and the mirror together: what one writes the other reads, and nothing goes in circles."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.db.models import Q

from calendar_sync import adoption, events, pushing, tokens
from calendar_sync.mirror import sync_calendar
from calendar_sync.models import Calendar, Connection, Push
from calendar_sync.tests.conftest import ADA
from calendar_sync.tests.outbox.conftest import BOB, ELEVEN, HALF_HOUR, NOON, TEN, open_notices, reassign, tag_values
from crm import booking
from crm.errors import CrmError
from crm.models import Appointment, BusyTime, OutgoingMessage


def read_all() -> None:
    for pk in Calendar.objects.values_list("pk", flat=True):
        Calendar.objects.filter(pk=pk).update(next_sync_at=TEN - timedelta(days=30), claimed_until=None, failures=0)
        sync_calendar(pk)


def asked(desk: Any) -> int:
    return sum(entry.request.method in ("POST", "PATCH", "DELETE") for entry in desk.sandbox.graph.log)


@pytest.mark.django_db
def test_our_own_writes_come_back_and_nothing_happens(desk):
    read_all()
    appointment = desk.booked()
    read_all()
    booking.reschedule(appointment.pk, starts_at=ELEVEN)
    pushing.push_due()
    written = asked(desk)

    for _ in range(3):
        read_all()
        pushing.push_due()

    assert asked(desk) == written
    assert desk.fresh(appointment).starts_at == desk.event().start == ELEVEN
    assert not BusyTime.objects.filter(starts_at__lt=NOON, ends_at__gt=TEN).exists()
    assert not OutgoingMessage.objects.exists()


@pytest.mark.django_db
def test_what_is_done_in_outlook_arrives_once_and_is_not_written_back(desk):
    read_all()
    appointment = desk.booked()
    desk.sandbox.outlook(ADA).move(desk.event().id, NOON)
    written = asked(desk)

    for _ in range(3):
        read_all()
        pushing.push_due()

    assert asked(desk) == written
    assert desk.fresh(appointment).starts_at == NOON
    assert OutgoingMessage.objects.count() == 1

    desk.sandbox.outlook(ADA).delete(desk.event().id)
    for _ in range(3):
        read_all()
        pushing.push_due()

    assert desk.fresh(appointment).status == "cancelled"
    assert OutgoingMessage.objects.count() == 2
    assert asked(desk) == written


@pytest.mark.django_db(transaction=True)
def test_workers_at_once_write_one_event(desk):
    desk.sandbox.graph.latency = 0.02
    appointment = desk.book()
    for hour in (ELEVEN, NOON):
        booking.reschedule(appointment.pk, starts_at=hour)

    def work() -> int:
        try:
            return pushing.push_appointment(appointment.pk)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        done = [job.result() for job in [pool.submit(work) for _ in range(4)]]

    assert sum(done) == 1
    assert desk.event().start == NOON
    assert len(desk.asked("POST")) == 1


@pytest.mark.django_db(transaction=True)
def test_moving_while_a_worker_writes_ends_with_the_last_time(desk):
    """Bookings go on under the worker's hands; nobody deadlocks and the last word is written."""
    desk.sandbox.graph.latency = 0.01
    appointment = desk.booked()
    times = [TEN + step * HALF_HOUR for step in range(8)]

    def work() -> None:
        try:
            for _ in range(12):
                pushing.push_appointment(appointment.pk)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(work) for _ in range(2)]
        for start in times:
            booking.reschedule(appointment.pk, starts_at=start)
        for job in jobs:
            job.result()
    pushing.push_due()

    assert desk.event().start == desk.fresh(appointment).starts_at == times[-1]
    assert desk.state(appointment) == ("synced", desk.event().id)


class Days:
    """Random doings of callers, staff and people in Outlook, over two agents, while Graph fails at random."""

    def __init__(self, desk: Any, agents: list[Any], seed: int) -> None:
        self.desk, self.agents, self.dice = desk, agents, random.Random(seed)
        self.slots = [TEN + step * HALF_HOUR for step in range(10)]

    def some_viewing(self) -> Appointment | None:
        rows = list(Appointment.objects.filter(status="booked").order_by("pk"))
        return self.dice.choice(rows) if rows else None

    def some_event(self) -> Any:
        mine = [(a, e) for a in (ADA, BOB) for e in self.desk.events(a) if any(tag_values([e]))]
        return self.dice.choice(mine) if mine else (None, None)

    def book(self, step: int) -> None:
        agent = self.dice.choice(self.agents)
        self.desk.book(self.dice.choice(self.slots), agent=agent, idempotency_key=f"step {step}")

    def move(self, step: int) -> None:
        viewing = self.some_viewing()
        if viewing:
            booking.reschedule(viewing.pk, starts_at=self.dice.choice(self.slots))

    def reassign(self, step: int) -> None:
        viewing = self.some_viewing()
        if viewing:
            reassign(viewing, self.dice.choice(self.agents), self.dice.choice(self.slots))

    def cancel(self, step: int) -> None:
        viewing = self.some_viewing()
        if viewing:
            booking.cancel(viewing.pk)

    def drag(self, step: int) -> None:
        address, event = self.some_event()
        if event:
            self.desk.sandbox.outlook(address).move(event.id, self.dice.choice(self.slots))

    def delete(self, step: int) -> None:
        address, event = self.some_event()
        if event:
            self.desk.sandbox.outlook(address).delete(event.id)

    def work(self, step: int) -> None:
        pushing.push_due(self.desk.later(minutes=20 * step))

    def read(self, step: int) -> None:
        read_all()

    def one(self, step: int) -> None:
        doings = [self.book, self.book, self.move, self.reassign, self.cancel, self.drag, self.delete, self.work]
        try:
            self.dice.choice([*doings, self.work, self.read, self.read])(step)
        except CrmError:
            return

    def dust_settles(self) -> None:
        self.desk.sandbox.faults.clear()
        for connection in Connection.objects.all():
            # Two refused tokens in a row are a broken connection: the person signs in again.
            tokens.note_success(connection)
        for hour in range(4):
            Push.objects.filter(status="waiting").update(next_attempt_at=TEN - timedelta(days=30))
            pushing.push_due(self.desk.later(hours=60 + hour))
            read_all()


def in_outlook(desk: Any) -> Iterator[tuple[int, str, Any, Any]]:
    for address in (ADA, BOB):
        for event in desk.events(address):
            tag = events.read_tag(tag_values([event])[0])
            if tag:
                yield tag[0], address, event.start, event.end


@pytest.mark.django_db
@pytest.mark.parametrize("seed", range(3))
def test_random_days_under_faults_end_with_both_sides_agreeing(desk, bob, seed):
    days = Days(desk, [desk.agent, bob], seed)
    desk.sandbox.faults.by_chance(0.15, seed=seed)
    for step in range(120):
        days.one(step)

    days.dust_settles()

    booked = Appointment.objects.filter(status="booked")
    in_pete = [(row.pk, row.agent.email, row.starts_at, row.ends_at) for row in booked.select_related("agent")]
    assert sorted(in_outlook(desk)) == sorted(in_pete)
    assert set(booked.values_list("calendar_state", flat=True)) <= {"synced"}
    assert not Appointment.objects.filter(Q(calendar_state="pending") | Q(calendar_state="failed")).exists()
    assert adoption.settle() == 0
    assert {notice.kind for notice in open_notices()} <= {"moved"}
