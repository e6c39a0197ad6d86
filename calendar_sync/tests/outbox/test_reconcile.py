"""The nightly comparison: missing, moved, duplicate, orphan; kept for each agent, repaired with one click."""

from __future__ import annotations

import pytest
from django.utils import timezone

from calendar_sync import choice, outbox, pushing, reconcile, tokens
from calendar_sync.mirror import sync_calendar
from calendar_sync.models import Calendar, EventLink, Push
from calendar_sync.reconcile import Drift
from calendar_sync.remote import TAG_ID
from calendar_sync.sandbox import Fault, Kind
from calendar_sync.tasks import compare_first, sweep_outbox
from calendar_sync.tests import factories
from calendar_sync.tests.conftest import ADA, connect
from calendar_sync.tests.outbox.conftest import BOB, ELEVEN, NOON, TEN, only_link, open_notices, reassign
from crm import booking
from crm.errors import TransientError
from crm.models import OutgoingMessage

pytestmark = pytest.mark.django_db


def compare(desk) -> list[Drift]:
    return reconcile.reconcile(desk.agent.calendar_connection.pk)


def copy(desk, event, **more) -> str:
    """Add an event as another one is, with its tag."""
    tag = {"id": TAG_ID, "value": event.properties[TAG_ID]}
    outlook = desk.sandbox.outlook(ADA)
    return outlook.create("Copy", event.start, event.end, singleValueExtendedProperties=[tag], **more)


def repair(desk) -> int:
    (notice,) = open_notices()
    assert (notice.kind, notice.agent) == ("drift", desk.agent)
    done = reconcile.repair(notice.pk)
    pushing.push_due()
    assert open_notices() == []
    assert compare(desk) == []
    return done


def test_both_sides_agree_and_nothing_is_said(desk):
    desk.booked()
    desk.booked(NOON)

    assert (compare(desk), open_notices()) == ([], [])


def test_a_missing_event_is_written_anew(desk):
    appointment = desk.booked()
    first = desk.event().id
    desk.sandbox.outlook(ADA).delete(first)

    assert compare(desk) == [Drift("missing", appointment.pk, first)]
    assert "1 missing" in open_notices()[0].text
    assert desk.fresh(appointment).status == "booked"

    assert repair(desk) == 1
    assert desk.state(appointment) == ("synced", desk.event().id)
    assert desk.event().id != first
    assert OutgoingMessage.objects.count() == 0


def test_a_viewing_that_was_never_written_is_missing(desk):
    appointment = desk.book()
    Push.objects.all().delete()

    assert compare(desk) == [Drift("missing", appointment.pk)]

    repair(desk)
    assert desk.state(appointment) == ("synced", desk.event().id)


def test_an_event_that_nobody_noted_is_found_and_not_doubled(desk):
    appointment = desk.booked()
    event_id = desk.event().id
    EventLink.objects.update(event_id="", etag="")

    assert compare(desk) == [Drift("missing", appointment.pk)]

    repair(desk)
    assert (desk.event().id, only_link().event_id) == (event_id, event_id)


def test_a_moved_event_is_followed(desk):
    appointment = desk.booked()
    desk.sandbox.outlook(ADA).move(desk.event().id, NOON)

    assert compare(desk) == [Drift("moved", appointment.pk, desk.event().id)]
    assert desk.fresh(appointment).starts_at == TEN

    repair(desk)
    assert desk.fresh(appointment).starts_at == desk.event().start == NOON
    assert OutgoingMessage.objects.count() == 1


def test_a_viewing_that_moved_and_was_given_up_is_written(desk):
    appointment = desk.booked()
    desk.sandbox.faults.add(Fault(Kind.REFUSED, method="PATCH", status=400))
    booking.reschedule(appointment.pk, starts_at=ELEVEN)
    pushing.push_due()

    assert compare(desk) == [Drift("moved", appointment.pk, desk.event().id)]

    drift = next(notice for notice in open_notices() if notice.kind == "drift")
    reconcile.repair(drift.pk)
    pushing.push_due()
    assert desk.event().start == ELEVEN
    assert (desk.state(appointment)[0], open_notices()) == ("synced", [])


def test_powershell_2960_a_second_event_is_deleted(desk):
    appointment = desk.booked()
    first = desk.event()
    second = copy(desk, first)

    assert compare(desk) == [Drift("duplicate", appointment.pk, second)]

    repair(desk)
    assert desk.event().id == first.id


def test_an_orphan_of_a_cancelled_viewing_is_deleted(desk):
    appointment = desk.booked()
    event = desk.event()
    booking.cancel(appointment.pk)
    pushing.push_due()
    orphan = copy(desk, event)

    assert compare(desk) == [Drift("orphan", appointment.pk, orphan)]

    repair(desk)
    assert desk.events() == []


