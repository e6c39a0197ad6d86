"""Every point at which a write can go wrong: afterwards there is exactly one event, as the viewing says."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from calendar_sync import adoption, events, outbox, pushing, tokens
from calendar_sync.models import Connection, ConnectionStatus, Push
from calendar_sync.remote import TAG_ID
from calendar_sync.sandbox import Fault, Kind
from calendar_sync.sandbox.faults import PASSING
from calendar_sync.tests.conftest import ADA, connect
from calendar_sync.tests.outbox.conftest import (
    BOB,
    ELEVEN,
    HALF_HOUR,
    TEN,
    only_link,
    only_link_of,
    open_notices,
    reassign,
    statuses,
)
from crm import booking

pytestmark = pytest.mark.django_db

UNCLEAR = [Kind.DROP, Kind.UNAVAILABLE_AFTER, Kind.TRUNCATED]


@pytest.mark.parametrize("kind", PASSING)
def test_a_create_that_goes_wrong_ends_with_one_event(desk, kind):
    desk.sandbox.faults.add(Fault(kind, method="POST"))
    appointment = desk.book()
    pushing.push_due()

    desk.settle()

    assert desk.sandbox.faults.pending() == {}
    assert desk.state(appointment) == ("synced", desk.event().id)
    assert desk.event().start == TEN


@pytest.mark.parametrize("kind", PASSING)
def test_a_change_that_goes_wrong_ends_with_the_new_time(desk, kind):
    appointment = desk.booked()
    desk.sandbox.faults.add(Fault(kind, method="PATCH"))
    booking.reschedule(appointment.pk, starts_at=ELEVEN)
    pushing.push_due()

    desk.settle()

    assert desk.sandbox.faults.pending() == {}
    assert (desk.event().start, desk.event().end) == (ELEVEN, ELEVEN + HALF_HOUR)
    assert desk.state(appointment) == ("synced", desk.event().id)
    assert only_link().etag == desk.event().etag


@pytest.mark.parametrize("kind", PASSING)
def test_a_removal_that_goes_wrong_ends_with_no_event(desk, kind):
    appointment = desk.booked()
    desk.sandbox.faults.add(Fault(kind, method="DELETE"))
    booking.cancel(appointment.pk)
    pushing.push_due()

    desk.settle()

    assert desk.sandbox.faults.pending() == {}
    assert desk.events() == []
    assert desk.state(appointment) == ("synced", "")


@pytest.mark.parametrize("kind", UNCLEAR)
def test_odoo_229646_a_create_that_timed_out_is_looked_up_and_not_repeated(desk, kind):
    desk.sandbox.faults.add(Fault(kind, method="POST"))
    desk.book()
    pushing.push_due()
    assert only_link().event_id == ""

    desk.settle()

    assert len(desk.asked("POST")) == 1
    assert only_link().event_id == desk.event().id


@pytest.mark.parametrize("kind", UNCLEAR)
def test_the_viewing_moves_while_nobody_knows_whether_the_event_is_there(desk, kind):
    desk.sandbox.faults.add(Fault(kind, method="POST"))
    appointment = desk.book()
    pushing.push_due()

    booking.reschedule(appointment.pk, starts_at=ELEVEN)
    desk.settle()

    assert desk.event().start == ELEVEN


@pytest.mark.parametrize("kind", UNCLEAR)
def test_calcom_3758_cancelled_while_nobody_knows_leaves_no_orphan(desk, kind):
    desk.sandbox.faults.add(Fault(kind, method="POST"))
    appointment = desk.book()
    pushing.push_due()

    booking.cancel(appointment.pk)
    desk.settle()

    assert desk.events() == []
    assert desk.state(appointment) == ("synced", "")


def test_ruby_38_an_event_that_was_created_without_its_tag_gets_it(desk):
    desk.sandbox.faults.add(Fault(Kind.UNAVAILABLE_AFTER, method="POST"))
    appointment = desk.book()
    pushing.push_due()
    desk.sandbox.outlook(ADA).strip_tags(desk.event().id)

    desk.settle()

    assert desk.event().properties == {TAG_ID: f"{appointment.pk}:1"}
    assert desk.state(appointment) == ("synced", desk.event().id)


def test_409_for_an_event_that_was_deleted_since_takes_a_new_generation(desk):
    desk.sandbox.faults.add(Fault(Kind.DROP, method="POST"))
    appointment = desk.book()
    pushing.push_due()
    desk.sandbox.outlook(ADA).delete(desk.event().id)

    desk.settle()

    assert desk.event().properties == {TAG_ID: f"{appointment.pk}:2"}
    assert only_link().generation == 2


def test_409_for_an_event_that_is_there_finds_it(desk):
    desk.sandbox.faults.add(Fault(Kind.DROP, method="POST"), Fault(Kind.REFUSED, method="POST", status=409))
    desk.sandbox.faults.add(Fault(Kind.EMPTY_PAGE, method="GET", path="$filter"))
    desk.book()
    pushing.push_due()

    desk.settle()

    assert only_link().event_id == desk.event().id


def test_412_after_the_servers_own_write_writes_over_the_new_version(desk):
    appointment = desk.booked()
    desk.sandbox.outlook(ADA).touch(desk.event().id)

    booking.reschedule(appointment.pk, starts_at=ELEVEN)
    pushing.push_due()

    assert desk.event().start == ELEVEN
    assert statuses() == ["done", "done"]


def test_a_change_whose_answer_was_lost_is_not_taken_for_somebodys_in_outlook(desk):
    appointment = desk.booked()
    desk.sandbox.faults.add(Fault(Kind.DROP, method="PATCH"))
    booking.reschedule(appointment.pk, starts_at=ELEVEN)
    pushing.push_due()

    desk.settle()

    assert desk.event().start == ELEVEN
    assert desk.fresh(appointment).starts_at == ELEVEN
    assert open_notices() == []


def test_retry_after_is_waited_for_by_the_whole_mailbox(desk):
    desk.sandbox.faults.add(Fault(Kind.THROTTLED, method="POST", retry_after="120"))
    first, second = desk.book(), desk.book(ELEVEN)
    before = datetime.now(TEN.tzinfo)
    pushing.push_appointment(first.pk)

    assert pushing.push_appointment(second.pk) == 0
    earliest = min(Push.objects.values_list("next_attempt_at", flat=True))
    assert earliest >= before + timedelta(seconds=119)
    assert pushing.push_due(before + timedelta(minutes=3)) == 2


def test_calcom_7564_exhausted_attempts_are_told_and_can_be_tried_again(desk):
    desk.sandbox.faults.add(Fault(Kind.UNAVAILABLE_BEFORE), times=200)
    appointment = desk.book()
    for hour in range(outbox.MOST_ATTEMPTS + 2):
        pushing.push_due(desk.later(hours=hour))

    assert (statuses(), desk.state(appointment)) == (["failed"], ("failed", ""))
    (notice,) = open_notices()
    assert (notice.kind, notice.agent, notice.push) == ("push_failed", desk.agent, Push.objects.get())
    assert "12 Oak Street, 4B" in notice.text
    assert "try again" in notice.cure

    desk.sandbox.faults.clear()
    assert outbox.retry(notice.push_id)
    assert desk.state(appointment)[0] == "pending"
    pushing.push_due()

    assert desk.state(appointment) == ("synced", desk.event().id)
    assert open_notices() == []
    assert not outbox.retry(notice.push_id)


def test_a_later_change_makes_good_what_was_given_up(desk):
    desk.sandbox.faults.add(Fault(Kind.REFUSED, method="POST", status=400))
    appointment = desk.book()
    pushing.push_due()
    assert desk.state(appointment)[0] == "failed"
    assert len(open_notices()) == 1

    booking.reschedule(appointment.pk, starts_at=ELEVEN)
    pushing.push_due()

    assert desk.state(appointment) == ("synced", desk.event().id)
    assert (open_notices(), statuses()) == ([], ["done", "done"])


def test_calcom_7564_a_revoked_consent_is_told_and_waits_without_attempts(desk):
    desk.sandbox.revoke_consent(ADA)
    appointment = desk.book()
    for hour in range(20):
        pushing.push_due(desk.later(hours=hour))

    push = Push.objects.get()
    assert (push.status, push.attempts) == ("waiting", 0)
    assert desk.state(appointment)[0] == "pending"
    assert [notice.kind for notice in open_notices()] == ["connection"]
    desk.agent.calendar_connection.refresh_from_db()
    assert desk.agent.calendar_connection.status != ConnectionStatus.CONNECTED


def test_after_reconnecting_it_goes_on(desk):
    tokens.mark_broken(desk.agent.calendar_connection.pk, "AADSTS700082")
    appointment = desk.book()
    assert pushing.push_due() == 0

    tokens.note_success(Connection.objects.get())
    assert pushing.push_due() == 1

    assert desk.state(appointment) == ("synced", desk.event().id)
    assert open_notices() == []


def test_a_calendar_that_is_gone_is_told_with_the_cure(desk):
    row = desk.agent.calendar_connection.calendars.get()
    row.external_id = "gone"
    row.save()
    appointment = desk.book()

    pushing.push_due()

    (notice,) = open_notices()
    assert (notice.kind, desk.state(appointment)[0]) == ("push_failed", "failed")
    assert "another calendar" in notice.cure


def test_a_calendar_that_may_not_be_written_does_not_break_the_connection(desk):
    record = desk.sandbox.mailboxes[ADA].add_calendar("Shared", can_edit=False)
    desk.agent.calendar_connection.calendars.update(external_id=record.id)

    desk.book()
    pushing.push_due()

    assert [notice.kind for notice in open_notices()] == ["push_failed"]
    desk.agent.calendar_connection.refresh_from_db()
    assert desk.agent.calendar_connection.status == ConnectionStatus.CONNECTED


def test_contrib_747_a_deletion_that_did_nothing_is_noticed(desk, monkeypatch):
    appointment = desk.booked()
    monkeypatch.setattr("calendar_sync.graph.Graph.delete_event", lambda *args: None)
    booking.cancel(appointment.pk)
    pushing.push_due()

    assert (statuses(), desk.state(appointment)[0]) == (["done", "waiting"], "pending")


def test_a_bug_is_logged_and_tried_again(desk, monkeypatch, caplog):
    def broken(*args):
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr("calendar_sync.events.draft", broken)
        appointment = desk.book()
        pushing.push_due()
    assert "could not be pushed" in caplog.text

    desk.settle()

    assert desk.state(appointment) == ("synced", desk.event().id)


def test_a_connection_that_is_broken_holds_up_nobody_else(desk, bob):
    appointment = desk.booked()
    tokens.mark_broken(desk.agent.calendar_connection.pk, "AADSTS50173")
    reassign(appointment, bob)
    pushing.push_due()

    assert (len(desk.events()), len(desk.events(BOB))) == (1, 1)
    assert desk.state(appointment)[0] == "pending"


def test_odoo_148011_each_id_is_only_used_with_its_own_persons_token(desk, bob):
    appointment = desk.booked()
    reassign(appointment, bob)
    pushing.push_due()
    booking.reschedule(appointment.pk, starts_at=ELEVEN)
    pushing.push_due()

    answers = [(e.mailbox, e.response.status) for e in desk.sandbox.graph.log if "/me/events/" in e.request.path]
    assert {status for mailbox, status in answers if mailbox == BOB} == {200}
    assert [status for mailbox, status in answers if mailbox == ADA] == [204, 404]


def test_odoo_143781_connecting_again_finds_the_old_events(desk, entra):
    appointment = desk.booked()
    event_id = desk.event().id
    desk.agent.calendar_connection.delete()
    adoption.settle()

    connect(desk.agent, entra, ADA)
    adoption.settle()
    pushing.push_due()

    assert desk.state(appointment) == ("synced", event_id)
    assert len(desk.events()) == 1


def test_two_installations_do_not_take_each_others_events(desk):
    appointment = desk.book()
    outlook = desk.sandbox.outlook(ADA)
    tag = {"id": TAG_ID, "value": f"{appointment.pk}:1"}
    foreign = outlook.create(
        "Viewing",
        TEN,
        ELEVEN,
        transactionId="11111111-2222-5333-8444-555555555555",
        singleValueExtendedProperties=[tag],
    )
    desk.sandbox.faults.add(Fault(Kind.DROP_BEFORE, method="POST"))
    pushing.push_due()

    desk.settle()

    assert {event.id for event in desk.events()} == {foreign, only_link().event_id}
    assert events.read_tag(tag["value"]) == (appointment.pk, 1)


def test_odoo_143781_connecting_again_finds_events_of_any_generation(desk, bob, entra):
    appointment = desk.booked()
    for agent in (bob, desk.agent):
        reassign(appointment, agent)
        pushing.push_due()
    event_id = desk.event().id
    Connection.objects.filter(agent=desk.agent).delete()
    adoption.settle()

    connect(desk.agent, entra, ADA)
    adoption.settle()
    pushing.push_due()

    assert desk.state(appointment) == ("synced", event_id)
    assert (len(desk.events()), only_link_of(desk.agent).generation) == (1, 2)
