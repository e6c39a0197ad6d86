"""/wallboard: calls of those whom the person sees, and nothing about anybody."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from calls import board
from calls.models import Assistant, Call, Phase, Stage, call_pk
from calls.shapes import tile_shape, with_related
from calls.tiles import public
from crm.models import AppointmentStatus
from crm.tests import factories

pytestmark = pytest.mark.django_db
PERSONAL = ["Olga", "Own", "0147", "312", "Ana", "Soto", "two cats", "1,800", "Pete for Ana"]


@pytest.fixture
def live(agent):
    """A call with everything on it that a corridor must not know."""
    home = factories.listing(agent, address="12 Oak Street")
    row = Call.objects.create(
        id=call_pk("wall-1"),
        vapi_id="wall-1",
        lead=factories.lead(owner=agent, full_name="Olga Own", phone="+13125550147"),
        listing=home,
        assistant=Assistant.objects.create(vapi_id="a-wall", name="Pete for Ana", agent=agent),
        status="in-progress",
        stage=Stage.BOOKING,
        phase=Phase.LISTENING,
        last_event_at=timezone.now(),
        customer_number="+13125550147",
        context={"full_name": "Olga Own", "budget": 1800, "pets": "two cats"},
        summary="Olga wants a flat",
        transcript=[{"role": "user", "text": "I have two cats", "at": "2026-06-09T19:00:00+00:00"}],
    )
    soon = timezone.now() + timedelta(days=1)
    factories.appointment(
        agent, home, soon, lead=row.lead, call_id=row.pk, status=AppointmentStatus.HELD, expires_at=soon
    )
    row = with_related(Call.objects.all()).get(pk=row.pk)
    board.publish([board.entry(row)])
    return row


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}], ids=["page", "part"])
def test_it_names_the_home_and_nobody(see, live, agent, headers):
    page = see(agent, "/wallboard", **headers).content.decode()

    assert "12 Oak Street" in page
    assert "Offering times" in page
    assert [word for word in PERSONAL if word in page] == []


def test_a_shape_without_the_personal_has_nothing_personal_in_it(live):
    assert [word for word in PERSONAL if word in str(public(tile_shape(live)))] == []


def test_it_shows_calls_to_those_who_see_them(see, live, agent, mate, stranger, manager):
    found = {
        person.full_name: "12 Oak Street" in see(person, "/wallboard").content.decode()
        for person in (agent, mate, stranger, manager)
    }
    assert found == {"Ana Soto": True, "Ben Mate": True, "Cy Stranger": False, "Mo Manager": True}


def test_the_old_address_leads_there(see, agent):
    assert see(agent, "/dashboard?wall=1").headers["Location"] == "/wallboard"
