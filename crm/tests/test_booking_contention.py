"""Races, with real threads on connections of their own. Whoever wins, one wins, and nobody waits in a circle."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction

from crm import booking
from crm.errors import CrmError
from crm.models import Agent, Appointment, AppointmentStatus, Lead, Listing
from crm.tests import factories as make

pytestmark = pytest.mark.django_db(transaction=True)

DAY = date(2027, 3, 3)
NOW = make.at(date(2027, 3, 2), 20)
NINE = make.at(DAY, 9)
THREADS = 48
ROUNDS = 300


def outcome(service: Callable[[], Appointment]) -> str:
    """Run a service; return what came of it."""
    try:
        return service().status
    except CrmError as refusal:
        return refusal.code
    except OperationalError as failure:
        return type(failure.__cause__).__name__


def race(services: Sequence[Callable[[], Any]]) -> list[Any]:
    """Start them all at once, each on a connection of its own; return their answers in order."""
    barrier = Barrier(len(services))

    def run(service: Callable[[], Any]) -> Any:
        try:
            connection.ensure_connection()
            barrier.wait(timeout=30)
            return service()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(services)) as pool:
        return list(pool.map(run, services))


def booker(lead: Lead, home: Listing, starts_at: datetime = NINE, **arguments: Any) -> Callable[[], str]:
    wanted = {"lead": lead, "listing": home, "starts_at": starts_at, "idempotency_key": f"{lead.pk}", "now": NOW}
    return lambda: outcome(lambda: booking.book(**wanted | arguments))


def live() -> list[Appointment]:
    return list(Appointment.objects.filter(status__in=["held", "booked"]))


@pytest.fixture
def agent() -> Agent:
    make.office(slot_step_minutes=5, viewing_minutes=5, horizon_days=400)
    return make.agent(hours=(0, 24))


@pytest.fixture
def no_alternatives(monkeypatch):
    """Losers look for other times after they have let go of every lock; here it would only cost time."""
    monkeypatch.setattr(booking, "nearest_offers", lambda **wanted: [])


def test_48_threads_300_rounds_one_agent_one_winner_each(agent, no_alternatives):
    """Each round is one start of the agent at a home of the thread's own choice among six; one of 48 gets it."""
    homes = [make.listing(agent) for _ in range(6)]
    leads = [make.lead() for _ in range(THREADS)]
    barrier = Barrier(THREADS)
    answers: list[Counter[str]] = [Counter() for _ in range(ROUNDS)]

    def run(thread: int) -> None:
        try:
            for number in range(ROUNDS):
                start = NINE + number * timedelta(minutes=5)
                book = booker(
                    leads[thread],
                    homes[(thread + number) % 6],
                    start,
                    agent=agent,
                    idempotency_key=f"{thread}:{number}",
                )
                barrier.wait(timeout=60)
                answers[number][book()] += 1
        finally:
            connection.close()

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(run, range(THREADS)))

    assert set(map(frozenset, (answer.items() for answer in answers))) == {
        frozenset({("booked", 1), ("slot_taken", THREADS - 1)})
    }
    assert Appointment.objects.filter(agent=agent, status=AppointmentStatus.BOOKED).count() == ROUNDS


def test_ten_requests_without_an_agent_make_as_many_viewings_as_there_are_agents(agent):
    """Whoever is free is chosen under the lock: a choice made before it would give one agent to two callers."""
    home = make.listing(agent, *(make.agent(hours=(0, 24)) for _ in range(2)), allows_stacked_viewings=True)

    for number in range(5):
        start = NINE + number * timedelta(minutes=5)
        services = [booker(make.lead(), home, start) for _ in range(10)]
        assert Counter(race(services)) == {"booked": 3, "slot_taken": 7}

    assert Counter(row.agent_id for row in live()) == dict.fromkeys(home.agents.values_list("pk", flat=True), 5)


def test_several_agents_do_not_show_one_home_at_once(agent, no_alternatives):
    people = [agent, *(make.agent(hours=(0, 24)) for _ in range(5))]
    home = make.listing(*people)

    for number in range(25):
        start = NINE + number * timedelta(minutes=5)
        services = [booker(make.lead(), home, start, agent=person) for person in people * 2]
        assert Counter(race(services)) == {"booked": 1, "slot_taken": 11}


def test_overlapping_times_have_one_winner(agent):
    """Not the same start: these collide only because a viewing has a length."""
    make.office(viewing_minutes=60)
    homes = [make.listing(agent) for _ in range(4)]

    for number in range(5):
        start = NINE + timedelta(hours=2 * number)
        services = [booker(make.lead(), home, start + n * timedelta(minutes=15)) for n, home in enumerate(homes)]
        assert Counter(race(services)) == {"booked": 1, "slot_taken": 3}


def test_the_same_key_makes_one_viewing_however_many_ask_at_once(agent):
    home, lead = make.listing(agent), make.lead()

    for number in range(5):
        start = NINE + number * timedelta(minutes=5)
        key = f"round {number}"
        services = [
            lambda s=start, k=key: booking.book(lead=lead, listing=home, starts_at=s, idempotency_key=k, now=NOW)
        ]
        assert len({appointment.pk for appointment in race(services * 8)}) == 1

    assert len(live()) == 5


