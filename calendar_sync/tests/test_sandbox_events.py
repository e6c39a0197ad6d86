"""Events in the stand-in: made, read, changed, removed as Graph does it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from calendar_sync.tests.conftest import ADA

TAG = "String {7d3f0c52-2a0e-4b8e-9a77-5d0c1be0a4f1} Name PeteBooking"
NINE = datetime(2026, 11, 24, 15, tzinfo=UTC)
TEN = datetime(2026, 11, 24, 16, tzinfo=UTC)
BODY = {
    "subject": "Viewing",
    "body": {"contentType": "text", "content": "Bring <keys>\nand a map"},
    "start": {"dateTime": "2026-11-24T15:00:00", "timeZone": "UTC"},
    "end": {"dateTime": "2026-11-24T16:00:00", "timeZone": "UTC"},
    "location": {"displayName": "1452 N Milwaukee Ave, 2A"},
    "showAs": "busy",
    "transactionId": "8e1cbb2f-0b11-5c9a-8d35-2a3a1a5b7c01",
    "singleValueExtendedProperties": [{"id": TAG, "value": "17:1"}],
}
PAYLOADS = Path(__file__).parent / "payloads"


def code(answer):
    return answer.status_code, answer.json()["error"]["code"]


def test_create_answers_with_the_event_and_keeps_its_tag_to_itself(ada, sandbox):
    answer = ada.post("/me/events", json=BODY)

    event = answer.json()
    assert answer.status_code == 201
    assert event["start"] == {"dateTime": "2026-11-24T15:00:00.0000000", "timeZone": "UTC"}
    assert answer.headers["ETag"] == event["@odata.etag"]
    assert "singleValueExtendedProperties" not in event
    assert sandbox.outlook(ADA).events()[0].properties == {TAG: "17:1"}


def test_the_same_transaction_gives_the_same_event_whatever_it_says(ada, sandbox):
    first = ada.post("/me/events", json=BODY).json()
    again = ada.post("/me/events", json={**BODY, "subject": "Other"})

    assert (again.status_code, again.json()["id"]) == (201, first["id"])
    assert [event.fields["subject"] for event in sandbox.outlook(ADA).events()] == ["Viewing"]


def test_the_transaction_of_a_deleted_event_is_spent(ada):
    event = ada.post("/me/events", json=BODY).json()
    ada.delete(f"/me/events/{event['id']}")

    assert code(ada.post("/me/events", json=BODY)) == (409, "ErrorIrresolvableConflict")


def test_an_event_is_found_by_its_tag(ada):
    event = ada.post("/me/events", json=BODY).json()
    ada.post("/me/events", json={**BODY, "transactionId": None, "singleValueExtendedProperties": []})
    looked_for = f"singleValueExtendedProperties/Any(ep: ep/id eq '{TAG}' and ep/value eq '17:1')"

    found = ada.get("/me/events", params={"$filter": looked_for}).json()["value"]
    missed = ada.get("/me/events", params={"$filter": looked_for.replace("17:1", "17:2")}).json()["value"]

    assert [item["id"] for item in found] == [event["id"]]
    assert missed == []
    assert code(ada.get("/me/events", params={"$filter": "subject eq 'x'"})) == (400, "ErrorInvalidUrlQueryFilter")


def test_the_tag_is_read_by_expanding_it(ada):
    event = ada.post("/me/events", json=BODY).json()

    answer = ada.get(
        f"/me/events/{event['id']}",
        params={"$select": "id,start", "$expand": f"singleValueExtendedProperties($filter=id eq '{TAG}')"},
    ).json()

    assert set(answer) == {"@odata.etag", "id", "start", "singleValueExtendedProperties"}
    assert answer["singleValueExtendedProperties"] == [{"id": TAG, "value": "17:1"}]


def test_a_text_comes_back_as_html_unless_text_is_preferred(ada):
    event = ada.post("/me/events", json=BODY).json()
    prefer = 'IdType="ImmutableId", outlook.timezone="UTC", outlook.body-content-type="text"'

    plain = ada.get(f"/me/events/{event['id']}", headers={"Prefer": prefer}).json()

    assert event["body"]["contentType"] == "html"
    assert "Bring &lt;keys&gt;<br>" in event["body"]["content"]
    assert plain["body"] == BODY["body"]


def test_patch_changes_what_it_names_and_gives_a_new_etag(ada):
    event = ada.post("/me/events", json=BODY).json()

    answer = ada.patch(f"/me/events/{event['id']}", json={"location": {"displayName": "Office"}})

    assert answer.status_code == 200
    assert answer.json()["subject"] == "Viewing"
    assert answer.json()["locations"] == [{"displayName": "Office"}]
    assert answer.json()["@odata.etag"] != event["@odata.etag"]


def test_a_lost_race_is_412_and_changes_nothing(ada, sandbox):
    event = ada.post("/me/events", json=BODY).json()
    sandbox.outlook(ADA).move(event["id"], TEN)
    stale = {"If-Match": event["@odata.etag"]}

    assert code(ada.patch(f"/me/events/{event['id']}", json={"subject": "x"}, headers=stale)) == (
        412,
        "ErrorIrresolvableConflict",
    )
    assert ada.delete(f"/me/events/{event['id']}", headers=stale).status_code == 412
    [left] = sandbox.outlook(ADA).events()
    assert (left.fields["subject"], left.start) == ("Viewing", TEN)
    fresh = {"If-Match": left.etag}
    assert ada.patch(f"/me/events/{event['id']}", json={"subject": "x"}, headers=fresh).status_code == 200


def test_delete_is_204_and_then_404(ada):
    event = ada.post("/me/events", json=BODY).json()

    assert ada.delete(f"/me/events/{event['id']}").status_code == 204
    assert code(ada.delete(f"/me/events/{event['id']}")) == (404, "ErrorItemNotFound")
    assert code(ada.get(f"/me/events/{event['id']}")) == (404, "ErrorItemNotFound")


def test_nobody_finds_an_event_in_anothers_mailbox(ada, sandbox):
    event_id = sandbox.add_person("bob@northside.example").create("Secret", NINE, TEN)

    assert code(ada.get(f"/me/events/{event_id}")) == (404, "ErrorItemNotFound")


def test_ids_differ_unless_immutable_ones_are_asked_for(ada, recorder):
    event = ada.post("/me/events", json=BODY).json()

    [changeable] = ada.get("/me/events", headers={"Prefer": 'outlook.timezone="UTC"'}).json()["value"]

    assert recorder.forgive() == ['GET /v1.0/me/events: no Prefer: IdType="ImmutableId"']
    assert changeable["id"] != event["id"]
    assert ada.get(f"/me/events/{changeable['id']}").json()["id"] == event["id"]
    assert code(ada.get(f"/me/events/{event['id'].swapcase()}")) == (404, "ErrorItemNotFound")


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"sujbect": "x"}, "RequestBodyRead"),
        ({"location": {"name": "x"}}, "RequestBodyRead"),
        ({"showAs": "asleep"}, "RequestBodyRead"),
        ({"start": "2026-11-24"}, "RequestBodyRead"),
        ({"start": {"dateTime": "2026-11-24T15:00:00", "timeZone": "Mars"}}, "TimeZoneNotSupportedException"),
        ({"start": {"dateTime": "2026-11-24T17:00:00", "timeZone": "UTC"}}, "ErrorPropertyValidationFailure"),
        ({"isAllDay": True}, "ErrorInvalidRequest"),
        ({"recurrence": {"pattern": {}}}, "ErrorInvalidRequest"),
    ],
)
def test_a_wrong_body_is_refused_in_graphs_words(ada, sandbox, recorder, changes, refused):
    assert code(ada.post("/me/events", json={**BODY, **changes})) == (400, refused)

    recorder.forgive()
    assert sandbox.outlook(ADA).events() == []


def test_what_is_not_json_is_refused(ada, recorder):
    recorder.house_rules = False
    headers = {"Content-Type": "application/json"}

    assert code(ada.post("/me/events", content=b"[]", headers=headers)) == (400, "RequestBodyRead")
    recorder.forgive()


def test_windows_zones_are_understood_and_answers_come_in_the_preferred_one(ada):
    zones = {"start": "2026-11-24T09:00:00", "end": "2026-11-24T10:00:00"}
    body = {name: {"dateTime": value, "timeZone": "Central Standard Time"} for name, value in zones.items()}

    event = ada.post("/me/events", json={**BODY, **body}).json()

    assert event["start"]["dateTime"] == "2026-11-24T15:00:00.0000000"
    assert event["originalStartTimeZone"] == "Central Standard Time"


def test_all_day_events_are_dates_in_any_zone(ada, sandbox):
    sandbox.outlook(ADA).create_all_day("Leave", NINE.date(), days=2)
    window = {"startDateTime": "2026-11-24T00:00:00Z", "endDateTime": "2026-11-27T00:00:00Z"}

    [event] = ada.get("/me/calendarView", params=window).json()["value"]

    assert event["isAllDay"] is True
    # Midnight, whatever the zone: taken for instants in UTC they would be six hours wrong in Chicago.
    assert event["start"] == {"dateTime": "2026-11-24T00:00:00.0000000", "timeZone": "UTC"}
    assert event["end"] == {"dateTime": "2026-11-26T00:00:00.0000000", "timeZone": "UTC"}


def test_a_calendar_that_is_shared_to_read_cannot_be_written(ada, sandbox):
    shared = sandbox.outlook(ADA).add_calendar("Bob", can_edit=False, owner=("Bob", "bob@northside.example"))

    assert code(ada.post(f"/me/calendars/{shared.id}/events", json=BODY)) == (403, "ErrorAccessDenied")
    listed = ada.get("/me/calendars", params={"$select": "id,canEdit,owner"}).json()["value"]
    assert [(item["canEdit"], item["owner"]["address"]) for item in listed] == [
        (True, ADA),
        (False, "bob@northside.example"),
    ]


def test_calendars_come_ten_to_a_page(ada, sandbox):
    for number in range(11):
        sandbox.outlook(ADA).add_calendar(f"Calendar {number}")

    first = ada.get("/me/calendars").json()
    second = ada.get(first["@odata.nextLink"]).json()

    assert (len(first["value"]), len(second["value"])) == (10, 2)
    assert "@odata.nextLink" not in second


def test_a_calendar_that_was_removed_is_404(ada, sandbox):
    calendar = sandbox.outlook(ADA).add_calendar("Old")
    sandbox.outlook(ADA).create("Event", NINE, TEN, calendar_id=calendar.id)
    sandbox.outlook(ADA).remove_calendar(calendar.id)

    assert code(ada.get(f"/me/calendars/{calendar.id}")) == (404, "ErrorItemNotFound")
    assert sandbox.outlook(ADA).events() == []


def test_the_create_request_of_the_documentation_is_taken(ada, recorder):
    request = json.loads((PAYLOADS / "event_create.json").read_text())["request"]

    answer = ada.post("/me/events", json=request["body"], headers={"Prefer": request["headers"]["Prefer"]})

    assert answer.status_code == 201
    assert answer.json()["transactionId"] == request["body"]["transactionId"]
    recorder.forgive()


def test_cancel_removes_and_organizers_only_may(ada, sandbox):
    event = ada.post("/me/events", json=BODY).json()
    assert ada.post(f"/me/events/{event['id']}/cancel", json={"comment": "Sorry"}).status_code == 202

    invited = sandbox.outlook(ADA).create("Meeting", NINE, TEN)
    sandbox.outlook(ADA).cancelled_by_organizer(invited)
    assert code(ada.post(f"/me/events/{invited}/cancel", json={})) == (400, "ErrorInvalidRequest")


def test_an_unknown_address_is_400(ada, recorder):
    assert code(ada.get("/me/messages")) == (400, "BadRequest")
    assert code(ada.put("/me/events")) == (400, "BadRequest")
    recorder.forgive()


def test_tagged_events_are_found_by_value_until_the_tag_is_stripped(ada, sandbox):
    outlook = sandbox.outlook(ADA)
    first = ada.post("/me/events", json=BODY).json()["id"]
    second = ada.post("/me/events", json={**BODY, "transactionId": None}).json()["id"]

    assert [event.id for event in outlook.tagged(TAG)["17:1"]] == [first, second]
    outlook.strip_tags(second)
    assert [event.id for event in outlook.tagged(TAG)["17:1"]] == [first]


def test_the_servers_own_writes_change_the_etag_alone(ada, sandbox):
    event = ada.post("/me/events", json=BODY).json()
    sandbox.outlook(ADA).touch(event["id"])

    again = ada.get(f"/me/events/{event['id']}").json()

    assert again["@odata.etag"] != event["@odata.etag"]
    assert (again["start"], again["subject"]) == (event["start"], event["subject"])
