"""The examples in the description are true: the records fit their schemas, and the bodies are taken."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from crm.api import examples
from crm.api.described import description
from crm.tests import factories

PATHS = {
    "LeadRequest": "leads", "ListingRequest": "listings", "AgentRequest": "agents", "BusyTimeRequest": "busy-times",
    "ClosureRequest": "closures", "NoteRequest": "notes", "TaskRequest": "tasks", "TeamRequest": "teams",
    "TokenRequest": "tokens", "WebhookRequest": "webhooks", "BookingRequest": "appointments",
    "MergeRequest": "leads/{lead}/merge", "SavedViewRequest": "saved-views", "MessageRequest": "leads/{lead}/messages",
}  # fmt: skip


def checker(name: str) -> Any:
    whole = description() | {"$ref": f"#/components/schemas/{name}"}
    return jsonschema.Draft202012Validator(whole, format_checker=jsonschema.FormatChecker())


@pytest.mark.parametrize("name", [*examples.BODIES, *examples.RECORDS])
def test_an_example_fits_its_schema(name: str) -> None:
    checker(name).validate((examples.BODIES | examples.RECORDS)[name])


def test_a_record_without_a_field_does_not_fit() -> None:
    for name, record in examples.RECORDS.items():
        for field in record:
            assert not checker(name).is_valid({key: record[key] for key in record if key != field}), (name, field)


@pytest.mark.parametrize("name", PATHS)
def test_the_body_of_an_example_is_taken(api, signed_in, name: str) -> None:
    agent = factories.agent(hours=(0, 24))
    home, lead, other = factories.listing(agent), factories.lead(email="a@example.com"), factories.lead()
    known = {"agent": agent.pk, "assignee": agent.pk, "agents": [agent.pk], "listing": home.pk, "lead": lead.pk}
    body = {field: (known | {"other": other.pk}).get(field, value) for field, value in examples.BODIES[name].items()}
    if name == "BookingRequest":
        body["starts_at"] = api.get("/api/v1/availability", {"agent": agent.pk, "limit": 1}).json()["slots"][0][
            "starts_at"
        ]

    # A token makes no tokens.
    answer = (signed_in if name == "TokenRequest" else api).post(f"/api/v1/{PATHS[name].format(lead=lead.pk)}", body)

    assert answer.status_code in (200, 201), answer.json()


def test_every_operation_says_what_it_does() -> None:
    for path, operations in description()["paths"].items():
        for method, operation in operations.items():
            assert 3 < len(operation["summary"]) < 120, (method, path)
            assert operation["description"], (method, path)
