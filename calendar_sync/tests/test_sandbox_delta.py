"""Delta rounds of the stand-in: first everything, then what changed, until the token dies."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from calendar_sync.sandbox import Fault, Kind
from calendar_sync.tests.conftest import ADA

NINE = datetime(2026, 11, 24, 9, tzinfo=ZoneInfo("America/Chicago"))
HOUR = timedelta(hours=1)
WEEK = {"startDateTime": "2026-11-23T00:00:00Z", "endDateTime": "2026-11-30T00:00:00Z"}


def round_of(client, url="/me/calendarView/delta", params=None):
    """Read one round; return its items and the deltaLink."""
    items = []
    while True:
        answer = client.get(url, params=params).json()
        items += answer["value"]
        if "@odata.deltaLink" in answer:
            return items, answer["@odata.deltaLink"]
        url, params = answer["@odata.nextLink"], None


def told(items):
    return [("removed" if "@removed" in item else item["subject"]) for item in items]


@pytest.fixture
def outlook(sandbox):
    return sandbox.outlook(ADA)


def test_a_first_round_tells_all_in_pages(ada, outlook):
    outlook.import_events((str(n), NINE + n * HOUR, NINE + (n + 1) * HOUR) for n in range(23))
    outlook.create("Later", NINE + timedelta(days=30), NINE + timedelta(days=30, hours=1))

    items, link = round_of(ada, params=WEEK)

    assert told(items) == [str(n) for n in range(23)]
    assert round_of(ada, link)[0] == []


def test_later_rounds_tell_what_is_new_changed_or_gone(ada, outlook):
    kept, moved, gone = (outlook.create(name, NINE, NINE + HOUR) for name in ("kept", "moved", "gone"))
    _, link = round_of(ada, params=WEEK)
    outlook.create("new", NINE, NINE + HOUR)
    outlook.move(moved, NINE + 2 * HOUR)
    outlook.delete(gone)

    items, link = round_of(ada, link)

    assert sorted(told(items)) == ["moved", "new", "removed"]
    assert {item["id"] for item in items if "@removed" in item} == {gone}
    assert kept not in {item["id"] for item in items}
    assert round_of(ada, link)[0] == []


def test_an_old_token_tells_the_same_again(ada, outlook):
    _, link = round_of(ada, params=WEEK)
    outlook.create("new", NINE, NINE + HOUR)

    assert told(round_of(ada, link)[0]) == told(round_of(ada, link)[0]) == ["new"]


def test_what_leaves_the_window_is_removed_and_what_changes_outside_too(ada, outlook):
    leaving = outlook.create("leaving", NINE, NINE + HOUR)
    outside = outlook.create("outside", NINE + timedelta(days=30), NINE + timedelta(days=30, hours=1))
    _, link = round_of(ada, params=WEEK)
    outlook.move(leaving, NINE + timedelta(days=20))
    outlook.edit(outside, subject="still outside")

    items, _ = round_of(ada, link)

    assert [(item["id"], item["@removed"]) for item in items] == [
        (leaving, {"reason": "deleted"}),
        (outside, {"reason": "deleted"}),
    ]


def test_an_event_deleted_while_pages_are_read_is_not_left_over(ada, outlook):
    ids = [outlook.create(str(n), NINE + n * HOUR, NINE + (n + 1) * HOUR) for n in range(12)]
    first = ada.get("/me/calendarView/delta", params=WEEK).json()
    outlook.delete(ids[0])
    outlook.delete(ids[11])

    rest, link = round_of(ada, first["@odata.nextLink"])
    assert told(rest) == ["10", "removed"]
    assert {item["id"] for item in round_of(ada, link)[0]} == {ids[0], ids[11]}


def test_a_series_comes_as_its_master_and_terse_occurrences(ada, sandbox, outlook):
    outlook.weekdays("Stand-up", NINE, NINE + HOUR / 4, showAs="tentative")

    (master, *occurrences), _ = round_of(ada, params=WEEK)

    assert (master["type"], master["showAs"]) == ("seriesMaster", "tentative")
    assert len(occurrences) == 4
    assert set(occurrences[0]) == {"@odata.type", "@odata.etag", "id", "type", "seriesMasterId", "start", "end"}
    sandbox.graph.delta.terse_occurrences = False
    assert {item["showAs"] for item in round_of(ada, params=WEEK)[0]} == {"tentative"}


def test_a_changed_occurrence_comes_back_in_full_and_a_removed_one_as_removed(ada, outlook):
    outlook.weekdays("Stand-up", NINE, NINE + HOUR / 4)
    (_, tuesday, wednesday, *_), link = round_of(ada, params=WEEK)
    outlook.move(tuesday["id"], NINE + HOUR)
    outlook.delete(wednesday["id"])

    items, link = round_of(ada, link)

    by_id = {item["id"]: item for item in items}
    assert by_id[tuesday["id"]]["type"] == "exception"
    assert by_id[tuesday["id"]]["subject"] == "Stand-up"
    assert "@removed" in by_id[wednesday["id"]]
    outlook.delete(tuesday["seriesMasterId"])
    assert told(round_of(ada, link)[0]) == ["removed"] * 4


def test_tokens_die_with_410_and_a_new_round_begins(ada, sandbox, outlook):
    outlook.create("event", NINE, NINE + HOUR)
    _, link = round_of(ada, params=WEEK)
    sandbox.graph.delta.forget(ADA)

    answer = ada.get(link)

    assert (answer.status_code, answer.json()["error"]["code"]) == (410, "syncStateNotFound")
    assert answer.headers["Location"].endswith("/me/calendarView/delta")
    assert told(round_of(ada, params=WEEK)[0]) == ["event"]


def test_a_token_is_no_good_for_another_mailbox_or_calendar(ada, sandbox, outlook):
    family = outlook.add_calendar("Family")
    _, link = round_of(ada, params=WEEK)
    token = link.partition("?")[2]

    assert ada.get(f"/me/calendars/{family.id}/calendarView/delta?{token}").status_code == 410
    sandbox.add_person("bob@northside.example")
    stranger = {"Authorization": f"Bearer {sandbox.entra.token_for('bob@northside.example')}"}
    assert ada.get(link, headers=stranger).status_code == 410


def test_a_delta_can_be_made_to_fail_or_to_repeat_itself(ada, sandbox, outlook):
    outlook.create("event", NINE, NINE + HOUR)
    sandbox.faults.add(Fault(Kind.DELTA_GONE), Fault(Kind.REPLAY))

    assert ada.get("/me/calendars").status_code == 200
    assert ada.get("/me/calendarView/delta", params=WEEK).status_code == 410
    assert told(round_of(ada, params=WEEK)[0]) == ["event", "event"]


def test_nothing_may_be_selected_and_the_page_size_is_a_preference(ada, outlook, recorder):
    outlook.import_events((str(n), NINE + n * HOUR, NINE + (n + 1) * HOUR) for n in range(3))

    assert ada.get("/me/calendarView/delta", params={**WEEK, "$select": "id"}).status_code == 400
    prefer = 'IdType="ImmutableId", outlook.timezone="UTC", odata.maxpagesize=2'
    assert len(ada.get("/me/calendarView/delta", params=WEEK, headers={"Prefer": prefer}).json()["value"]) == 2
    recorder.forgive()


def test_only_the_calendar_that_was_asked_for_is_told(ada, outlook):
    family = outlook.add_calendar("Family")
    outlook.create("mine", NINE, NINE + HOUR)
    path = f"/me/calendars/{family.id}/calendarView/delta"
    _, link = round_of(ada, path, WEEK)
    outlook.create("ours", NINE, NINE + HOUR, calendar_id=family.id)
    outlook.create("mine too", NINE, NINE + HOUR)

    assert told(round_of(ada, link)[0]) == ["ours"]
