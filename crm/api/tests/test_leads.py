"""Leads and notes."""

from __future__ import annotations

import pytest

from crm import freshness
from crm.api.tests.conftest import problem
from crm.models import Appointment, Lead, LeadStage, Note, TimelineEntry

LEADS = "/api/v1/leads"
NOTES = "/api/v1/notes"


def test_a_lead_is_made_and_shown(api, agent):
    made = api.post(
        LEADS,
        {
            "full_name": "Zoë 🏠 Roe",
            "phone": "(312) 555-0142",
            "email": "zoe@example.com",
            "budget": "1800.5",
            "timeline": "3 months",
            "property_type": "loft",
            "location": "Pilsen",
            "move_in_on": "2027-03-01",
            "owner": agent.pk,
            "pets": "one cat",
            "bedrooms": 2,
        },
    )

    body = made.json()
    assert made.status_code == 201, body
    shown = {name: body.pop(name) for name in ("id", "created_at", "updated_at")}
    assert body == {
        "full_name": "Zoë 🏠 Roe",
        "phone": "+13125550142",
        "email": "zoe@example.com",
        "budget": "1800.50",
        "currency": "USD",
        "timeline": "3 months",
        "property_type": "loft",
        "location": "Pilsen",
        "bedrooms": 2,
        "pets": "one cat",
        "move_in_on": "2027-03-01",
        "stage": "new",
        "lost_reason": "",
        "source": "api",
        "owner": agent.pk,
        "consent_at": None,
    }
    assert api.get(f"{LEADS}/{shown['id']}/").json() == {**body, **shown}
    assert shown["created_at"].endswith("+00:00")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("full_name", 5),
        ("full_name", None),
        ("full_name", ["x"]),
        ("full_name", "a\0b"),
        ("full_name", "x" * 201),
        ("phone", "12"),
        ("phone", "call me"),
        ("phone", 3125550142),
        ("phone", {"number": 1}),
        ("phone", "9" * 1_000_000),
        ("email", "nobody"),
        ("email", 1),
        ("email", "x" * 300 + "@example.com"),
        ("budget", "-1"),
        ("budget", "1e400"),
        ("budget", "much"),
        ("budget", "123456789.00"),
        ("budget", 1e300),
        ("budget", 10**400),
        ("budget", True),
        ("budget", []),
        ("budget", "NaN"),
        ("currency", "dollars"),
        ("currency", 1),
        ("bedrooms", -1),
        ("bedrooms", 10**30),
        ("bedrooms", True),
        ("bedrooms", 1.5),
        ("bedrooms", "x"),
        ("stage", "sold"),
        ("stage", 1),
        ("stage", []),
        ("stage", {}),
        ("stage", "lost"),
        ("owner", 0),
        ("owner", -1),
        ("owner", 10**30),
        ("owner", True),
        ("owner", "x"),
        ("owner", 1.5),
        ("owner", [1]),
        ("move_in_on", "2027-02-30"),
        ("move_in_on", "tomorrow"),
        ("move_in_on", 20270101),
        ("move_in_on", "0001-01-01"),
        ("move_in_on", "2027-01-01T00:00:00Z"),
        ("consent_at", "2027-01-01T00:00:00"),
        ("consent_at", "0001-01-01T00:00:00+14:00"),
        ("consent_at", "2027-01-01T25:00:00Z"),
        ("consent_at", "2027-01-01T00:00:00+99:00"),
        ("consent_at", 1_800_000_000),
        ("source", ""),
    ],
)
def test_a_bad_value_is_refused_and_changes_nothing(api, lead, field, value):
    before = Lead.objects.values().get()

    made = api.post(LEADS, {"full_name": "New", field: value})
    changed = api.patch(f"{LEADS}/{lead.pk}", {field: value})

    for response in (made, changed):
        assert problem(response) == (400, "invalid")
        assert {"lost_reason" if value == "lost" else field} == set(response.json()["errors"])
    assert Lead.objects.values().get() == before


def test_a_lead_needs_something_to_know_it_by(api, db):
    assert problem(api.post(LEADS, {"budget": "1"})) == (400, "invalid")


def test_a_second_lead_with_the_phone_is_refused_with_the_first_ones_id(api, lead):
    response = api.post(LEADS, {"full_name": "Twin", "phone": "312-555-0100"})

    assert problem(response) == (409, "duplicate_phone")
    assert response.json()["lead"] == lead.pk
    assert Lead.objects.count() == 1


def test_a_lead_cannot_take_anothers_phone(api, lead):
    other = Lead.objects.create(full_name="Other")

    assert problem(api.patch(f"{LEADS}/{other.pk}", {"phone": lead.phone})) == (409, "duplicate_phone")
    other.refresh_from_db()
    assert other.phone is None


def test_many_leads_may_have_no_phone(api, db):
    for phone in (None, "", "  "):
        made = api.post(LEADS, {"full_name": "Withheld", "phone": phone})
        assert (made.status_code, made.json()["phone"]) == (201, None)


