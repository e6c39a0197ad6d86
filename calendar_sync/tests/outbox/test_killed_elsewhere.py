"""SIGKILL at the points around the outbox's own: while booking, giving up, reading what Outlook changed, renewing."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from calendar_sync import mirror, outbox, outlook_changes, pushing, telling, tokens
from calendar_sync.models import Calendar, Push
from calendar_sync.sandbox import Fault, Kind
from calendar_sync.tests import factories
from calendar_sync.tests.conftest import ADA
from calendar_sync.tests.outbox.conftest import ELEVEN, HALF_HOUR, NOON, TEN, open_notices, statuses
from calendar_sync.tests.outbox.test_killed import AFTER, BEFORE, killed
from crm import booking
from crm.models import Appointment, OutgoingMessage

pytestmark = pytest.mark.django_db(transaction=True)

Point = tuple[Any, str, str]


def later(**more: int) -> datetime:
    return datetime.now(TEN.tzinfo) + timedelta(**more)


def once_the_claim_has_run_out() -> int:
    return pushing.push_due(later(seconds=1) + outbox.CLAIM)


# --- Into the outbox, and out of it for good -------------------------------------------------------------------------


def test_killed_before_a_booking_is_committed_leaves_nothing(desk):
    killed(outbox, "enqueue", AFTER, desk.book)

    assert (Appointment.objects.count(), Push.objects.count()) == (0, 0)
    assert desk.booked().calendar_state == "synced"


def test_killed_after_a_booking_is_committed_the_sweep_writes_it(desk):
    killed(outbox, "wake", BEFORE, desk.book)

    assert pushing.push_due() == 1
    assert desk.state(Appointment.objects.get()) == ("synced", desk.event().id)


@pytest.mark.parametrize("when", [BEFORE, AFTER])
@pytest.mark.parametrize("kind", [Kind.UNAVAILABLE_BEFORE, Kind.UNAVAILABLE_AFTER])
def test_killed_while_an_attempt_is_put_off(desk, kind, when):
    desk.sandbox.faults.add(Fault(kind, method="POST"))
    appointment = desk.book()

    killed(outbox, "put_off", when, lambda: pushing.push_appointment(appointment.pk))
    assert once_the_claim_has_run_out() == 1

    assert desk.state(appointment) == ("synced", desk.event().id)


@pytest.mark.parametrize("point", [(outbox, "give_up", BEFORE), (outbox, "raise_notice", AFTER)])
def test_killed_while_giving_up_it_is_given_up_and_told_later(desk, point):
    desk.sandbox.faults.add(Fault(Kind.REFUSED, method="POST", status=400), times=2)
    appointment = desk.book()

    killed(*point, lambda: pushing.push_appointment(appointment.pk))
    assert (statuses(), open_notices()) == (["waiting"], [])
    assert once_the_claim_has_run_out() == 0

    assert (statuses(), desk.state(appointment)[0]) == (["failed"], "failed")
    assert [notice.kind for notice in open_notices()] == ["push_failed"]


def test_killed_after_a_write_is_noted_nothing_is_written_again(desk):
    appointment = desk.book()

    killed(outbox, "finish", AFTER, lambda: pushing.push_appointment(appointment.pk))

    assert desk.state(appointment) == ("synced", desk.event().id)
    assert once_the_claim_has_run_out() == 0
    assert len(desk.asked("POST")) == 1


# --- What Outlook changed ---------------------------------------------------------------------------------------------


def read(at: datetime) -> bool:
    pk = Calendar.objects.get().pk
    Calendar.objects.filter(pk=pk).update(next_sync_at=TEN - timedelta(days=30))
    return mirror.sync_calendar(pk, now=at)


MOVING: list[Point] = [
    (outlook_changes, "decide", BEFORE),
    (booking, "place", AFTER),
    (outbox, "note_agreement", AFTER),
    (telling, "moved", AFTER),
    (outlook_changes, "decide", AFTER),
    (mirror, "store", AFTER),
]
CANCELLING: list[Point] = [
    (outlook_changes, "decide", BEFORE),
    (booking, "cancel", AFTER),
    (outbox, "forget_event", AFTER),
    (telling, "cancelled", AFTER),
    (outlook_changes, "decide", AFTER),
]


@pytest.mark.parametrize("point", MOVING)
def test_killed_while_following_a_move_in_outlook(desk, point):
    appointment = desk.booked()
    desk.sandbox.outlook(ADA).move(desk.event().id, ELEVEN)
    desk.sandbox.outlook(ADA).create("Mine", NOON, NOON + HALF_HOUR)

    killed(*point, lambda: read(later()))
    assert not read(later(seconds=2))
    assert read(later(seconds=2) + mirror.CLAIM)
    pushing.push_due(later(minutes=30))

    assert desk.fresh(appointment).starts_at == ELEVEN
    assert OutgoingMessage.objects.count() == 1
    assert list(factories.busy_times().values_list("starts_at", flat=True)) == [NOON]
    assert statuses() == ["done"]


@pytest.mark.parametrize("point", CANCELLING)
def test_killed_while_following_a_deletion_in_outlook(desk, point):
    appointment = desk.booked()
    desk.sandbox.outlook(ADA).delete(desk.event().id)

    killed(*point, lambda: read(later()))
    assert read(later(seconds=2) + mirror.CLAIM)

    assert desk.fresh(appointment).status == "cancelled"
    assert desk.state(appointment) == ("synced", "")
    assert OutgoingMessage.objects.count() == 1


@pytest.mark.parametrize(
    "point", [*MOVING[:-1], (outbox, "finish_as_it_is", BEFORE), (outbox, "finish_as_it_is", AFTER)]
)
def test_killed_while_the_outbox_meets_a_move_in_outlook(desk, point):
    """The worker writes another name of the lead when it finds the event moved."""
    appointment = desk.booked()
    desk.sandbox.outlook(ADA).move(desk.event().id, ELEVEN)
    outbox.enqueue(desk.fresh(appointment))

    killed(*point, lambda: pushing.push_appointment(appointment.pk))
    once_the_claim_has_run_out()

    assert desk.fresh(appointment).starts_at == desk.event().start == ELEVEN
    assert OutgoingMessage.objects.count() == 1
    assert set(statuses()) == {"done"}


# --- Tokens -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("when", [BEFORE, AFTER])
def test_killed_while_keeping_a_new_token_the_old_one_still_renews(desk, when):
    connection = desk.agent.calendar_connection
    desk.sandbox.entra.expire_access(ADA)
    appointment = desk.book()

    killed(tokens, "keep", when, lambda: pushing.push_appointment(appointment.pk))
    assert once_the_claim_has_run_out() == 1

    connection.refresh_from_db()
    assert (connection.status, desk.state(appointment)) == ("connected", ("synced", desk.event().id))