def test_an_orphan_of_a_reassigned_viewing_is_deleted(desk, bob):
    appointment = desk.booked()
    event = desk.event()
    reassign(appointment, bob)
    pushing.push_due()
    orphan = copy(desk, event)

    assert compare(desk) == [Drift("orphan", appointment.pk, orphan)]

    repair(desk)
    assert (desk.events(), len(desk.events(BOB))) == ([], 1)


def test_another_installations_events_are_left_alone(desk):
    appointment = desk.booked()
    copy(desk, desk.event(), transactionId="11111111-2222-5333-8444-555555555555")
    tag = {"id": TAG_ID, "value": f"{appointment.pk + 1000}:1"}
    desk.sandbox.outlook(ADA).create("Elsewhere", NOON, NOON, singleValueExtendedProperties=[tag])

    assert compare(desk) == []


def test_what_is_being_written_is_left_out(desk):
    appointment = desk.booked()
    booking.reschedule(appointment.pk, starts_at=ELEVEN)

    assert compare(desk) == []


def test_an_unreadable_calendar_is_no_drift(desk):
    desk.booked()
    desk.sandbox.faults.add(Fault(Kind.HTML))
    with pytest.raises(TransientError):
        compare(desk)

    tokens.mark_broken(desk.agent.calendar_connection.pk, "AADSTS50173")
    assert compare(desk) == []
    assert [notice.kind for notice in open_notices()] == ["connection"]


def test_drift_that_is_gone_is_no_longer_shown(desk):
    desk.booked()
    second = copy(desk, desk.event())
    compare(desk)
    desk.sandbox.outlook(ADA).delete(second)

    assert (compare(desk), open_notices()) == ([], [])


def test_a_clash_that_is_gone_is_no_longer_shown(desk):
    from calendar_sync import readback

    desk.booked()
    event_id = desk.sandbox.outlook(ADA).create("Dentist", TEN, ELEVEN)
    readback.read_back(only_link().pk)
    desk.sandbox.outlook(ADA).delete(event_id)
    assert len(open_notices()) == 1

    assert (compare(desk), open_notices()) == ([], [])


def test_each_connected_agent_is_compared_in_a_task_of_their_own(desk, bob, monkeypatch):
    from calendar_sync import tasks

    queued = []
    monkeypatch.setattr("calendar_sync.tasks.compare.delay", queued.append)
    tokens.mark_broken(bob.calendar_connection.pk, "AADSTS50173")

    assert tasks.compare_all() == 1
    assert queued == [desk.agent.calendar_connection.pk]
    assert tasks.compare(queued[0]) == 0
    assert outbox.due() == []


# --- After connecting -------------------------------------------------------------------------------------------------


def connect_again(desk, entra) -> None:
    connect(desk.agent, entra, ADA)
    desk.agent = type(desk.agent).objects.get(pk=desk.agent.pk)
    for _ in range(2):
        calendar = desk.agent.calendar_connection.calendars.get()
        Calendar.objects.update(next_sync_at=timezone.now())
        sync_calendar(calendar.pk)
        sweep_outbox()
        pushing.push_due()
        for row in reconcile.awaited():
            compare_first(row.pk)


def busy() -> list:
    return list(factories.busy_times().values_list("starts_at", flat=True))


def test_what_was_cancelled_while_disconnected_blocks_nothing_after_connecting_again(desk, entra):
    cancelled, kept = desk.booked(), desk.booked(NOON)
    choice.disconnect(desk.agent)
    booking.cancel(cancelled.pk)

    connect_again(desk, entra)

    assert [event.start for event in desk.events()] == [NOON]
    assert (busy(), open_notices()) == ([], [])
    assert desk.state(kept)[0] == "synced"


def test_what_was_moved_while_disconnected_stands_once_and_at_its_time(desk, entra):
    appointment = desk.booked()
    # An event of a later generation is not found by its tag.
    desk.sandbox.outlook(ADA).delete(desk.event().id)
    compare(desk)
    repair(desk)
    choice.disconnect(desk.agent)
    booking.reschedule(appointment.pk, starts_at=NOON)

    connect_again(desk, entra)

    assert [event.start for event in desk.events()] == [NOON]
    assert (busy(), open_notices()) == ([], [])


def test_a_copy_that_somebody_made_is_left_to_be_looked_at(desk, entra):
    appointment = desk.booked()
    copy(desk, desk.event())
    choice.disconnect(desk.agent)
    booking.cancel(appointment.pk)

    connect_again(desk, entra)

    assert [event.fields["subject"] for event in desk.events()] == ["Copy"]
    assert [notice.kind for notice in open_notices()] == ["drift"]


def test_later_comparisons_change_nothing_by_themselves(desk):
    desk.booked()
    compare(desk)
    copy(desk, desk.event(), transactionId=desk.event().transaction_id)

    assert [drift.kind for drift in compare(desk)] == ["duplicate"]
    assert len(desk.events()) == 2
    assert list(reconcile.awaited()) == []