@pytest.mark.parametrize(
    "query",
    [
        "phone=+13125550100",
        "phone=%2B13125550100",
        "phone=13125550100",
        "phone=3125550100",
        "phone=(312)%20555-0100",
        "search=jane",
        "search=ROE",
        "search=555-0100",
        "search=312%20555",
        "stage=new,qualified",
        "stage=lost&stage=new",
    ],
)
def test_leads_are_found(api, lead, query):
    Lead.objects.create(full_name="Other", phone="+442079460000", stage="viewed")

    found = api.get(f"{LEADS}?{query}").json()["results"]

    assert [row["id"] for row in found] == [lead.pk]


@pytest.mark.parametrize("words", ["%", "_", "'; --", "\\", "nobody", "é", "🏠"])
def test_a_search_means_what_it_says(api, lead, words):
    assert api.get(LEADS, {"search": words}).json()["results"] == []


def test_a_change_is_kept_and_told_in_the_timeline(api, lead, admin):
    response = api.patch(f"{LEADS}/{lead.pk}", {"budget": 2000, "full_name": lead.full_name, "owner": admin.pk})

    assert response.status_code == 200, response.content
    entry = TimelineEntry.objects.get()
    assert (entry.text, entry.agent, entry.actor) == ("Changed budget, owner", admin, "api")
    assert entry.data == {"budget": [None, "2000.00"], "owner": [None, admin.pk]}


def test_a_lost_lead_has_a_reason_until_it_is_found_again(api, lead):
    url = f"{LEADS}/{lead.pk}"

    assert problem(api.patch(url, {"stage": "lost"})) == (400, "invalid")
    lost = api.patch(url, {"stage": "lost", "lost_reason": "Bought a house"})
    assert (lost.json()["stage"], lost.json()["lost_reason"]) == ("lost", "Bought a house")
    again = api.patch(url, {"stage": "qualified"})
    assert (again.json()["stage"], again.json()["lost_reason"]) == (LeadStage.QUALIFIED, "")


def test_nothing_changed_writes_nothing(api, lead):
    before = Lead.objects.values().get()

    assert api.patch(f"{LEADS}/{lead.pk}", {"full_name": lead.full_name}).status_code == 200
    assert Lead.objects.values().get() == before
    assert not TimelineEntry.objects.exists()


def test_only_managers_delete(api, agent_api, lead):
    assert problem(agent_api.delete(f"{LEADS}/{lead.pk}")) == (403, "manager_required")
    assert api.delete(f"{LEADS}/{lead.pk}").status_code == 204
    assert not Lead.objects.exists()


def test_a_lead_with_viewings_is_not_deleted(api, lead, listing, agent):
    Appointment.objects.create(
        lead=lead,
        listing=listing,
        agent=agent,
        starts_at="2027-01-01T10:00Z",
        ends_at="2027-01-01T11:00Z",
        idempotency_key="x",
    )

    assert problem(api.delete(f"{LEADS}/{lead.pk}")) == (409, "in_use")
    assert Lead.objects.exists()


def test_agents_write_leads(agent_api, agent, lead):
    Lead.objects.filter(pk=lead.pk).update(owner=agent)
    assert agent_api.patch(f"{LEADS}/{lead.pk}", {"pets": "dog"}).status_code == 200


@pytest.mark.parametrize("rows", [1, 3])
def test_the_list_costs_the_same_however_long(api, agent, rows, django_assert_num_queries):
    for n in range(rows):
        Lead.objects.create(full_name=str(n), owner=agent)
    api.get(LEADS)

    with django_assert_num_queries(2):
        assert len(api.get(LEADS).json()["results"]) == rows


def test_reads_wait_for_pending_work_and_survive_its_failure(api, lead, monkeypatch):
    settled = []
    monkeypatch.setattr(freshness, "_waiting", [])
    freshness.register(lambda: settled.append(1))
    freshness.register(lambda: 1 / 0)

    assert api.get(LEADS).status_code == 200
    assert api.get(f"{LEADS}/{lead.pk}").status_code == 200
    assert settled == [1, 1]


def test_a_note_is_kept_and_told_in_the_timeline(agent_api, agent, lead):
    made = agent_api.post(NOTES, {"lead": lead.pk, "text": "Prefers mornings"})

    assert made.status_code == 201, made.content
    body = made.json()
    assert (body["lead"], body["text"], body["agent"]) == (lead.pk, "Prefers mornings", agent.pk)
    entry = TimelineEntry.objects.get()
    assert (entry.kind, entry.text, entry.lead, entry.agent) == ("note", "Prefers mornings", lead, agent)
    assert agent_api.get(f"{NOTES}?lead={lead.pk}").json()["results"] == [body]
    assert agent_api.get(f"{NOTES}?lead={lead.pk + 1}").json()["results"] == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"lead": "", "text": "x"},
        {"lead": None, "text": "x"},
        {"lead": 0, "text": "x"},
        {"text": ""},
        {"text": "  "},
        {"text": None},
        {"text": 5},
        {"text": "a\0"},
        {"text": "x" * 1_000_000},
    ],
)
def test_a_bad_note_is_refused(api, lead, body):
    given = {"lead": lead.pk, **body} if "text" in body else body

    assert problem(api.post(NOTES, given)) == (400, "invalid")
    assert not Note.objects.exists()
    assert not TimelineEntry.objects.exists()
