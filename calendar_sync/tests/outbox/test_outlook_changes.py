"""What a person does in Outlook to a viewing's event, and that our own writes never come back as somebody's."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from calendar_sync import outbox, outlook_changes, pushing
from calendar_sync.graph import Graph
from calendar_sync.models import Push
from calendar_sync.sandbox import Fault, Kind
from calendar_sync.tests.conftest import ADA
from calendar_sync.tests.outbox.conftest import (
    DAY,
    ELEVEN,
    HALF_HOUR,
    NOON,
    TEN,
    only_link,
    open_notices,
    reassign,
    statuses,
)
from crm import booking
from crm.models import OutgoingMessage, Task, TimelineEntry
from crm.tests import factories as crm

pytestmark = pytest.mark.django_db

EVENING = crm.at(DAY, 19, 40)


def read(desk: Any) -> bool:
    """Hand over the event as a round of reading finds it, or that it is gone."""
    link = only_link()
    return outlook_changes.apply(link, Graph(link.connection_id).get_event(link.event_id))


def messages() -> list[tuple[str, str]]:
    return list(OutgoingMessage.objects.order_by("pk").values_list("to", "subject"))


def counted(desk: Any) -> tuple[int, int]:
    return Push.objects.count(), len(desk.asked("PATCH")) + len(desk.asked("POST"))


def test_moved_in_outlook_moves_the_viewing_and_tells_the_lead(desk):
    appointment = desk.booked()
    before = counted(desk)
    desk.sandbox.outlook(ADA).move(desk.event().id, EVENING)

    assert read(desk)

    row = desk.fresh(appointment)
    assert (row.starts_at, row.ends_at, row.status) == (EVENING, EVENING + HALF_HOUR, "booked")
    assert desk.state(appointment) == ("synced", desk.event().id)
    assert [to for to, _ in messages()] == ["jane@example.com"]
    assert "12 Oak Street, 4B" in OutgoingMessage.objects.get().body
    assert "19:40" in messages()[0][1]
    assert TimelineEntry.objects.filter(text__startswith="Viewing moved").count() == 1
    assert (read(desk), pushing.push_due(), counted(desk)) == (False, 0, before)


def test_made_longer_in_outlook_keeps_more_time_and_bothers_nobody(desk):
    appointment = desk.booked()
    desk.sandbox.outlook(ADA).move(desk.event().id, TEN, ELEVEN + HALF_HOUR)

    assert read(desk)

    assert desk.fresh(appointment).ends_at == ELEVEN + HALF_HOUR
    assert messages() == []


def test_deleted_in_outlook_cancels_and_tells_the_lead(desk):
    appointment = desk.booked()
    desk.sandbox.outlook(ADA).delete(desk.event().id)

    assert read(desk)

    row = desk.fresh(appointment)
    assert (row.status, row.cancel_reason) == ("cancelled", "Deleted in Outlook by Ada Lovelace")
    assert desk.state(appointment) == ("synced", "")
    assert messages() == [("jane@example.com", "Your viewing has been cancelled")]
    assert (pushing.push_due(), statuses()) == (0, ["done"])


def test_cancelled_by_its_organizer_counts_as_deleted(desk):
    appointment = desk.booked()
    desk.sandbox.outlook(ADA).cancelled_by_organizer(desk.event().id)

    assert read(desk)

    assert desk.fresh(appointment).status == "cancelled"


def test_a_lead_without_email_is_called(desk):
    desk.lead.email = ""
    desk.lead.save()
    desk.booked()
    desk.sandbox.outlook(ADA).delete(desk.event().id)

    read(desk)

    assert messages() == []
    task = Task.objects.get()
    assert (task.kind, task.assignee, task.lead) == ("callback", desk.agent, desk.lead)


def test_our_own_write_coming_back_changes_nothing(desk):
    desk.booked()

    assert (read(desk), messages(), statuses()) == (False, [], ["done"])


def test_the_servers_own_write_only_brings_a_new_etag(desk):
    appointment = desk.booked()
    desk.sandbox.outlook(ADA).touch(desk.event().id)
    desk.sandbox.outlook(ADA).edit(desk.event().id, subject="My own words")

    assert not read(desk)

    assert only_link().etag == desk.event().etag
    assert desk.fresh(appointment).starts_at == TEN
    assert (messages(), statuses()) == ([], ["done"])


def test_moved_over_another_promise_is_put_back_and_said_so(desk):
    appointment = desk.booked()
    other = crm.appointment(desk.agent, crm.listing(desk.agent), NOON)
    desk.sandbox.outlook(ADA).move(desk.event().id, NOON)

    assert not read(desk)
    assert desk.state(appointment)[0] == "pending"
    pushing.push_due()

    assert desk.fresh(appointment).starts_at == desk.event().start == TEN
    assert desk.fresh(other).starts_at == NOON
    (notice,) = open_notices()
    assert (notice.kind, notice.agent, notice.data["rule"]) == ("moved", desk.agent, "slot_taken")
    assert "12:00" in notice.text
    assert "10:00" in notice.text
    assert len(notice.data["alternatives"]) == 3
    assert messages() == []
    assert not read(desk)
    assert desk.state(appointment) == ("synced", desk.event().id)


def test_moved_into_the_past_is_put_back(desk):
    appointment = desk.booked()
    desk.sandbox.outlook(ADA).move(desk.event().id, TEN - timedelta(days=30))

    read(desk)
    pushing.push_due()

    assert desk.event().start == desk.fresh(appointment).starts_at == TEN
    assert [notice.data["rule"] for notice in open_notices()] == ["past_time"]


def test_made_all_day_is_put_back(desk):
    appointment = desk.booked()
    day = DAY.isoformat()
    midnights = {"start": day, "end": (DAY + timedelta(days=1)).isoformat()}
    times = {k: {"dateTime": f"{v}T00:00:00", "timeZone": "America/Chicago"} for k, v in midnights.items()}
    desk.sandbox.outlook(ADA).edit(desk.event().id, isAllDay=True, **times)

    read(desk)
    pushing.push_due()

    assert (desk.event().is_all_day, desk.event().start) == (False, TEN)
    assert desk.fresh(appointment).starts_at == TEN
    assert len(open_notices()) == 1


def test_moved_twice_tells_twice_and_there_and_back_too(desk):
    desk.booked()
    for start in (ELEVEN, TEN, ELEVEN):
        desk.sandbox.outlook(ADA).move(desk.event().id, start)
        assert read(desk)

    assert len(messages()) == 3


def test_moved_on_both_sides_pete_stands(desk):
    appointment = desk.booked()
    desk.sandbox.outlook(ADA).move(desk.event().id, NOON)
    booking.reschedule(appointment.pk, starts_at=ELEVEN)

    assert not read(desk)
    pushing.push_due()

    assert desk.event().start == desk.fresh(appointment).starts_at == ELEVEN
    assert messages() == []
    assert not read(desk)


def test_moved_in_outlook_while_pete_writes_other_words_follows_outlook(desk):
    appointment = desk.booked()
    desk.sandbox.outlook(ADA).move(desk.event().id, NOON)
    outbox.enqueue(desk.fresh(appointment))
    assert not read(desk)

    pushing.push_due()

    assert desk.fresh(appointment).starts_at == desk.event().start == NOON
    assert len(messages()) == 1
    assert desk.state(appointment) == ("synced", desk.event().id)


def test_deleted_in_outlook_while_the_lead_moves_it_is_written_anew(desk):
    appointment = desk.booked()
    first = desk.event().id
    desk.sandbox.outlook(ADA).delete(first)
    booking.reschedule(appointment.pk, starts_at=ELEVEN)

    pushing.push_due()

    assert desk.event().id != first
    assert desk.event().start == ELEVEN
    assert desk.state(appointment) == ("synced", desk.event().id)
    assert messages() == []


def test_deleted_in_outlook_while_pete_writes_other_words_is_cancelled(desk):
    appointment = desk.booked()
    desk.sandbox.outlook(ADA).delete(desk.event().id)
    outbox.enqueue(desk.fresh(appointment))
    pushing.push_due()

    assert desk.fresh(appointment).status == "cancelled"
    assert desk.events() == []
    assert len(messages()) == 1


def test_out_of_the_window_is_not_deleted(desk):
    appointment = desk.booked()

    assert not outlook_changes.apply(only_link(), None)

    assert desk.fresh(appointment).status == "booked"


def test_a_whole_calendar_that_was_deleted_cancels_nothing(desk):
    record = desk.sandbox.outlook(ADA).add_calendar("Viewings")
    desk.agent.calendar_connection.calendars.update(external_id=record.id)
    appointment = desk.booked()
    desk.sandbox.outlook(ADA).remove_calendar(record.id)

    assert not outlook_changes.apply(only_link(), None)
    pushing.push_due()

    assert desk.fresh(appointment).status == "booked"
    assert messages() == []
    assert [notice.kind for notice in open_notices()] == ["push_failed"]

    desk.agent.calendar_connection.calendars.update(external_id=desk.sandbox.mailboxes[ADA].default_calendar.id)
    assert outbox.retry(open_notices()[0].push_id)
    pushing.push_due()
    assert desk.state(appointment) == ("synced", desk.event().id)


def test_a_viewing_that_is_over_stays_as_it_was(desk):
    appointment = desk.booked()
    desk.sandbox.outlook(ADA).delete(desk.event().id)

    assert not outlook_changes.apply(only_link(), None, now=appointment.ends_at)

    assert desk.fresh(appointment).status == "booked"


def test_an_event_of_the_agent_who_had_it_before_does_not_count(desk, bob):
    appointment = desk.booked()
    reassign(appointment, bob)
    desk.sandbox.outlook(ADA).delete(desk.event().id)

    assert not read(desk)

    assert desk.fresh(appointment).status == "booked"


def test_a_copy_of_an_event_changes_nothing(desk):
    appointment = desk.booked()
    link = only_link()
    copy = desk.sandbox.outlook(ADA).create("Copy", NOON, NOON + HALF_HOUR)

    assert not outlook_changes.apply(link, Graph(link.connection_id).get_event(copy))

    assert desk.fresh(appointment).starts_at == TEN


def test_what_was_read_before_our_own_write_does_not_take_it_back(desk, monkeypatch):
    appointment = desk.booked()
    desk.sandbox.outlook(ADA).touch(desk.event().id)
    original, reads = Graph.get_event, []

    def slow(graph: Graph, event_id: str) -> Any:
        event = original(graph, event_id)
        if not reads:
            reads.append(event)
            booking.reschedule(appointment.pk, starts_at=ELEVEN)
            pushing.push_due()
        return event

    link = only_link()
    seen = Graph(link.connection_id).get_event(link.event_id)
    monkeypatch.setattr(Graph, "get_event", slow)

    assert not outlook_changes.apply(link, seen)

    assert desk.fresh(appointment).starts_at == desk.event().start == ELEVEN
    assert (messages(), open_notices()) == ([], [])


def test_an_old_answer_handed_over_late_is_asked_again(desk):
    appointment = desk.booked()
    link = only_link()
    old = Graph(link.connection_id).get_event(link.event_id)
    booking.reschedule(appointment.pk, starts_at=ELEVEN)
    pushing.push_due()

    assert not outlook_changes.apply(link, old)

    assert desk.fresh(appointment).starts_at == ELEVEN
    assert (messages(), statuses()) == ([], ["done", "done"])


def test_a_viewing_whose_write_was_given_up_is_not_said_to_be_moved_in_outlook(desk):
    appointment = desk.booked()
    desk.sandbox.faults.add(Fault(Kind.REFUSED, method="PATCH", status=400))
    booking.reschedule(appointment.pk, starts_at=ELEVEN)
    pushing.push_due()

    assert not outlook_changes.apply(only_link(), None)

    assert [notice.kind for notice in open_notices()] == ["push_failed"]
    assert statuses() == ["done", "failed"]


def test_moved_in_outlook_after_a_write_was_given_up_what_the_lead_was_told_stands(desk):
    appointment = desk.booked()
    desk.sandbox.faults.add(Fault(Kind.REFUSED, method="PATCH", status=400))
    booking.reschedule(appointment.pk, starts_at=ELEVEN)
    pushing.push_due()
    desk.sandbox.outlook(ADA).move(desk.event().id, NOON)

    assert not read(desk)
    pushing.push_due()

    assert desk.event().start == desk.fresh(appointment).starts_at == ELEVEN
    assert [notice.kind for notice in open_notices()] == ["moved"]
