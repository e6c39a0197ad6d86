"""What became of a viewing, and taking it back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from crm import booking, outcomes
from crm.errors import BadArguments, NoViewing, PastTime, SlotTaken
from crm.models import Agent, Appointment, AppointmentStatus, LeadStage, Task, TimelineEntry
from crm.tests import factories

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 6, 1, 15, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def agent() -> Agent:
    return factories.agent(hours=(8, 20))


@pytest.fixture
def viewing(agent: Agent) -> Appointment:
    lead = factories.lead(owner=agent, stage=LeadStage.VIEWING_BOOKED)
    return factories.appointment(agent, factories.listing(agent), NOW - HOUR, lead=lead)


def test_who_came_is_viewed(viewing: Appointment, agent: Agent) -> None:
    outcomes.record_outcome(viewing.pk, outcome="completed", agent=agent, now=NOW)

    viewing.refresh_from_db()
    viewing.lead.refresh_from_db()
    assert (viewing.status, viewing.lead.stage) == ("completed", "viewed")
    assert Task.objects.count() == 0


def test_a_later_stage_stays(viewing: Appointment, agent: Agent) -> None:
    viewing.lead.stage = LeadStage.APPLIED
    viewing.lead.save()

    outcomes.record_outcome(viewing.pk, outcome="completed", agent=agent, now=NOW)

    viewing.lead.refresh_from_db()
    assert viewing.lead.stage == LeadStage.APPLIED


def test_for_who_did_not_come_somebody_follows_up_once(viewing: Appointment, agent: Agent) -> None:
    for _ in range(2):
        outcomes.record_outcome(viewing.pk, outcome="no_show", agent=agent, now=NOW)

    task = Task.objects.get()
    assert (task.lead, task.assignee, task.done_at) == (viewing.lead, agent, None)
    assert task.due_at == NOW + outcomes.CALL_AFTER
    assert TimelineEntry.objects.filter(text__startswith="No-show").count() == 1


def test_a_no_show_corrected_needs_no_follow_up(viewing: Appointment, agent: Agent) -> None:
    outcomes.record_outcome(viewing.pk, outcome="no_show", agent=agent, now=NOW)
    outcomes.record_outcome(viewing.pk, outcome="completed", agent=agent, now=NOW)

    assert Task.objects.get().done_at == NOW

    outcomes.record_outcome(viewing.pk, outcome="no_show", agent=agent, now=NOW + HOUR)
    assert Task.objects.get().done_at is None


def test_an_outcome_is_taken_back(viewing: Appointment, agent: Agent) -> None:
    outcomes.record_outcome(viewing.pk, outcome="no_show", agent=agent, now=NOW)

    outcomes.take_back_outcome(viewing.pk, agent=agent, now=NOW)

    viewing.refresh_from_db()
    assert viewing.status == AppointmentStatus.BOOKED
    assert Task.objects.get().done_at == NOW


@pytest.mark.parametrize(
    ("fields", "outcome", "error"),
    [
        ({"status": "cancelled"}, "completed", NoViewing),
        ({"starts_at": NOW + HOUR, "ends_at": NOW + 2 * HOUR}, "completed", BadArguments),
        ({}, "cancelled", BadArguments),
    ],
)
def test_what_makes_no_sense_is_refused(
    viewing: Appointment, agent: Agent, fields: dict, outcome: str, error: type[Exception]
) -> None:
    Appointment.objects.filter(pk=viewing.pk).update(**fields)
    before = Appointment.objects.values().get(pk=viewing.pk)

    with pytest.raises(error):
        outcomes.record_outcome(viewing.pk, outcome=outcome, agent=agent, now=NOW)

    assert Appointment.objects.values().get(pk=viewing.pk) == before


def test_a_cancelled_viewing_is_booked_again(viewing: Appointment) -> None:
    booking.cancel(viewing.pk, reason="by mistake")

    restored = booking.restore(viewing.pk, now=viewing.starts_at - timedelta(minutes=5))

    assert (restored.status, restored.cancel_reason, restored.starts_at) == ("booked", "", viewing.starts_at)


def test_what_was_promised_meanwhile_is_in_the_way(viewing: Appointment, agent: Agent) -> None:
    booking.cancel(viewing.pk, reason="by mistake")
    other = factories.appointment(agent, factories.listing(agent), viewing.starts_at)

    with pytest.raises(SlotTaken):
        booking.restore(viewing.pk, now=viewing.starts_at - HOUR)

    viewing.refresh_from_db()
    other.refresh_from_db()
    assert (viewing.status, other.status) == ("cancelled", "booked")


def test_the_past_is_not_booked_again(viewing: Appointment) -> None:
    booking.cancel(viewing.pk, reason="by mistake")

    with pytest.raises(PastTime):
        booking.restore(viewing.pk, now=NOW)
