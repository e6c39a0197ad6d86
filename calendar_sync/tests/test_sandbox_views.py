"""What the stand-in shows in a window: pages, series, both changes of the clocks, free/busy."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from calendar_sync.sandbox import Fault, Kind, recurrence
from calendar_sync.tests.conftest import ADA

CHICAGO = ZoneInfo("America/Chicago")
NINE = datetime(2026, 11, 24, 9, tzinfo=CHICAGO)
HOUR = timedelta(hours=1)
WEEK = {"startDateTime": "2026-11-23T00:00:00Z", "endDateTime": "2026-11-30T00:00:00Z"}


def read_all(client, path="/me/calendarView", **params):
    """Follow every page."""
    answer = client.get(path, params=params).json()
    items = answer["value"]
    while "@odata.nextLink" in answer:
        answer = client.get(answer["@odata.nextLink"]).json()
        items += answer["value"]
    return items


def starts(items):
    return [item["start"]["dateTime"][:16] for item in items]


def test_a_view_needs_its_window(ada, recorder):
    assert ada.get("/me/calendarView").json()["error"]["code"] == "ErrorInvalidParameter"
    assert recorder.forgive() != []


def test_pages_are_small_and_lead_on(ada, sandbox):
    sandbox.outlook(ADA).import_events((str(n), NINE + n * HOUR, NINE + (n + 1) * HOUR) for n in range(25))

    assert len(ada.get("/me/calendarView", params=WEEK).json()["value"]) == 10
    assert [item["subject"] for item in read_all(ada, **WEEK)] == [str(n) for n in range(25)]
    assert len(read_all(ada, **WEEK, **{"$top": "7", "$select": "id,start", "$orderby": "start/dateTime"})) == 25


def test_an_empty_page_may_lead_on(ada, sandbox):
    sandbox.outlook(ADA).create("Only", NINE, NINE + HOUR)
    sandbox.faults.add(Fault(Kind.EMPTY_PAGE))

    first = ada.get("/me/calendarView", params=WEEK).json()

    assert first["value"] == []
    assert [i["subject"] for i in ada.get(first["@odata.nextLink"]).json()["value"]] == ["Only"]


def test_the_window_is_half_open_and_honours_offsets(ada, sandbox):
    sandbox.outlook(ADA).create("Before", NINE - HOUR, NINE)
    sandbox.outlook(ADA).create("In", NINE, NINE + HOUR)
    sandbox.outlook(ADA).create("After", NINE + HOUR, NINE + 2 * HOUR)
    window = {"startDateTime": "2026-11-24T09:00:00-06:00", "endDateTime": "2026-11-24T16:00:00"}

    assert [item["subject"] for item in read_all(ada, **window)] == ["In"]


def test_series_are_expanded_in_views_and_not_in_lists(ada, sandbox):
    sandbox.outlook(ADA).weekdays("Stand-up", NINE, NINE + HOUR / 4)

    shown = read_all(ada, **WEEK)
    [master] = ada.get("/me/events").json()["value"]

    assert starts(shown) == [f"2026-11-{day}T15:00" for day in (24, 25, 26, 27)]
    assert {item["type"] for item in shown} == {"occurrence"}
    assert {item["seriesMasterId"] for item in shown} == {master["id"]}
    assert len({item["id"] for item in shown}) == 4
    assert master["type"] == "seriesMaster"


def test_a_series_keeps_its_local_time_over_both_clock_changes(ada, sandbox):
    spring = datetime(2026, 3, 6, 9, tzinfo=CHICAGO)
    sandbox.outlook(ADA).create_series("Daily", spring, spring + HOUR, {"type": "daily"})

    march = read_all(ada, startDateTime="2026-03-07T00:00:00Z", endDateTime="2026-03-10T00:00:00Z")
    november = read_all(ada, startDateTime="2026-10-31T00:00:00Z", endDateTime="2026-11-03T00:00:00Z")

    assert starts(march) == ["2026-03-07T15:00", "2026-03-08T14:00", "2026-03-09T14:00"]
    assert starts(november) == ["2026-10-31T14:00", "2026-11-01T15:00", "2026-11-02T15:00"]


def test_exceptions_are_moved_and_removed_one_by_one(ada, sandbox):
    outlook = sandbox.outlook(ADA)
    outlook.weekdays("Stand-up", NINE, NINE + HOUR / 4)
    tuesday, wednesday, *_ = read_all(ada, **WEEK)

    outlook.move(tuesday["id"], NINE + 5 * HOUR)
    outlook.delete(wednesday["id"])

    shown = read_all(ada, **WEEK)
    assert starts(shown) == ["2026-11-24T20:00", "2026-11-26T15:00", "2026-11-27T15:00"]
    assert [item["type"] for item in shown] == ["exception", "occurrence", "occurrence"]
    assert shown[0]["id"] == tuesday["id"]
    assert ada.get(f"/me/events/{wednesday['id']}").status_code == 404


def test_an_occurrence_can_be_changed_over_graph_too(ada, sandbox):
    sandbox.outlook(ADA).weekdays("Stand-up", NINE, NINE + HOUR / 4)
    first = read_all(ada, **WEEK)[0]

    assert ada.patch(f"/me/events/{first['id']}", json={"showAs": "free"}).json()["type"] == "exception"
    assert [item["showAs"] for item in read_all(ada, **WEEK)] == ["free", "busy", "busy", "busy"]


@pytest.mark.parametrize(
    ("pattern", "span", "expected"),
    [
        ({"type": "daily", "interval": 2}, {"type": "numbered", "numberOfOccurrences": 3}, ["11-24", "11-26", "11-28"]),
        (
            {"type": "weekly", "interval": 2, "daysOfWeek": ["tuesday", "friday"], "firstDayOfWeek": "monday"},
            {"type": "endDate", "endDate": "2026-12-12"},
            ["11-24", "11-27", "12-08", "12-11"],
        ),
        ({"type": "absoluteMonthly", "dayOfMonth": 31}, {"type": "noEnd"}, ["11-30", "12-31"]),
        (
            {"type": "relativeMonthly", "daysOfWeek": ["tuesday"], "index": "last"},
            {"type": "noEnd"},
            ["11-24", "12-29"],
        ),
        ({"type": "absoluteYearly", "dayOfMonth": 1, "month": 12}, {"type": "noEnd"}, ["12-01"]),
    ],
)
def test_patterns_fall_on_their_days(pattern, span, expected):
    rule = {"pattern": pattern, "range": {"startDate": "2026-11-24", **span}}

    assert [f"{day:%m-%d}" for day in recurrence.days(rule, date(2026, 12, 31))] == expected


def test_cancelled_and_private_events_say_so(ada, sandbox):
    outlook = sandbox.outlook(ADA)
    outlook.cancelled_by_organizer(outlook.create("Meeting", NINE, NINE + HOUR))
    outlook.create("Doctor", NINE + HOUR, NINE + 2 * HOUR, sensitivity="private", showAs="oof")

    cancelled, private = read_all(ada, **WEEK)

    assert (cancelled["isCancelled"], cancelled["showAs"]) == (True, "free")
    assert (private["sensitivity"], private["showAs"]) == ("private", "oof")


def ask(client, *people, start="2026-11-24T15:00:00", end="2026-11-24T18:00:00", interval=60):
    times = {"startTime": {"dateTime": start, "timeZone": "UTC"}, "endTime": {"dateTime": end, "timeZone": "UTC"}}
    body = {"schedules": list(people), **times, "availabilityViewInterval": interval}
    return client.post("/me/calendar/getSchedule", json=body)


def test_get_schedule_tells_one_digit_a_slot_and_the_strongest_wins(ada, sandbox):
    outlook = sandbox.outlook(ADA)
    outlook.create("Maybe", NINE, NINE + HOUR, showAs="tentative")
    outlook.create("Sure", NINE, NINE + HOUR / 2)
    outlook.create("Free", NINE + HOUR, NINE + 2 * HOUR, showAs="free")
    bob = sandbox.add_person("bob@northside.example")
    bob.create("Secret", NINE, NINE + HOUR, showAs="oof")

    mine, his, unknown = ask(ada, ADA, "bob@northside.example", "nobody@northside.example").json()["value"]

    assert mine["availabilityView"] == "200"
    assert [item["status"] for item in mine["scheduleItems"]] == ["tentative", "busy", "free"]
    assert his["availabilityView"] == "300"
    assert "subject" not in his["scheduleItems"][0]
    assert unknown["error"]["responseCode"] == "ErrorMailRecipientNotFound"


def test_get_schedule_refuses_what_is_too_long(ada):
    assert ask(ada, ADA, end="2027-02-01T00:00:00").status_code == 400
    assert ask(ada, ADA, interval=1).status_code == 400
    assert ask(ada, *[f"p{n}@northside.example" for n in range(21)]).status_code == 400


def test_the_demo_fills_believable_weeks(sandbox):
    from calendar_sync.sandbox import demo

    demo.fill(sandbox)

    for address, _ in demo.PEOPLE:
        mailbox = sandbox.mailboxes[address]
        now = datetime.now(UTC)
        shown = mailbox.view(mailbox.default_calendar.id, now, now + timedelta(days=14))
        assert len(shown) > 10
        assert {"occurrence", "singleInstance"} <= {event.kind for event in shown}
