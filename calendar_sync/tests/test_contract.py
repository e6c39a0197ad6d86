"""The checker itself: it must refuse what is wrong, or it proves nothing."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from calendar_sync.sandbox.graph import Exchange
from calendar_sync.sandbox.messages import Request, Response
from calendar_sync.tests import contract
from calendar_sync.tests.contract import Recorder, check_answer, check_house_rules, check_request, template_of

PAYLOADS = Path(__file__).parent / "payloads"
GOOD = {
    "subject": "Viewing",
    "start": {"dateTime": "2026-11-24T15:00:00", "timeZone": "UTC"},
    "end": {"dateTime": "2026-11-24T15:30:00", "timeZone": "UTC"},
    "showAs": "busy",
    "transactionId": "8e1cbb2f-0b11-5c9a-8d35-2a3a1a5b7c01",
    "singleValueExtendedProperties": [{"id": "String {7d3f0c52-2a0e-4b8e-9a77-5d0c1be0a4f1} Name P", "value": "1:1"}],
}


def create(**changes: object) -> Request:
    body = json.dumps({**GOOD, **changes}).encode()
    return Request.build("POST", "http://x/v1.0/me/events", {"Content-Type": "application/json"}, body)


def get(url: str) -> Request:
    return Request.build("GET", f"http://x/v1.0{url}", {})


def test_a_good_body_is_taken():
    assert check_request(create()) == []


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        # The canaries: if one of them sings no more, the checker passes everything.
        ({"start": "2026-11-24T15:00:00"}, "start"),
        ({"start": {"timeZone": "UTC"}}, "'dateTime' is a required property"),
        ({"showAs": "sleeping"}, "showAs"),
        ({"reminderMinutesBeforeStart": "15"}, "reminderMinutesBeforeStart"),
        ({"attendees": [{"type": "guest"}]}, "attendees"),
        ({"body": {"contentType": "markdown"}}, "body"),
        # No schema refuses these; the service does.
        ({"sujbect": "typo"}, "/sujbect: no such property"),
        ({"location": {"name": "Office"}}, "/location/name: no such property"),
        ({"start": {"dateTime": "2026-11-24T15:00:00", "zone": "UTC"}}, "/start/zone: no such property"),
        ({"singleValueExtendedProperties": [{"id": "x", "val": "y"}]}, "/singleValueExtendedProperties/0/val"),
        ({"changeKey": "x"}, "changeKey: the service sets it"),
    ],
)
def test_a_body_that_must_be_refused_is_refused(changes, complaint):
    found = check_request(create(**changes))

    assert found
    assert any(complaint in line for line in found), found


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("/me/calendarView?startDateTime=2026-11-24T00:00:00Z", "?endDateTime: missing"),
        ("/me/events?$tpo=50", "?$tpo: not described"),
        ("/me/events?$top=many", "?$top: 'many' is not a number"),
        ("/me/events/1/forward", "not described"),
        ("/users", "not described"),
        ("/me/calendarView/delta?$expand=x&$deltatoken=1", "?$expand: not described"),
    ],
)
def test_a_wrong_address_is_refused(url, complaint):
    assert any(complaint in line for line in check_request(get(url)))


def test_a_body_where_none_belongs_and_one_without_its_type_are_refused():
    request = Request.build("GET", "http://x/v1.0/me/events", {}, b"{}")
    assert check_request(request) == ["a body where none is described"]

    request = Request.build("POST", "http://x/v1.0/me/events", {}, json.dumps(GOOD).encode())
    assert check_request(request) == ["Content-Type is not application/json"]


@pytest.mark.parametrize(
    ("status", "payload", "complaint"),
    [
        (200, {"value": [{"isAllDay": "no"}]}, "isAllDay"),
        (200, {"value": [{"subjcet": "x"}]}, "/value/0/subjcet: no such property"),
        (200, {"value": {}}, "value"),
        (429, {"error": {"message": "no code"}}, "'code' is a required property"),
        (503, {"fault": {}}, "'error' is a required property"),
    ],
)
def test_an_answer_that_is_wrong_is_refused(status, payload, complaint):
    found = check_answer(get("/me/events"), Response(status, payload))

    assert any(complaint in line for line in found), found


def test_a_deletion_answers_nothing():
    request = Request.build("DELETE", "http://x/v1.0/me/events/1", {})

    assert check_answer(request, Response(204)) == []
    assert check_answer(request, Response(200, {})) != []
    assert check_answer(request, Response(204, {"id": "1"})) == ["a body where none is described"]


def test_paths_are_found_with_awkward_ids():
    assert template_of("/v1.0/me/events/AAMkAGI1_-AAA%3D") == "/me/events/{event-id}"
    assert template_of("/v1.0/me/calendars/A%2FB%3D/calendarView/delta") == (
        "/me/calendars/{calendar-id}/calendarView/delta"
    )
    assert template_of("/v1.0/me/messages") is None


def test_house_rules_ask_for_immutable_ids_in_utc_and_a_request_id():
    assert check_house_rules(get("/me/events")) == [
        "no client-request-id",
        'no Prefer: IdType="ImmutableId"',
        'no Prefer: outlook.timezone="UTC"',
    ]


@pytest.mark.parametrize(
    "name", ["event_get", "calendars_list", "delta_round1_page1", "delta_round2", "throttled_429", "getschedule"]
)
def test_answers_of_the_documentation_fit(name):
    case = json.loads((PAYLOADS / f"{name}.json").read_text())
    asked = case.get("request", {"method": "GET", "url": "https://graph.microsoft.com/v1.0/me/events"})
    request = Request.build(asked["method"], asked["url"], {})

    found = check_answer(request, Response(case["response"]["status"], case["response"]["body"]))

    # The pages show members that the description does not have: looser, and known to be.
    assert [line for line in found if not line.endswith("no such property")] == []


def exchange(request: Request, answer: Response | None) -> Exchange:
    return Exchange(request, answer, "ada@northside.example", None, datetime.now(UTC))


def test_the_recorder_keeps_what_broke_the_contract_on_either_side():
    recorder = Recorder(house_rules=False)
    recorder(exchange(create(), Response(201, {"id": "1"})))
    assert (recorder.checked, recorder.violations) == (1, [])

    recorder(exchange(create(sujbect="x"), Response(201, {"subjcet": "x"})))
    recorder(exchange(get("/me/events?$tpo=1"), None))

    assert recorder.forgive() == [
        "POST /v1.0/me/events: /sujbect: no such property",
        "POST /v1.0/me/events: answer 201: /subjcet: no such property",
        "GET /v1.0/me/events: ?$tpo: not described",
    ]
    assert recorder.violations == []


def test_the_recorder_passes_over_pages_of_html():
    recorder = Recorder(house_rules=False)

    recorder(exchange(get("/me/events"), Response(502, text="<html>", headers={"Content-Type": "text/html"})))

    assert recorder.violations == []


def test_every_exchange_with_the_sandbox_is_watched(ada, recorder):
    ada.get("/me/events", params={"$tpo": "1"})

    assert recorder.forgive() == ["GET /v1.0/me/events: ?$tpo: not described"]


def test_the_notice_stays_with_the_description():
    head = contract.DESCRIPTION.read_text()[:2000]

    assert "MIT License, Copyright (c) 2018 Microsoft Graph" in head
    assert "Permission is hereby granted" in head