def test_the_same_key_of_different_callers_is_used_once(agent):
    others = [make.agent(hours=(0, 24)) for _ in range(7)]
    services = [booker(make.lead(), make.listing(person), idempotency_key="same") for person in (agent, *others)]

    assert Counter(race(services)) == {"booked": 1, "idempotency_mismatch": 7}
    assert len(live()) == 1


def test_a_held_time_goes_to_its_holder_though_others_ask_at_once(agent):
    home = make.listing(agent)

    for number in range(10):
        start, lead = NINE + number * timedelta(minutes=5), make.lead()
        booking.book(lead=lead, listing=home, starts_at=start, idempotency_key=f"hold {number}", hold=True, now=NOW)
        answers = race([booker(lead, home, start), *(booker(make.lead(), home, start) for _ in range(7))])
        assert answers == ["booked"] + ["slot_taken"] * 7

    assert {row.status for row in live()} == {"booked"}


def test_a_lapsed_hold_is_confirmed_swept_or_taken_but_never_twice(agent):
    home = make.listing(agent)

    for number in range(10):
        start, lead = NINE + number * timedelta(minutes=5), make.lead()
        held = booking.book(
            lead=lead, listing=home, starts_at=start, idempotency_key=f"hold {number}", hold=True, now=NOW
        )
        late, in_time = held.expires_at, held.expires_at - timedelta(seconds=1)
        answers = race(
            [
                lambda pk=held.pk, now=in_time: outcome(lambda: booking.confirm(pk, now=now)),
                booker(make.lead(), home, start, now=late),
                lambda now=late: booking.release_expired_holds(now),
            ]
        )
        assert sorted(answers[:2]) == ["booked", "slot_taken"]


def test_two_viewings_change_places_without_waiting_in_a_circle(agent):
    """Each wants the other's time: both locks are taken in the same order, so both are refused or served in turn."""
    other = make.agent(hours=(0, 24))
    home = make.listing(agent, other, allows_stacked_viewings=True)
    first = booking.book(lead=make.lead(), listing=home, agent=agent, starts_at=NINE, idempotency_key="1", now=NOW)
    second = booking.book(lead=make.lead(), listing=home, agent=other, starts_at=NINE, idempotency_key="2", now=NOW)

    def mover(row: Appointment, to: Agent, start: datetime) -> Callable[[], str]:
        slot = booking.slots.Offer(to.pk, home.pk, start, start)
        return lambda: outcome(lambda: booking.reschedule(row.pk, slot=slot, now=NOW))

    for number in range(10):
        start = NINE + (number % 2 + 1) * timedelta(hours=1)
        answers = race([mover(first, other, start), mover(second, agent, start)] * 3)
        assert set(answers) == {"booked"}
        assert set(race([mover(first, agent, start), mover(second, other, start)] * 3)) <= {"booked", "slot_taken"}

    assert len(live()) == 2


def test_a_lead_changed_first_in_the_callers_transaction_is_no_trap(agent):
    """Voice tools write facts to the lead, then book; a program may book for the same lead meanwhile."""
    home, lead = make.listing(agent), make.lead()

    def change_then_book(number: int) -> str:
        with transaction.atomic():
            Lead.objects.filter(pk=lead.pk).update(full_name=f"Ann {number}")
            time.sleep(0.01)
            return booker(lead, home, NINE + number * timedelta(minutes=5), idempotency_key=f"key {number}")()

    services = [lambda n=n: change_then_book(n) for n in range(8)]
    services += [booker(lead, home, NINE + n * timedelta(minutes=5), idempotency_key=f"key {n}") for n in range(8, 16)]

    assert race(services) == ["booked"] * 16


def test_cancelled_and_booked_at_once(agent):
    home = make.listing(agent)
    for number in range(10):
        start = NINE + number * timedelta(minutes=5)
        row = booking.book(lead=make.lead(), listing=home, starts_at=start, idempotency_key=f"{number}", now=NOW)
        answers = race(
            [lambda pk=row.pk: outcome(lambda: booking.cancel(pk)) for _ in range(3)]
            + [booker(make.lead(), home, start) for _ in range(3)]
        )
        assert answers[:3] == ["cancelled"] * 3
        assert Counter(answers[3:])["booked"] <= 1
        assert set(answers[3:]) <= {"booked", "slot_taken"}


@pytest.mark.parametrize("model", [Lead, Agent, Listing])
def test_a_booking_waits_in_line_and_no_longer_than_its_caller_says(agent, model):
    """Each of the three rows orders competitors. Voice callers set lock_timeout: somebody is on the phone."""
    home, lead = make.listing(agent), make.lead()

    def hold_the_lock() -> str:
        with transaction.atomic():
            model.objects.select_for_update(no_key=True).get(pk={Lead: lead, Agent: agent, Listing: home}[model].pk)
            time.sleep(0.6)
        return "held"

    def impatient() -> str:
        time.sleep(0.2)
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '100ms'")
            return booker(lead, home)()

    assert race([hold_the_lock, impatient]) == ["held", "LockNotAvailable"]
    assert live() == []
