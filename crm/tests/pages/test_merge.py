"""Comparing and merging on the page: whose leads, which facts, and the way back."""

from __future__ import annotations

import pytest

from crm.models import Lead, LeadMerge
from crm.tests import factories
from crm.tests.pages.people import People, htmx, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> People:
    return People.create()


def test_duplicates_are_merged_with_the_chosen_facts_and_parted(people: People):
    lead = factories.lead(owner=people.agent, full_name="Ines Castillo", email="ines@example.com", budget=1500)
    other = factories.lead(full_name="Ines C.", email="ines@example.com", budget=1800)
    client = signed_in(people.mate)
    assert "same e-mail" in client.get(f"/leads/{lead.pk}/duplicates", headers=htmx()).content.decode()
    assert "Ines C." in client.get(f"/leads/{lead.pk}/merge/{other.pk}").content.decode()

    client.post(f"/leads/{lead.pk}/merge/{other.pk}/take", {"budget": "other", "full_name": "own"})
    kept = Lead.objects.get()
    assert (kept.pk, kept.full_name, kept.budget) == (lead.pk, "Ines Castillo", 1800)
    assert client.get(f"/leads/{other.pk}").headers["Location"] == f"/leads/{lead.pk}"
    assert "Part again" in client.get(f"/leads/{lead.pk}/duplicates", headers=htmx()).content.decode()

    client.post(f"/leads/{lead.pk}/part/{LeadMerge.objects.get().pk}")
    assert set(Lead.objects.values_list("pk", flat=True)) == {lead.pk, other.pk}


def test_nobody_merges_what_is_not_theirs(people: People):
    own, others = factories.lead(owner=people.stranger), factories.lead(owner=people.agent)
    stranger = signed_in(people.stranger)
    assert stranger.post(f"/leads/{own.pk}/merge/{others.pk}/take").status_code == 404
    assert stranger.post(f"/leads/{others.pk}/merge/{own.pk}/take").status_code == 404
    assert stranger.post(f"/leads/{own.pk}/merge/{own.pk}/take").status_code == 404
    signed_in(people.manager).post(f"/leads/{others.pk}/merge/{own.pk}/take")
    merge = LeadMerge.objects.get()
    assert stranger.post(f"/leads/{others.pk}/part/{merge.pk}").status_code == 404
    assert stranger.get(f"/leads/{own.pk}").status_code == 404
