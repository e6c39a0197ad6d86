"""Assistants as programs map them, and the prompts that spoke in a call."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from calls.models import Assistant, Call, StagePrompt, call_pk
from calls.stages import uses
from crm.models import Agent, Role
from crm.tests import factories
from crm.tokens import issue_token

pytestmark = pytest.mark.django_db


def client(role: Role = Role.MANAGER, *scopes: str) -> APIClient:
    person = Agent.objects.create_user(f"{role}@example.com", full_name="Ada", role=role)
    made = APIClient()
    token = issue_token(agent=person, scopes=list(scopes) or ["read", "write"])[1]
    made.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    return made


@pytest.fixture
def oak() -> Assistant:
    return Assistant.objects.create(vapi_id="asst-oak", name="Oak")


def patch(by: APIClient, oak: Assistant, body: Any) -> Any:
    return by.patch(f"/api/v1/assistants/{oak.pk}", body, format="json")


def test_a_manager_maps_an_assistant(oak):
    home, team, person = factories.listing(), factories.team(), factories.agent()
    body = {
        "listing": home.pk,
        "team": team.pk,
        "agent": person.pk,
        "phone_number": "(312) 555-0100",
        "first_message": "Hello!",
        "is_active": False,
    }

    answer = patch(client(), oak, body)

    assert answer.status_code == 200
    kept = {"id": oak.pk, "vapi_id": "asst-oak", "name": "Oak"}
    assert answer.json() == body | kept | {"phone_number": "+13125550100"}
    answer = patch(client(Role.ADMIN), oak, {"listing": None, "phone_number": "", "first_message": ""})
    assert [answer.json()[name] for name in ("listing", "phone_number", "first_message")] == [None, None, ""]


def test_what_is_vapi_s_is_not_changed_here(oak):
    answer = patch(client(), oak, {"vapi_id": "other", "name": "Elm", "id": 7})

    assert answer.status_code == 200
    oak.refresh_from_db()
    assert (oak.vapi_id, oak.name) == ("asst-oak", "Oak")


@pytest.mark.parametrize("by", [(Role.AGENT,), (Role.MANAGER, "read")])
def test_agents_and_readers_change_nothing(oak, by):
    assert patch(client(*by), oak, {"is_active": False}).status_code == 403
    oak.refresh_from_db()
    assert oak.is_active


@pytest.mark.parametrize(
    "body",
    [
        {"phone_number": "+13125550199"},
        {"phone_number": "call me"},
        {"phone_number": 5},
        {"listing": 999_999},
        {"listing": 2**70},
        {"agent": "x"},
        {"team": True},
        {"first_message": "x" * 501},
        {"first_message": 5},
        {"first_message": "a\0b"},
        {"is_active": None},
        {"is_active": "perhaps"},
        [],
    ],
)
def test_what_cannot_be_is_refused(oak, body):
    Assistant.objects.create(vapi_id="elm", name="Elm", phone_number="+13125550199")

    answer = patch(client(), oak, body)

    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    oak.refresh_from_db()
    assert (oak.phone_number, oak.listing_id, oak.first_message, oak.is_active) == (None, None, "", True)


def test_assistants_are_made_only_when_they_are_at_vapi_and_never_removed(oak):
    by = client()

    assert by.post("/api/v1/assistants", {"vapi_id": "x"}, format="json").json()["code"] == "vapi_not_ready"
    assert by.delete(f"/api/v1/assistants/{oak.pk}").status_code == 405
    assert Assistant.objects.count() == 1


def test_a_call_tells_which_prompts_spoke_in_it(oak):
    call = Call.objects.create(id=call_pk("c1"), vapi_id="c1")
    office = StagePrompt.objects.create(stage="QUALIFICATION", version=70, text="Ask")
    own = StagePrompt.objects.create(stage="BOOKING", version=3, text="Book", assistant=oak)
    for version in (office, own):
        uses.record(call.pk, version.pk)

    found = client().get("/api/v1/calls/c1").json()

    assert found["prompts"] == [
        {"stage": "BOOKING", "version": 3, "assistant": oak.pk},
        {"stage": "QUALIFICATION", "version": 70, "assistant": None},
    ]
