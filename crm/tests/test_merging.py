"""Two leads made one, and parted again: everything moves, nothing is lost, also while others write."""

from __future__ import annotations

import threading
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, transaction
from django.utils import timezone

from crm import merging
from crm.duplicates import candidates
from crm.errors import MergeRefused
from crm.lead_editing import edit_lead
from crm.leads import lead_for_caller
from crm.messages import queue_message
from crm.models import Agent, Lead, LeadMerge, Role, Task
from crm.notes import write_note
from crm.tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def agent() -> Agent:
    return factories.agent()


def with_everything(agent: Agent, **fields: Any) -> Lead:
    """Create a lead with one of everything that refers to leads."""
    lead = factories.lead(**fields)
    factories.appointment(agent, factories.listing(agent), timezone.now() + timedelta(days=lead.pk), lead=lead)
    write_note(lead=lead, text=f"Note of {lead.pk}", agent=agent)
    Task.objects.create(lead=lead, kind="callback", text="Call", due_at=timezone.now(), key=f"t{lead.pk}")
    queue_message(key=f"m{lead.pk}", lead=lead, to="x@example.com", subject="x", body="x")
    apps.get_model("calls", "Call").objects.create(id=uuid.uuid4(), vapi_id=f"v{lead.pk}", lead=lead)
    return lead


def belongings(lead: Lead) -> list[int]:
    return [
        lead.appointments.count(),
        lead.notes.count(),
        lead.tasks.count(),
        lead.messages.count(),
        lead.calls.count(),
    ]


def row(lead: Lead) -> dict[str, Any]:
    values = Lead.objects.filter(pk=lead.pk).values().get()
    values.pop("updated_at")
    return values


def test_everything_moves_and_comes_back(agent: Agent):
    kept = with_everything(agent, full_name="Ines Castillo", budget=1500)
    gone = with_everything(agent, full_name="Ines C.", email="ines@example.com", budget=1800, consent_at=timezone.now())
    before = row(kept), row(gone)

    merged = merging.merge(kept, gone, take=["budget"], agent=agent)
    assert not Lead.objects.filter(pk=gone.pk).exists()
    assert belongings(kept) == [2, 2, 2, 2, 2]
    now = Lead.objects.get(pk=kept.pk)
    assert (now.full_name, now.email, now.budget, now.phone) == ("Ines Castillo", "ines@example.com", 1800, kept.phone)
    assert kept.entries.filter(text__startswith="Merged with").count() == 1

    merging.part(merged.pk, agent)
    assert (row(kept), row(gone)) == before
    assert belongings(kept) == belongings(gone) == [1, 1, 1, 1, 1]
    with pytest.raises(MergeRefused):
        merging.part(merged.pk, agent)


def test_every_reference_to_a_lead_is_known_and_survives(agent: Agent):
    kept, gone = factories.lead(), with_everything(agent)
    merging.merge(kept, gone, agent=agent)
    for field in merging._references():
        assert not field.model._base_manager.filter(**{field.name: gone.pk}).exists()


def test_the_other_number_still_finds_the_lead(agent: Agent):
    kept, gone = factories.lead(phone="+13125550101"), factories.lead(phone="+13125550102")
    merged = merging.merge(kept, gone, agent=agent)
    assert lead_for_caller(phone="312-555-0102").pk == kept.pk

    merging.part(merged.pk, agent)
    assert lead_for_caller(phone="312-555-0102").pk == gone.pk
    merged = merging.merge(kept, gone, take=["phone"], agent=agent)
    assert Lead.objects.get(pk=kept.pk).phone == "+13125550102"
    assert lead_for_caller(phone="312-555-0101").pk == kept.pk
    assert Lead.objects.count() == 1


def test_what_was_changed_since_stays_when_they_are_parted(agent: Agent):
    kept, gone = factories.lead(), factories.lead(full_name="Ines", location="Pilsen")
    merged = merging.merge(kept, gone, agent=agent)
    edit_lead(lead=kept, values={"full_name": "Inés"}, agent=agent, actor="staff")
    write_note(lead=kept, text="Since", agent=agent)

    merging.part(merged.pk, agent)
    now = Lead.objects.get(pk=kept.pk)
    assert (now.full_name, now.location) == ("Inés", "")
    assert [note.text for note in now.notes.all()] == ["Since"]


