"""Whatever arrives, in whichever field or parameter, is answered below 500; a refusal is a problem document."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from crm.api.tests.conftest import problem
from crm.tests import factories

JUNK: list[Any] = [
    None,
    True,
    -1,
    1.5,
    1e308,
    2**63,
    10**400,
    "",
    "0",
    "a\0b",
    "\u202e\ufeff🏠'; --",
    "x" * 100_000,
    "NaN",
    "1e999",
    "9999-12-31T23:59:59.999999999-23:59",
    "0000-01-01",
    [None],
    {"": []},
]
BODIES = {
    "leads": (
        "full_name phone email budget currency timeline property_type location bedrooms pets move_in_on stage"
        " lost_reason source owner consent_at"
    ),
    "listings": (
        "address unit rent currency bedrooms bathrooms property_type neighborhood pets status available_on agents facts"
        " access_notes allows_stacked_viewings viewing_minutes buffer_before_minutes horizon_days"
    ),
    "agents": "email full_name role timezone team phone is_bookable is_active",
    "notes": "lead text",
    "closures": "starts_on ends_on reason",
    "busy-times": "agent starts_at ends_at reason",
    "appointments": "slot_id agent listing starts_at lead attendee_name attendee_phone attendee_email hold",
}
# What a POST needs besides the ids of a lead, an agent and a listing; the others are changed by PATCH.
VALID = {
    "notes": {"text": "A"},
    "closures": {"starts_on": "2027-01-01", "ends_on": "2027-01-02"},
    "busy-times": {"starts_at": "2027-01-01T00:00:00Z", "ends_at": "2027-01-01T01:00:00Z"},
    "appointments": {"starts_at": "2027-01-04T15:00:00Z", "attendee_name": "A"},
}
# Besides cursor, ordering, page_size and search, which every list takes.
PARAMETERS = {
    "leads": "phone email stage owner source",
    "listings": "status property_type bedrooms min_rent max_rent pets agent",
    "agents": "role team email is_active",
    "notes": "lead",
    "closures": "",
    "busy-times": "agent from to",
    "appointments": "agent lead listing status from to",
    "calls": "vapi_id status stage phase direction lead listing phone from to live",
    "availability": "start end agent listing limit explain",
}
FIELDS = [(resource, field) for resource, fields in BODIES.items() for field in fields.split()]


def refused_politely(response: Any) -> None:
    assert response.status_code < 500
    if response.status_code >= 400:
        problem(response)
    json.loads(response.content or b"null")


@pytest.mark.parametrize(("resource", "field"), FIELDS, ids=lambda value: value)
def test_junk_in_a_body(api, agent, listing, lead, resource, field):
    valid = {"lead": lead.pk, "agent": agent.pk, "listing": listing.pk} | VALID.get(resource, {})
    records = {"leads": lead.pk, "listings": listing.pk, "agents": agent.pk}

    for junk in JUNK:
        if resource in records:
            refused_politely(api.patch(f"/api/v1/{resource}/{records[resource]}", {field: junk}))
        else:
            refused_politely(api.post(f"/api/v1/{resource}", valid | {field: junk}))


@pytest.mark.parametrize("resource", PARAMETERS)
def test_junk_in_a_parameter(api, listing, resource):
    texts = [junk for junk in JUNK if isinstance(junk, str)]

    for name in ["cursor", "ordering", "page_size", "search", *PARAMETERS[resource].split()]:
        for junk in [*texts, " ", ",", "%", "-1", "9223372036854775807", "9223372036854775808", "1,2,x"]:
            refused_politely(api.get(f"/api/v1/{resource}", {name: junk[:2000]}))


def test_junk_in_a_week(api, agent):
    for junk in JUNK:
        for week in (
            junk,
            [junk],
            [{"weekday": junk, "start": "09:00", "end": "10:00"}],
            [{"weekday": 0, "start": junk}],
        ):
            refused_politely(api.put(f"/api/v1/agents/{agent.pk}/working-hours", week))


def test_junk_in_settings(api):
    for name in api.get("/api/v1/settings").json():
        for junk in JUNK:
            refused_politely(api.patch("/api/v1/settings", {name: junk}))


@pytest.mark.parametrize("act", ["confirm", "reschedule", "cancel"])
def test_junk_for_a_viewing(api, agent, listing, lead, act):
    viewing = factories.appointment(agent, listing, datetime(2027, 1, 4, 15, tzinfo=UTC), lead=lead)
    for junk in JUNK:
        for name in ("slot_id", "starts_at", "reason"):
            refused_politely(api.post(f"/api/v1/appointments/{viewing.pk}/{act}", {name: junk}))
        refused_politely(api.post(f"/api/v1/appointments/{viewing.pk}/{act}", junk))
