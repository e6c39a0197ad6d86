"""What is booked in Pete is in Outlook: created, changed, removed, in order, and the viewing says how it stands."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from calendar_sync import adoption, outbox, pushing
from calendar_sync.graph import Graph
from calendar_sync.models import Connection, EventLink, Push
from calendar_sync.remote import TAG_ID
from calendar_sync.sandbox import Fault, Kind
from calendar_sync.tasks import sweep_outbox
from calendar_sync.tests import factories
from calendar_sync.tests.conftest import ADA
from calendar_sync.tests.outbox.conftest import BOB, ELEVEN, HALF_HOUR, NOON, TEN, only_link, reassign, statuses
from crm import booking
from crm.lead_editing import edit_lead
from crm.leads import lead_for_caller
from crm.models import Agent, Appointment
from crm.tests import factories as crm

pytestmark = pytest.mark.django_db
LONG_AGO = TEN.replace(year=TEN.year - 1)


def test_a_booking_is_written_and_says_so(desk):
    appointment = desk.book()
    assert desk.state(appointment) == ("pending", "")

    assert pushing.push_due() == 1

    event = desk.event()
    assert (event.start, event.end) == (TEN, TEN + HALF_HOUR)
    assert desk.state(appointment) == ("synced", event.id)
    assert event.properties == {TAG_ID: f"{appointment.pk}:1"}
    assert statuses() == ["done"]
    assert len(desk.asked("POST")) == 1


def test_the_text_is_what_is_needed_on_the_road(desk, settings):
    settings.PUBLIC_URL = "https://pete.example"
    appointment = desk.booked()

    fields = desk.event().fields
    assert fields["subject"] == "Viewing: 12 Oak Street, 4B – Jane Doe"
    assert fields["location"]["displayName"] == "12 Oak Street, 4B"
    text = fields["body"]["content"]
    link = f"https://pete.example/appointments?appointment={appointment.pk}"
    for part in ("+1 312-555-0147", "jane@example.com", "Key box 1234.", link):
        assert part in text


def test_a_hold_is_not_written_and_its_booking_is(desk):
    hold = desk.book(hold=True)
    assert (pushing.push_due(), desk.events(), desk.state(hold)) == (0, [], ("local", ""))

    booking.confirm(hold.pk)
    pushing.push_due()

    assert desk.state(hold) == ("synced", desk.event().id)


def test_a_hold_given_up_leaves_no_trace(desk):
    booking.cancel(desk.book(hold=True).pk)

    assert not Push.objects.exists()


def test_a_moved_viewing_moves_its_event(desk):
    appointment = desk.booked()

    booking.reschedule(appointment.pk, starts_at=ELEVEN)
    assert desk.state(appointment)[0] == "pending"
    pushing.push_due()

    assert (desk.event().start, desk.event().end) == (ELEVEN, ELEVEN + HALF_HOUR)
    assert desk.state(appointment) == ("synced", desk.event().id)
    assert only_link().starts_at == ELEVEN


def test_a_cancelled_viewing_takes_its_event_along(desk):
    appointment = desk.booked()

    booking.cancel(appointment.pk)
    assert desk.state(appointment)[0] == "pending"
    pushing.push_due()

    assert desk.events() == []
    assert desk.state(appointment) == ("synced", "")
    assert only_link().generation == 2


def test_what_is_cancelled_before_it_was_written_never_is(desk):
    appointment = desk.book()
    booking.cancel(appointment.pk)

    pushing.push_due()

    assert desk.asked("POST") == []
    assert statuses() == ["done"]
    assert desk.state(appointment) == ("synced", "")


def test_reassigning_deletes_there_and_creates_here(desk, bob):
    appointment = desk.booked()
    first = desk.event().id

    reassign(appointment, bob)
    pushing.push_due()

    assert desk.events() == []
    assert desk.state(appointment) == ("synced", desk.event(BOB).id)
    writes = [(e.request.method, e.mailbox) for e in desk.sandbox.graph.log if e.request.method in ("DELETE", "POST")]
    assert [method for method, _ in writes] == ["POST", "DELETE", "POST"]
    assert desk.event(BOB).id != first


def test_reassigned_there_and_back_is_another_generation(desk, bob):
    appointment = desk.booked()
    for agent in (bob, desk.agent):
        reassign(appointment, agent)
        pushing.push_due()

    assert (desk.events(BOB), desk.event().properties) == ([], {TAG_ID: f"{appointment.pk}:2"})


def test_reassigned_to_somebody_without_outlook_becomes_local(desk):
    other = crm.agent(hours=(9, 17))
    desk.listing.agents.add(other)
    appointment = desk.booked()

    reassign(appointment, other)
    assert desk.state(appointment)[0] == "pending"
    pushing.push_due()

    assert desk.events() == []
    assert desk.state(appointment) == ("local", "")


def test_an_agent_without_connection_costs_nothing(desk):
    other = crm.agent(hours=(9, 17))
    desk.listing.agents.add(other)

    appointment = desk.book(agent=other)

    assert not Push.objects.exists()
    assert desk.state(appointment) == ("local", "")


def test_a_row_that_is_rolled_back_with_its_viewing_never_was(desk):
    with transaction.atomic():
        desk.book()
        transaction.set_rollback(True)

    assert not Push.objects.exists()


def test_several_changes_are_one_write(desk):
    appointment = desk.book()
    booking.reschedule(appointment.pk, starts_at=ELEVEN)
    booking.reschedule(appointment.pk, starts_at=NOON)

    pushing.push_due()

    assert desk.event().start == NOON
    assert len(desk.asked("POST") + desk.asked("PATCH")) == 1
    assert statuses() == ["done"] * 3


def test_what_the_event_says_of_the_lead_is_kept_up_to_date(desk):
    desk.booked()

    edit_lead(lead=desk.lead, values={"full_name": "Jane Smith"}, agent=desk.agent, actor="staff")
    pushing.push_due()
    edit_lead(lead=desk.lead, values={"location": "Uptown"}, agent=desk.agent, actor="staff")

    assert desk.event().fields["subject"].endswith("Jane Smith")
    assert statuses() == ["done"] * 2


def test_who_connects_first_has_the_viewings_to_come_written(desk, bob):
    Connection.objects.all().delete()
    appointment = desk.book()
    over = crm.appointment(desk.agent, desk.listing, TEN.replace(year=TEN.year - 1))
    assert desk.state(appointment) == ("local", "")
    calendar = desk.sandbox.mailboxes[ADA].default_calendar.id
    row = factories.connection(desk.agent, object_id="back")
    factories.calendar(row, external_id=calendar, is_written=True)

    assert adoption.settle() == 1
    assert desk.state(appointment)[0] == "pending"
    assert desk.state(over) == ("local", "")
    assert adoption.settle() == 0


def test_who_disconnects_has_local_viewings(desk):
    appointment = desk.booked()

    desk.agent.calendar_connection.delete()
    adoption.settle()

    assert desk.state(appointment) == ("local", "")
    assert not EventLink.objects.exists()


def test_without_a_chosen_calendar_a_row_waits(desk):
    desk.agent.calendar_connection.calendars.update(is_written=False)
    appointment = desk.book()
    assert (outbox.due(), pushing.push_appointment(appointment.pk)) == ([], 0)
    assert desk.state(appointment)[0] == "pending"

    desk.agent.calendar_connection.calendars.update(is_written=True)

    assert pushing.push_due() == 1


def test_the_task_is_queued_on_commit(desk, django_capture_on_commit_callbacks, monkeypatch):
    queued = []
    monkeypatch.setattr("calendar_sync.tasks.push.apply_async", lambda args, **options: queued.append((args, options)))

    with django_capture_on_commit_callbacks(execute=True):
        appointment = desk.book()
        assert queued == []

    assert queued == [((appointment.pk,), {"countdown": None})]


@pytest.mark.parametrize(("retry_after", "least"), [(None, 3), ("7", 7), ("120", None)])
def test_what_failed_is_tried_again_in_seconds(
    desk, django_capture_on_commit_callbacks, monkeypatch, retry_after, least
):
    """The sweep of each half minute is the safety net, not what a passing failure waits for."""
    appointment = desk.book()
    desk.sandbox.faults.add(Fault(Kind.THROTTLED, method="POST", retry_after=retry_after))
    queued = []
    monkeypatch.setattr("calendar_sync.tasks.push.apply_async", lambda args, **options: queued.append((args, options)))

    with django_capture_on_commit_callbacks(execute=True):
        pushing.push_appointment(appointment.pk)

    [again] = [options["countdown"] for args, options in queued] or [None]
    assert (again is None) == (least is None)
    if again is not None:
        assert least < again < 10
        assert pushing.push_appointment(appointment.pk, now=timezone.now() + timedelta(seconds=again)) == 1


def test_without_a_broker_the_sweep_does_it(desk, django_capture_on_commit_callbacks, monkeypatch):
    def away(*args, **options):
        raise ConnectionError

    monkeypatch.setattr("calendar_sync.tasks.push.apply_async", away)
    with django_capture_on_commit_callbacks(execute=True):
        appointment = desk.book()

    queued = []
    monkeypatch.setattr("calendar_sync.tasks.push.apply_async", lambda args, **options: queued.append(args))
    assert (sweep_outbox(), queued) == (1, [(appointment.pk,)])
    assert Appointment.objects.get().calendar_state == "pending"


@pytest.mark.parametrize("day", [date(2027, 3, 14), date(2027, 11, 7)])
@pytest.mark.parametrize(("hour", "fold"), [(0, 0), (1, 0), (1, 1), (3, 0)])
def test_docs_21810_around_the_change_of_the_clocks_an_event_is_at_the_same_instant(desk, day, hour, fold):
    start = crm.at(day, hour, 30, fold=fold)
    appointment = crm.appointment(desk.agent, desk.listing, start)
    outbox.enqueue(appointment)

    pushing.push_due()

    assert (desk.event().start, desk.event().end) == (start, start + HALF_HOUR)
    assert adoption.settle() == 0


def test_odoo_109915_nobody_is_invited(desk):
    desk.booked()

    assert "attendees" not in desk.event().fields


def test_contrib_5747_two_viewings_never_share_an_event(desk, monkeypatch):
    first = desk.booked()
    shared = desk.event().id
    original = Graph.create_event
    with monkeypatch.context() as patch:
        patch.setattr(Graph, "create_event", lambda *args: replace(original(*args), id=shared))
        second = desk.book(NOON)
        pushing.push_due()
    assert desk.state(second)[0] == "pending"

    desk.settle()

    assert desk.state(first) == ("synced", shared)
    assert desk.state(second)[1] not in ("", shared)
    assert len(desk.events()) == 2


def test_rows_that_are_done_are_forgotten_after_a_while(desk):
    desk.booked()
    desk.book(NOON)

    assert outbox.forget(desk.later() - timedelta(days=1)) == 0
    assert outbox.forget(desk.later(days=1)) == 1
    assert statuses() == ["waiting"]


def test_what_a_caller_adds_to_the_lead_is_in_the_event(desk):
    desk.lead.email = ""
    desk.lead.save()
    desk.booked()

    lead_for_caller(phone=desk.lead.phone, email="jane@example.org")
    desk.settle()

    assert "jane@example.org" in desk.event().fields["body"]["content"]


def test_what_the_event_says_of_the_home_is_kept_up_to_date(desk):
    desk.booked()
    over = desk.booked(NOON)
    Appointment.objects.filter(pk=over.pk).update(starts_at=LONG_AGO, ends_at=LONG_AGO + HALF_HOUR)
    client = signed_in(crm.agent(role="manager"))

    answer = client.patch(f"/api/v1/listings/{desk.listing.pk}", {"rent": "1"}, content_type="application/json")
    assert (answer.status_code, set(statuses())) == (200, {"done"})
    notes = {"access_notes": "Ring twice.", "unit": "5C"}
    client.patch(f"/api/v1/listings/{desk.listing.pk}", notes, content_type="application/json")

    assert statuses().count("waiting") == 1
    desk.settle()
    event = next(event for event in desk.events() if event.start == TEN)
    assert "Access: Ring twice." in event.fields["body"]["content"]
    assert event.fields["location"]["displayName"] == "12 Oak Street, 5C"


def test_what_is_changed_in_the_admin_is_told_too(desk):
    desk.booked()
    client = signed_in(Agent.objects.create_superuser("root@example.com", "long enough 123", full_name="Root"))

    for row, values in [(desk.listing, {"access_notes": "Ring twice."}), (desk.lead, {"full_name": "Jane Smith"})]:
        address = reverse(f"admin:crm_{row._meta.model_name}_change", args=[row.pk])
        form = client.get(address).context["adminform"].form
        given = {name: "" if form[name].value() is None else form[name].value() for name in form.fields}
        given = {name: value for name, value in given.items() if value is not False}
        assert client.post(address, given | values).status_code == 302

    desk.settle()
    assert "Access: Ring twice." in desk.event().fields["body"]["content"]
    assert "Jane Smith" in desk.event().fields["subject"]


def signed_in(agent: Agent) -> Client:
    client = Client()
    client.force_login(agent)
    return client
