"""What people and attackers write is kept as it was written, or refused in a few words; nothing in between."""

from __future__ import annotations

from typing import Any

import pytest

from crm.api.tests.conftest import problem
from crm.models import Lead

MEGABYTE = "x" * 1_000_000
HOSTILE = [
    "Robert'); DROP TABLE crm_lead;--",
    '" OR 1=1 --',
    "<script>alert(1)</script>",
    "{{ 7*7 }} {% debug %} %(x)s {0}",
    "=HYPERLINK(1)",
    "مرحبا \u202e\u2067abc\u2069",
    "👩‍👩‍👧‍👦🏠",
    "Zoë e\u0301 ﷽ \u200b.",
    "a\u2028b\tc",
    "100% _ \\ \\' \\x00",
]
# Every field that takes free text, by the resource that is changed.
TEXTS = {
    "leads": ["full_name", "timeline", "property_type", "location", "pets"],
    "listings": ["address", "unit", "property_type", "neighborhood", "facts", "access_notes"],
    "agents": ["full_name"],
    "teams": ["name"],
    "tasks": ["text"],
    "webhooks": ["description"],
}
MADE = {
    "notes": "text",
    "closures": "reason",
    "busy-times": "reason",
    "tokens": "name",
    "appointments": "attendee_name",
}


@pytest.fixture
def bodies(api, agent, listing, lead) -> dict[str, dict[str, Any]]:
    """Return what makes a record of each resource."""
    slot = {"starts_at": "2027-01-04T15:00:00Z", "agent": agent.pk, "listing": listing.pk}
    return {
        "teams": {"name": "North"},
        "tasks": {"lead": lead.pk, "text": "Call", "due_at": "2027-01-01T00:00:00Z"},
        "webhooks": {"url": "https://example.com/", "events": ["call.ended"]},
        "notes": {"lead": lead.pk, "text": "Hi"},
        "closures": {"starts_on": "2027-01-01", "ends_on": "2027-01-02"},
        "busy-times": {
            "agent": agent.pk, "starts_at": "2027-01-01T00:00:00Z", "ends_at": "2027-01-01T01:00:00Z",
        },
        "tokens": {"name": "Script", "scopes": ["read"]},
        "appointments": slot | {"attendee_phone": "+13125550199"},
    }  # fmt: skip


@pytest.mark.parametrize(("resource", "field"), [(name, field) for name, fields in TEXTS.items() for field in fields])
def test_a_change_keeps_every_letter(api, agent, listing, lead, bodies, resource: str, field: str) -> None:
    ids = {"leads": lead.pk, "listings": listing.pk, "agents": agent.pk}
    path = f"/api/v1/{resource}"
    pk = ids.get(resource) or api.post(path, bodies[resource]).json()["id"]

    for text in HOSTILE:
        answer = api.patch(f"{path}/{pk}", {field: text})
        assert (answer.status_code, answer.json().get(field)) == (200, text.strip())
        assert api.get(f"{path}/{pk}").json()[field] == text.strip()
    for bad in (MEGABYTE, "a\0b"):
        refused = api.patch(f"{path}/{pk}", {field: bad})
        assert problem(refused) == (400, "invalid")
        assert list(refused.json()["errors"]) == [field]
        assert len(refused.content) < 1000


@pytest.mark.parametrize("resource", MADE)
def test_a_new_record_keeps_every_letter(api, signed_in, bodies, resource: str) -> None:
    field, path = MADE[resource], f"/api/v1/{resource}"
    api = signed_in if resource == "tokens" else api

    for bad in (MEGABYTE, "a\0b"):
        assert problem(api.post(path, bodies[resource] | {field: bad})) == (400, "invalid")
    if resource != "appointments":
        for text in HOSTILE:
            made = api.post(path, bodies[resource] | {field: text})
            assert (made.status_code, made.json()[field]) == (201, text.strip())


def test_hostile_words_only_search(api, lead, listing) -> None:
    for text in HOSTILE:
        for path in ("leads", "listings", "agents"):
            assert api.get(f"/api/v1/{path}", {"search": text}).json()["results"] == []
        assert api.get("/api/v1/search", {"q": text}).status_code == 200
        assert api.get("/search/rental", {"location": text, "q": text}).status_code == 200
    for path, name in (("/api/v1/leads", "search"), ("/api/v1/search", "q"), ("/search/rental", "location")):
        assert problem(api.get(path, {name: MEGABYTE[:50_000]})) == (400, "invalid_parameter")
    assert Lead.objects.get() == lead


@pytest.mark.parametrize(
    "path", ["leads/bulk", "leads/{lead}/merge", "leads/{lead}/part", "tokens", "webhooks", "teams"]
)
@pytest.mark.parametrize(
    "body", [None, 1, "x", [], {}, {"ids": [2**70], "stage": "new"}, {"other": 2**70}, {"merge": []}]
)
def test_bodies_of_another_shape_are_refused(api, signed_in, lead, path: str, body: Any) -> None:
    api = signed_in if path == "tokens" else api
    assert problem(api.post(f"/api/v1/{path.format(lead=lead.pk)}", body))[0] == 400
