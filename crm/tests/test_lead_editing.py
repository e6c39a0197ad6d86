"""Changes by hand: the stage, why it is refused, and since when it is what it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from crm.booking import book
from crm.errors import StageRefused
from crm.lead_editing import create_lead, edit_lead
from crm.leads import raise_stage
from crm.models import Lead, LeadStage
from crm.tests import factories

pytestmark = pytest.mark.django_db
LONG_AGO = datetime(2026, 1, 5, 15, tzinfo=UTC)


@pytest.fixture
def lead() -> Lead:
    return factories.lead(stage_changed_at=LONG_AGO)


def stands_since(lead: Lead) -> datetime:
    return Lead.objects.get(pk=lead.pk).stage_changed_at


def is_fresh(lead: Lead) -> bool:
    return timezone.now() - stands_since(lead) < timedelta(minutes=1)


def test_a_stage_has_an_age_that_begins_anew_with_each_move(lead: Lead):
    agent = factories.agent()
    edit_lead(lead=lead, values={"budget": 1500}, agent=agent, actor="staff")
    assert stands_since(lead) == LONG_AGO

    edit_lead(lead=lead, values={"stage": "viewed"}, agent=agent, actor="staff")
    assert is_fresh(lead)
    assert [entry.text for entry in lead.entries.all()] == ["Stage: New to Viewed", "Changed budget"]


def test_the_voice_side_begins_the_age_anew(lead: Lead):
    raise_stage(lead, LeadStage.QUALIFIED)
    assert is_fresh(lead)


def test_a_booked_viewing_begins_the_age_anew(lead: Lead):
    agent = factories.agent(hours=(0, 24))
    tomorrow = timezone.now().replace(minute=0, second=0, microsecond=0) + timedelta(days=1)
    book(lead=lead, listing=factories.listing(agent), starts_at=tomorrow, idempotency_key="age")
    assert Lead.objects.get(pk=lead.pk).stage == LeadStage.VIEWING_BOOKED
    assert is_fresh(lead)


@pytest.mark.parametrize(
    ("values", "field"), [({"stage": "lost"}, "lost_reason"), ({"stage": "lost", "lost_reason": "  "}, "lost_reason")]
)
def test_a_lead_is_lost_for_a_reason(lead: Lead, values: dict[str, str], field: str):
    with pytest.raises(StageRefused) as refusal:
        edit_lead(lead=lead, values=values, agent=factories.agent(), actor="staff")

    assert refusal.value.details == {"field": field}
    assert Lead.objects.get(pk=lead.pk).stage == LeadStage.NEW
    assert not lead.entries.exists()


def test_an_unknown_stage_is_refused_for_a_new_lead_too():
    with pytest.raises(StageRefused):
        create_lead(values={"full_name": "Ines", "stage": "married"}, agent=factories.agent(), actor="staff")
    assert not Lead.objects.exists()


def test_the_reason_stands_in_the_timeline_and_goes_when_the_lead_comes_back(lead: Lead):
    agent = factories.agent()
    edit_lead(lead=lead, values={"stage": "lost", "lost_reason": "Over budget"}, agent=agent, actor="staff")
    edit_lead(lead=lead, values={"stage": "qualified"}, agent=agent, actor="staff")

    assert Lead.objects.get(pk=lead.pk).lost_reason == ""
    assert [entry.text for entry in lead.entries.all()] == [
        "Stage: Lost to Qualified",
        "Stage: New to Lost. Reason: Over budget",
    ]
