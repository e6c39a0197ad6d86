from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import jsonschema
import pytest
import time_machine
import yaml
from django.db import OperationalError

from calls import assistants
from calls.models import Assistant
from calls.stages import prompts
from calls.webhook.decode import decode
from crm.models import ListingStatus
from crm.tests import factories

CHICAGO = ZoneInfo("America/Chicago")
NOW = datetime(2027, 6, 1, 9, tzinfo=CHICAGO)
NUMBER, DIALLED = "+13125550100", "+13125550000"
SCHEMA = yaml.safe_load((Path(__file__).parent / "payloads" / "assistant-schema.yaml").read_text(encoding="utf-8"))

Answer = dict[str, Any]
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _world(settings: Any) -> Any:
    settings.PUBLIC_URL = "https://pete.example.com"
    settings.VAPI_WEBHOOK_SECRET = "a-test-secret"
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def request_assistant() -> Callable[..., Answer]:
    """Answer a call from NUMBER to DIALLED, checked against Vapi's own description."""

    def ask(number: str | None = NUMBER, dialled: str | None = DIALLED, **fields: Any) -> Answer:
        call = {"id": "call-1", "customer": {"number": number}, "phoneNumber": {"number": dialled}}
        body = json.dumps({"message": {"type": "assistant-request", "call": call, **fields}}).encode()
        answer = assistants.answer_assistant_request(decode(body))
        schema = SCHEMA | {"$ref": "#/components/schemas/ServerMessageResponseAssistantRequest"}
        jsonschema.validate(answer, schema)
        return answer

    return ask


def mapped(**fields: Any) -> Assistant:
    return Assistant.objects.create(**{"vapi_id": "asst-1", "name": "Oak", "phone_number": DIALLED} | fields)


def test_a_stranger_is_greeted_by_a_whole_assistant(request_assistant) -> None:
    assistant = request_assistant()["assistant"]

    assert assistant["firstMessage"] == assistants.GREETING
    assert assistant["server"] == {
        "url": "https://pete.example.com/vapi/webhook",
        "timeoutSeconds": 20,
        "headers": {"X-Vapi-Secret": "a-test-secret"},
    }
    assert {"transcript", "tool-calls", "end-of-call-report", "status-update", "speech-update"} <= set(
        assistant["serverMessages"]
    )
    assert {"user-interrupted", "hang", "conversation-update"} <= set(assistant["serverMessages"])
    assert len([tool for tool in assistant["model"]["tools"] if tool["type"] == "function"]) == 10
    (system,) = assistant["model"]["messages"]
    assert "update_system_prompt" in system["content"]
    assert "Today is Tuesday 1 June 2027, the time is 9 AM (America/Chicago)." in system["content"]


def test_a_returning_caller_is_greeted_by_name_and_not_asked_again(request_assistant) -> None:
    agent = factories.agent(hours=(9, 17))
    home = factories.listing(agent, address="412 Oak Street")
    lead = factories.lead(phone=NUMBER, full_name="Jane Roe", budget=1800, timeline="3 months")
    viewing = factories.appointment(agent, home, NOW.replace(day=3, hour=15), lead=lead)

    assistant = request_assistant()["assistant"]

    assert assistant["firstMessage"] == "Hello Jane, welcome back. How can I help you today?"
    content = assistant["model"]["messages"][0]["content"]
    assert "budget $1,800 a month, timeline 3 months" in content
    assert f"Thursday 3 June at 3 PM, in 2 days, at 412 Oak Street, event_id {viewing.pk}" in content


def test_the_assistant_of_the_dialled_number_gets_what_is_known(request_assistant) -> None:
    home = factories.listing(address="412 Oak Street")
    mapped(listing=home)
    factories.lead(phone=NUMBER, full_name="Jane Roe", budget=1800, location="Lakeview")

    answer = request_assistant()

    assert answer == {
        "assistantId": "asst-1",
        "assistantOverrides": {
            "variableValues": {
                "caller_name": "Jane Roe",
                "caller_first_name": "Jane",
                "known_facts": "name Jane Roe, budget $1,800 a month, location Lakeview",
                "upcoming_viewing": "",
                "listing": "412 Oak Street",
                "listing_id": str(home.pk),
                "today": "Tuesday 1 June 2027",
                "time_now": "9 AM",
                "office_time_zone": "America/Chicago",
            },
            "metadata": {"listing_id": home.pk, "is_known_caller": True},
        },
    }


