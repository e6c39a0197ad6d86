"""Failures that other products are known for, where no other test already carries their name. See ../README.md."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import pytest
from django.db import connections
from rest_framework.test import APIClient

from calendar_sync import adoption, mirror, outbox, pushing
from calendar_sync.graph import Graph
from calendar_sync.models import Calendar
from calendar_sync.tests import factories
from calendar_sync.tests.conftest import ADA
from calendar_sync.tests.outbox.conftest import BOB, ELEVEN, HALF_HOUR, NOON, TEN, open_notices
from crm import booking
from crm.errors import SlotTaken
from crm.models import Appointment
from crm.tests import factories as crm


def read_all() -> None:
    for pk in Calendar.objects.order_by("pk").values_list("pk", flat=True):
        assert mirror.sync_calendar(pk)


def written(desk) -> list[str]:
    return [path for method in ("POST", "PATCH", "DELETE") for path in desk.asked(method)]


@pytest.mark.django_db(transaction=True)
def test_calcom_13397_two_bookings_at_once_are_one_viewing_and_one_event(desk):
    """Also alextselegidis/easyappointments#996, #1217, LibreBooking/librebooking#147."""
    together, leads = Barrier(6), [crm.lead() for _ in range(6)]

    def book(lead) -> str:
        together.wait()
        try:
            return booking.book(
                lead=lead, listing=desk.listing, agent=desk.agent, starts_at=TEN, idempotency_key=str(lead.pk)
            ).status
        except SlotTaken as refusal:
            return refusal.code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(book, leads))
    pushing.push_due()

    assert sorted(answers) == ["booked"] + ["slot_taken"] * 5
    assert (desk.event().start, desk.event().end) == (TEN, TEN + HALF_HOUR)


@pytest.mark.django_db
def test_easyappointments_31_two_windows_and_one_slot(desk):
    """Also alextselegidis/easyappointments#1783. The second window gets other times instead of the slot."""
    client = APIClient()
    client.force_authenticate(desk.agent)
    read_all()
    wanted = {"property_id": desk.listing.pk, "user_id": desk.agent.pk, "start_time": TEN.isoformat()}
    leads = [desk.lead, crm.lead()]
    answers = [client.post("/calendar/events", {**wanted, "lead": lead.pk}, format="json") for lead in leads]
    pushing.push_due()

    assert [answer.status_code for answer in answers] == [201, 409]
    assert answers[1].json()["alternatives"]
    assert desk.event().start == TEN


@pytest.mark.django_db
def test_odoo_75088_a_meeting_of_two_agents_is_busy_for_each_and_copied_to_nobody(desk, bob):
    for address in (ADA, BOB):
        desk.sandbox.outlook(address).create("Team meeting", TEN, ELEVEN)

    read_all()

    busy = factories.busy_times().values_list("agent", "starts_at")
    assert sorted(busy) == sorted([(desk.agent.pk, TEN), (bob.pk, TEN)])
    assert written(desk) == []
    assert (len(desk.events()), len(desk.events(BOB))) == (1, 1)


@pytest.mark.django_db
def test_odoo_169888_nobody_elses_event_is_ever_written(desk):
    outlook = desk.sandbox.outlook(ADA)
    series = outlook.create_series("Stand-up", NOON, NOON + HALF_HOUR, {"type": "daily"}, times=5)
    meeting = outlook.create("Review", ELEVEN, NOON)
    before = {event.id: event.etag for event in desk.events()}
    read_all()

    appointment = desk.booked()
    booking.cancel(appointment.pk)
    pushing.push_due()

    assert (
        {event.id: event.etag for event in desk.events()}
        == before
        == {series: before[series], meeting: before[meeting]}
    )
    assert not [path for path in written(desk) if series in path or meeting in path]


@pytest.mark.django_db
def test_odoo_109915_connecting_mails_nobody(desk, bob):
    """A second person's first reading writes nothing, and what is written invites nobody."""
    desk.booked()
    desk.sandbox.outlook(BOB).create("Mine", NOON, NOON + HALF_HOUR)
    before = written(desk)

    read_all()
    adoption.settle()
    pushing.push_due()

    assert written(desk) == before
    bodies = [entry.request.json() for entry in desk.sandbox.graph.log if entry.request.method == "POST"]
    assert [body.keys() & {"attendees", "isOnlineMeeting", "responseRequested"} for body in bodies] == [set()]


@pytest.mark.django_db
def test_contrib_5747_an_id_that_is_another_viewings_is_not_taken_over(desk, monkeypatch):
    """Rapid creates were answered with the id of the first event. Each viewing still ends with an event of its own."""
    first = desk.booked()
    create = Graph.create_event

    def confused(self, calendar_id, draft):
        return replace(create(self, calendar_id, draft), id=first.external_id)

    with monkeypatch.context() as patch:
        patch.setattr(Graph, "create_event", confused)
        second = desk.book(ELEVEN)
        pushing.push_due()
    pushing.push_due(desk.later(seconds=1 + int(outbox.CLAIM.total_seconds())))
    desk.settle()

    assert [event.start for event in desk.events()] == [TEN, ELEVEN]
    assert desk.state(first) == ("synced", desk.events()[0].id)
    assert desk.state(second) == ("synced", desk.events()[1].id)
    assert open_notices() == []
    assert Appointment.objects.filter(status="booked").count() == 2
