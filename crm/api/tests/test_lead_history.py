from __future__ import annotations

import pytest

from crm.api.tests.conftest import problem, token_client
from crm.models import Lead
from crm.notices import notify
from crm.tests import factories

LEADS = "/api/v1/leads"


@pytest.fixture
def twins(agent) -> tuple[Lead, Lead]:
    kept = factories.lead(full_name="Jane Roe", email="jane@example.com", owner=agent)
    return kept, factories.lead(full_name="Jane Roe", email="jane@example.com", pets="dog", location="Pilsen")


def test_the_timeline_is_read_page_by_page(agent_api, twins) -> None:
    lead = twins[0]
    for text in ("One", "Two"):
        agent_api.post("/api/v1/notes", {"lead": lead.pk, "text": text})
    agent_api.patch(f"{LEADS}/{lead.pk}", {"pets": "cat"})
    path = f"{LEADS}/{lead.pk}/timeline"

    first = agent_api.get(path + "/", {"page_size": 2}).json()

    assert [row["kind"] for row in first["results"]] == ["change", "note"]
    assert [row["text"] for row in agent_api.get(first["next"]).json()["results"]] == ["One"]
    assert [row["text"] for row in agent_api.get(path, {"kind": "note", "ordering": "id"}).json()["results"]] == [
        "One",
        "Two",
    ]
    assert agent_api.get(path, {"fields": "text", "kind": "change"}).json()["results"][0].keys() == {"text"}
    assert first["results"][0].keys() == {"id", "at", "kind", "text", "agent", "actor", "call", "data"}


def test_two_leads_become_one_and_part_again(agent_api, twins) -> None:
    kept, gone = twins
    path = f"{LEADS}/{kept.pk}"

    assert [each["lead"]["id"] for each in agent_api.get(f"{path}/duplicates").json()["results"]] == [gone.pk]
    body = agent_api.post(f"{path}/merge", {"other": gone.pk, "take": ["phone"]}, HTTP_IDEMPOTENCY_KEY="m").json()
    again = agent_api.post(f"{path}/merge", {"other": gone.pk, "take": ["phone"]}, HTTP_IDEMPOTENCY_KEY="m").json()

    assert body == again
    assert (body["lead"]["pets"], body["lead"]["phone"]) == ("dog", gone.phone)
    assert problem(agent_api.get(f"{LEADS}/{gone.pk}")) == (404, "not_found")
    parted = agent_api.post(f"{path}/part", {"merge": body["merge"]}).json()
    assert (parted["parted"]["id"], parted["lead"]["phone"]) == (gone.pk, kept.phone)
    assert problem(agent_api.post(f"{path}/part", {"merge": body["merge"]})) == (409, "merge_refused")


def test_merging_keeps_to_what_one_may_change(agent_api, make_agent, twins) -> None:
    kept, gone = twins
    stranger = make_agent(team=factories.team())
    hidden = factories.lead(owner=stranger)

    assert problem(agent_api.post(f"{LEADS}/{hidden.pk}/merge", {"other": gone.pk})) == (404, "not_found")
    assert problem(agent_api.post(f"{LEADS}/{kept.pk}/merge", {"other": hidden.pk})) == (400, "invalid")
    assert problem(agent_api.post(f"{LEADS}/{gone.pk}/merge", {"other": kept.pk})) == (403, "not_allowed")
    assert problem(agent_api.post(f"{LEADS}/{kept.pk}/merge", {"other": kept.pk})) == (409, "merge_refused")
    assert problem(agent_api.post(f"{LEADS}/{kept.pk}/merge", {"other": gone.pk, "take": ["id"]})) == (400, "invalid")
    for what in ("timeline", "duplicates"):
        assert problem(agent_api.get(f"{LEADS}/{hidden.pk}/{what}")) == (404, "not_found")
    body = agent_api.post(f"{LEADS}/{kept.pk}/merge", {"other": gone.pk}).json()
    theirs = token_client(stranger)
    assert problem(theirs.post(f"{LEADS}/{hidden.pk}/part", {"merge": body["merge"]})) == (400, "invalid")
    assert Lead.objects.count() == 2


def test_notices_are_ones_own_and_ticked_off(agent_api, api, agent, twins) -> None:
    for key in "abc":
        notify([agent], "assigned", kind="assignment", key=key, lead=twins[0], data={"by": "Mo"})
    rows = agent_api.get("/api/v1/notices").json()["results"]
    path = f"/api/v1/notices/{rows[0]['id']}"

    assert [row["lead"] for row in rows] == [twins[0].pk] * 3
    assert rows[0]["path"] == f"/leads/{twins[0].pk}"
    assert rows[0]["text"]
    assert problem(api.get(path)) == (404, "not_found")
    assert agent_api.patch(path, {"read": True}).json()["read_at"]
    assert len(agent_api.get("/api/v1/notices", {"unread": 1}).json()["results"]) == 2
    assert agent_api.post("/api/v1/notices/read").json() == {"read": 2}
    assert agent_api.patch(path, {"read": False}).json()["read_at"] is None
    assert api.get("/api/v1/notices").json()["results"] == []