def test_the_assistant_may_be_named_by_the_message(request_assistant) -> None:
    mapped(phone_number=None)

    answer = request_assistant(dialled=None, assistant={"id": "asst-1"})

    assert answer["assistantId"] == "asst-1"


def test_one_that_is_switched_off_does_not_answer(request_assistant) -> None:
    mapped(is_active=False)

    assert "assistant" in request_assistant()


def test_a_withdrawn_home_is_not_spoken_of(request_assistant) -> None:
    mapped(listing=factories.listing(address="412 Oak Street", status=ListingStatus.WITHDRAWN))

    assert request_assistant()["assistantOverrides"]["variableValues"]["listing"] == ""


@pytest.mark.parametrize(
    ("own", "known", "stranger"),
    [
        ("Hi! How can I help?", "Hello Jane, welcome back. How can I help?", "Hi! How can I help?"),
        ("Good morning. This is Oak.", "Hello Jane, welcome back. This is Oak.", "Good morning. This is Oak."),
        ("Hello {{caller_first_name}}!", "Hello Jane!", "Hello !"),
        ("About {{ listing }} {{nonsense}}", "Hello Jane, welcome back. About nonsense", "About nonsense"),
    ],
)
def test_the_own_greeting_is_said_without_braces(request_assistant, own: str, known: str, stranger: str) -> None:
    mapped(first_message=own)
    assert request_assistant()["assistantOverrides"]["firstMessage"] == stranger

    factories.lead(phone=NUMBER, full_name="Jane Roe")
    assert request_assistant()["assistantOverrides"]["firstMessage"] == known


@pytest.mark.parametrize("number", [None, "", "anonymous", "+1", "x" * 500])
def test_a_withheld_number_is_nobody_we_know(request_assistant, number: str | None) -> None:
    factories.lead(phone=None, full_name="Jane Roe")

    assert request_assistant(number=number)["assistant"]["firstMessage"] == assistants.GREETING


@pytest.mark.parametrize("name", ["{{x}} Jane", "Jane {% raw %}", "{{{{"])
def test_no_braces_reach_the_caller(request_assistant, name: str) -> None:
    factories.lead(phone=NUMBER, full_name=name, location="{{location}}")
    prompts.install({"QUALIFICATION": "Ask {{budget}} and {{ nothing_known }} and {{{broken}} {{"})
    try:
        whole = request_assistant()
        mapped(first_message="Hello {{caller_name}} {{")
        overrides = request_assistant()
    finally:
        prompts.install({})

    said = [whole["assistant"]["firstMessage"], whole["assistant"]["model"]["messages"][0]["content"]]
    said += [
        overrides["assistantOverrides"]["firstMessage"],
        *overrides["assistantOverrides"]["variableValues"].values(),
    ]
    assert not [text for text in said if "{" in text or "}" in text]


def test_without_the_database_there_still_is_an_assistant(request_assistant, monkeypatch) -> None:
    mapped()

    def gone(*args: Any) -> None:
        raise OperationalError("the database is gone")

    monkeypatch.setattr(assistants, "_look_up", gone)

    assert request_assistant()["assistant"]["firstMessage"] == assistants.GREETING


def test_a_look_up_that_hangs_is_given_up(request_assistant, monkeypatch) -> None:
    def hang(*args: Any) -> None:
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(5)")

    monkeypatch.setattr(assistants, "LOOKUP_MILLISECONDS", 50)
    monkeypatch.setattr(assistants, "_look_up", hang)

    assert request_assistant()["assistant"]["firstMessage"] == assistants.GREETING


def test_an_empty_request_is_answered() -> None:
    body = b'{"message": {"type": "assistant-request"}}'

    assert "assistant" in assistants.answer_assistant_request(decode(body))
    assert assistants.answer_without_look_ups()["assistant"]["firstMessage"] == assistants.GREETING
