from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.utils import timezone

from crm import signals
from crm.leads import UNKNOWN_CALLER, apply_facts, lead_for_caller, raise_stage, request_callback
from crm.models import Lead, LeadStage, Task, TimelineEntry
from crm.tests import factories

pytestmark = pytest.mark.django_db


def values(lead: Lead, *names: str) -> tuple[object, ...]:
    lead.refresh_from_db()
    return tuple(getattr(lead, name) for name in names)


@pytest.mark.parametrize(
    "written", ["+13125550100", "(312) 555-0100", "312.555.0100", "1 312 555 0100", "tel:+1-312-555-0100"]
)
def test_a_number_is_the_same_person_however_it_is_written(written):
    known = factories.lead(phone="+13125550100")

    assert lead_for_caller(phone=written) == known
    assert Lead.objects.count() == 1


def test_a_new_number_is_a_new_lead():
    lead = lead_for_caller(phone="3125550100", email="Jo@Example.com", full_name=" Jo  Doe ", source="web")

    assert values(lead, "phone", "email", "full_name", "source", "stage") == (
        "+13125550100", "jo@example.com", "Jo Doe", "web", LeadStage.NEW,
    )  # fmt: skip


def test_failing_the_number_the_address_tells_who_it_is_and_the_number_is_kept():
    known = factories.lead(phone=None, email="JO@example.com")

    assert lead_for_caller(phone="3125550100", email="jo@Example.com") == known
    assert values(known, "phone", "email") == ("+13125550100", "JO@example.com")


def test_the_number_tells_more_than_the_address():
    by_number, by_address = factories.lead(phone="+13125550100"), factories.lead(email="jo@example.com")

    assert lead_for_caller(phone="+13125550100", email="jo@example.com") == by_number
    assert values(by_address, "email") == ("jo@example.com",)


def test_gaps_are_filled_and_nothing_is_replaced():
    known = factories.lead(phone="+13125550100", full_name="Joanna Smith", email="")

    lead_for_caller(phone="+13125550100", full_name="Jo", email="jo@example.com")

    assert values(known, "full_name", "email") == ("Joanna Smith", "jo@example.com")


@pytest.mark.parametrize("phone", ["anonymous", "", "7", "x" * 500, "+1" + "9" * 40])
def test_what_is_no_number_or_address_makes_a_lead_without(phone):
    lead = lead_for_caller(phone=phone, email="not an address", full_name="Jo")

    assert values(lead, "phone", "email", "full_name") == (None, "", "Jo")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("who", [{"phone": "+13125550100"}, {"email": "jo@example.com"}])
def test_the_same_person_calling_twice_at_once_is_one_lead(who):
    def work(_: int) -> int:
        try:
            return lead_for_caller(**who).pk
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(work, range(24)))

    assert len(ids) == Lead.objects.count() == 1


def test_facts_land_typed():
    lead = factories.lead()
    facts = {
        "budget": 1800.5, "timeline": " next\nmonth ", "property_type": "flat", "location": "Loop", "bedrooms": "2",
        "pets": True, "move_in_on": "2027-03-01", "full_name": "Jo", "email": "JO@Example.com", "selected_time": "x",
    }  # fmt: skip

    assert set(apply_facts(lead, facts)) == set(facts) - {"selected_time"}

    names = ("budget", "timeline", "property_type", "location", "bedrooms", "pets", "move_in_on", "full_name", "email")
    assert values(lead, *names) == (
        Decimal("1800.50"), "next month", "flat", "Loop", 2, "yes", date(2027, 3, 1), "Jo", "jo@example.com",
    )  # fmt: skip


@pytest.mark.parametrize(
    "facts",
    [
        {}, {"budget": None, "email": "", "full_name": ""}, {"budget": "lots"}, {"budget": -5}, {"budget": 1e300},
        {"budget": float("nan")}, {"budget": True}, {"bedrooms": 900}, {"bedrooms": "many"}, {"bedrooms": 1e400},
        {"email": "jo at example"}, {"move_in_on": "soon"}, {"timeline": []}, {"full_name": {"a": 1}}, {"unknown": 1},
        {"pets": "\0"},
    ],
)  # fmt: skip
def test_facts_that_say_nothing_change_nothing(facts):
    lead = factories.lead(full_name="Jo", budget=900, email="jo@example.com")
    before = Lead.objects.values().get()

    assert apply_facts(lead, facts) == []
    assert Lead.objects.values().get() == before
    assert not TimelineEntry.objects.exists()


def test_a_change_is_told_once_in_the_timeline_and_by_signal():
    lead, told = factories.lead(), []

    def receiver(sender, lead, changed, **kwargs):
        told.append((lead.pk, changed))

    signals.lead_changed.connect(receiver)
    try:
        apply_facts(lead, {"budget": 900})
        apply_facts(lead, {"budget": 900})
    finally:
        signals.lead_changed.disconnect(receiver)

    assert told == [(lead.pk, ["budget"])]
    assert [(entry.text, entry.data) for entry in lead.entries.all()] == [
        ("Said: budget 900", {"budget": [None, "900"]}),
    ]


@pytest.mark.parametrize(
    ("stage", "facts", "after"),
    [
        ("new", {"budget": 900}, "new"),
        ("new", {"timeline": "June"}, "new"),
        ("new", {"budget": 900, "timeline": "June"}, "qualified"),
        ("viewing_booked", {"budget": 900, "timeline": "June"}, "viewing_booked"),
        ("leased", {"budget": 900, "timeline": "June"}, "leased"),
        ("lost", {"budget": 900, "timeline": "June"}, "lost"),
    ],
)
def test_a_lead_is_qualified_when_budget_and_timeline_are_known_and_never_goes_back(stage, facts, after):
    lead = factories.lead(stage=stage, lost_reason="moved" if stage == "lost" else "")

    apply_facts(lead, facts)

    assert values(lead, "stage") == (after,)


def test_a_stage_is_raised_once():
    lead = factories.lead()

    assert raise_stage(lead, LeadStage.VIEWED)
    assert not raise_stage(lead, LeadStage.QUALIFIED)
    assert not raise_stage(lead, LeadStage.VIEWED)
    assert values(lead, "stage") == (LeadStage.VIEWED,)
    assert [entry.text for entry in lead.entries.all()] == ["Stage: Viewed"]


def test_gaps_only_keeps_what_is_there_except_for_the_name_nobody_has():
    lead = factories.lead(full_name=UNKNOWN_CALLER, budget=900)

    apply_facts(lead, {"full_name": "Jo", "budget": 1000, "location": "Loop"}, only_gaps=True)

    assert values(lead, "full_name", "budget", "location") == ("Jo", Decimal(900), "Loop")


def test_a_callback_is_asked_for_once_by_its_key():
    lead, due_at = factories.lead(owner=factories.agent()), timezone.now() + timedelta(hours=1)

    first = request_callback(lead=lead, reason="wants  parking\n" + "x" * 900, due_at=due_at, key="k")
    first.done_at = timezone.now()
    first.save()
    again = request_callback(lead=lead, reason="", due_at=due_at, key="k")

    assert (again, Task.objects.count(), lead.entries.count()) == (first, 1, 1)
    assert again.done_at is not None
    assert (first.assignee, first.text.startswith("Call back: wants parking x")) == (lead.owner, True)