def test_the_newest_merge_is_undone_first_and_not_after_a_week(agent: Agent):
    first, second, third = factories.lead(), factories.lead(), factories.lead()
    inner = merging.merge(second, third, agent=agent)
    outer = merging.merge(first, second, agent=agent)
    assert lead_for_caller(phone=third.phone).pk == first.pk
    inner.refresh_from_db()
    with pytest.raises(MergeRefused):
        merging.part(inner.pk, agent)
    merging.part(outer.pk, agent)
    merging.part(inner.pk, agent)
    assert set(Lead.objects.values_list("pk", flat=True)) == {first.pk, second.pk, third.pk}

    late = merging.merge(first, second, agent=agent)
    LeadMerge.objects.filter(pk=late.pk).update(merged_at=timezone.now() - timedelta(days=8))
    with pytest.raises(MergeRefused):
        merging.part(late.pk, agent)


def test_a_number_that_another_lead_has_by_now_keeps_them_together(agent: Agent):
    kept, gone = factories.lead(), factories.lead(phone="+13125550102")
    merged = merging.merge(kept, gone, agent=agent)
    factories.lead(phone="+13125550102")
    with pytest.raises(MergeRefused):
        merging.part(merged.pk, agent)
    assert LeadMerge.objects.get().undone_at is None
    assert not Lead.objects.filter(pk=gone.pk).exists()


def test_a_lead_is_not_merged_with_itself_or_with_one_that_is_gone(agent: Agent):
    kept, gone = factories.lead(), factories.lead()
    with pytest.raises(MergeRefused):
        merging.merge(kept, kept, agent=agent)
    merging.merge(kept, gone, agent=agent)
    with pytest.raises(MergeRefused):
        merging.merge(kept, gone, agent=agent)


@pytest.mark.django_db(transaction=True)
def test_what_a_webhook_writes_meanwhile_is_moved_too(agent: Agent):
    kept, gone = factories.lead(), factories.lead(phone="+13125550102")
    has_written, may_commit = threading.Event(), threading.Event()

    def webhook() -> None:
        with transaction.atomic():
            write_note(lead=gone, text="Said on the phone", agent=None)
            has_written.set()
            may_commit.wait(10)
        connection.close()

    writer = threading.Thread(target=webhook)
    writer.start()
    assert has_written.wait(10)
    timer = threading.Timer(0.3, may_commit.set)
    timer.start()
    merging.merge(kept, gone, agent=agent)
    writer.join()
    assert [note.text for note in kept.notes.all()] == ["Said on the phone"]


@pytest.mark.django_db(transaction=True)
def test_two_who_merge_the_same_pair_both_ways_make_one(agent: Agent):
    one, two = factories.lead(), factories.lead()
    came: list[str] = []

    def make(kept: Lead, gone: Lead) -> None:
        try:
            merging.merge(kept, gone, agent=agent)
            came.append("merged")
        except MergeRefused:
            came.append("refused")
        finally:
            connection.close()

    workers = [threading.Thread(target=make, args=pair) for pair in ((one, two), (two, one))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(came) == ["merged", "refused"]
    assert Lead.objects.count() == 1


# --- Who may be the same


@pytest.mark.parametrize(
    ("first", "second", "reasons"),
    [
        ({"email": "Ines@example.com"}, {"email": "ines@EXAMPLE.com"}, ["same e-mail"]),
        ({"full_name": "Ines Castillo"}, {"full_name": "ines castillo"}, ["same name"]),
        (
            {"full_name": "Ines Castillo", "phone": "+13125550147"},
            {"full_name": "Ines Castilo", "phone": "+17735550147"},
            ["similar name", "similar number"],
        ),
        ({"full_name": "Ines Castillo"}, {"full_name": "Ines Castilo", "phone": None}, ["similar name"]),
        ({"full_name": "Ines Castillo"}, {"full_name": "Omar Haddad"}, None),
        ({"full_name": "", "email": ""}, {"full_name": "", "email": ""}, None),
        ({"full_name": "Unknown caller"}, {"full_name": "Unknown caller"}, None),
    ],
)
def test_what_speaks_for_two_being_one(first: dict[str, Any], second: dict[str, Any], reasons: list[str] | None):
    manager = factories.agent(role=Role.MANAGER)
    lead = factories.lead(**first)
    factories.lead(**second)
    assert [candidate.reasons for candidate in candidates(lead, manager)] == ([reasons] if reasons else [])


def test_a_lead_that_may_not_be_seen_is_no_candidate():
    stranger, owner = factories.agent(), factories.agent()
    lead = factories.lead(email="ines@example.com", owner=stranger)
    factories.lead(email="ines@example.com", owner=owner)
    assert candidates(lead, stranger) == []
