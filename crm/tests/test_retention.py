from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from crm import retention
from crm.models import EntryKind, Lead, LeadStage, Task, TaskKind
from crm.tests import factories
from crm.timeline import add_timeline

pytestmark = pytest.mark.django_db
NOW = timezone.now()
LONG_AGO = NOW - timedelta(days=400)


def old_lead(**fields) -> Lead:
    lead = factories.lead(**fields)
    Lead.objects.filter(pk=lead.pk).update(created_at=LONG_AGO, updated_at=LONG_AGO)
    return lead


def test_nothing_is_deleted_until_the_office_says_so(monkeypatch):
    monkeypatch.setattr(retention, "_forget", {"keep_idle_leads_days": retention.forget_idle_leads})
    old_lead()

    assert retention.run(NOW) == {}
    factories.office(keep_idle_leads_days=365)
    assert retention.run(NOW) == {"keep_idle_leads_days": 1}
    assert retention.run(NOW) == {"keep_idle_leads_days": 0}


def test_fewer_days_than_the_least_are_the_least(monkeypatch):
    asked = []
    monkeypatch.setattr(retention, "_forget", {"keep_events_days": lambda before: asked.append(before) or 0})
    factories.office(keep_events_days=1)
    retention.run(NOW)
    assert asked == [NOW - timedelta(days=retention.LEAST_DAYS)]


def test_leads_with_anything_to_them_stay():
    agent = factories.agent()
    kept = [old_lead(stage=LeadStage.LEASED), old_lead(), old_lead(), old_lead(), factories.lead()]
    factories.appointment(agent, factories.listing(agent), LONG_AGO, lead=kept[1])
    Task.objects.create(kind=TaskKind.CALLBACK, text="Call", due_at=NOW, lead=kept[2], key="1")
    add_timeline(kept[3], EntryKind.NOTE, "Yesterday", at=NOW)
    old_lead()

    assert retention.forget_idle_leads(NOW - timedelta(days=365)) == 1
    assert set(Lead.objects.all()) == set(kept)
