"""Settings, closures, busy times."""

from __future__ import annotations

import pytest

from crm.api.tests.conftest import problem
from crm.models import BusyTime, Closure, OfficeSettings

SETTINGS = "/api/v1/settings"
CLOSURES = "/api/v1/closures"
BUSY = "/api/v1/busy-times"
DEFAULTS = {
    "viewing_minutes": 30,
    "slot_step_minutes": 30,
    "buffer_before_minutes": 0,
    "buffer_after_minutes": 0,
    "minimum_notice_minutes": 60,
    "horizon_days": 60,
    "daily_cap": None,
    "hold_seconds": 180,
    "default_hours": [],
    "brand_color": "",
    "keep_recordings_days": None,
    "keep_transcripts_days": None,
    "keep_events_days": None,
    "keep_idle_leads_days": None,
    "timezone": "America/Chicago",
}


def test_settings_have_the_defaults(api, agent_api):
    assert api.get(SETTINGS).json() == DEFAULTS
    assert agent_api.get(SETTINGS + "/").json() == DEFAULTS


def test_settings_are_changed_one_by_one(api):
    change = {"viewing_minutes": 45, "daily_cap": 3, "slot_step_minutes": 15}

    changed = api.patch(SETTINGS, change)

    assert (changed.status_code, changed.json()) == (200, DEFAULTS | change)
    assert api.get(SETTINGS).json() == DEFAULTS | change
    assert api.patch(SETTINGS + "/", {"daily_cap": None}).json()["daily_cap"] is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("viewing_minutes", 0),
        ("viewing_minutes", 721),
        ("viewing_minutes", "half"),
        ("viewing_minutes", None),
        ("viewing_minutes", 10**30),
        ("viewing_minutes", 30.5),
        ("slot_step_minutes", 7),
        ("slot_step_minutes", 0),
        ("slot_step_minutes", True),
        ("buffer_before_minutes", -1),
        ("buffer_after_minutes", 721),
        ("minimum_notice_minutes", -5),
        ("horizon_days", 0),
        ("horizon_days", 100_000),
        ("daily_cap", 0),
        ("daily_cap", []),
        ("hold_seconds", 0),
        ("hold_seconds", "9" * 1_000_000),
    ],
)
def test_a_bad_rule_is_refused_and_changes_nothing(api, field, value):
    response = api.patch(SETTINGS, {"horizon_days": 10, field: value})

    assert problem(response) == (400, "invalid")
    assert set(response.json()["errors"]) == {field}
    assert api.get(SETTINGS).json() == DEFAULTS


def test_only_managers_change_settings(agent_api):
    assert problem(agent_api.patch(SETTINGS, {"horizon_days": 10})) == (403, "manager_required")
    assert problem(agent_api.delete(SETTINGS))[0] == 403
    assert not OfficeSettings.objects.exclude(horizon_days=60).exists()


def test_settings_are_only_read_and_patched(api):
    assert problem(api.post(SETTINGS, {})) == (405, "method_not_allowed")


def test_closures_come_and_go(api, agent_api):
    given = {"starts_on": "2027-12-24", "ends_on": "2027-12-26", "reason": "Christmas"}

    made = api.post(CLOSURES, given)

    body = made.json()
    assert (made.status_code, body) == (201, {"id": body["id"], **given})
    assert api.get(CLOSURES).json()["results"] == [body]
    assert problem(agent_api.delete(f"{CLOSURES}/{body['id']}")) == (403, "manager_required")
    assert api.delete(f"{CLOSURES}/{body['id']}").status_code == 204
    assert problem(api.delete(f"{CLOSURES}/{body['id']}/")) == (404, "not_found")
    assert not Closure.objects.exists()


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"starts_on": "2027-01-02"},
        {"starts_on": "2027-01-02", "ends_on": "2027-01-01"},
        {"starts_on": "2027-02-29", "ends_on": "2027-03-01"},
        {"starts_on": "0001-01-01", "ends_on": "9999-12-31"},
        {"starts_on": None, "ends_on": None},
        {"starts_on": [], "ends_on": {}},
        {"starts_on": "2027-01-01", "ends_on": "2027-01-01", "reason": "x" * 201},
        {"starts_on": "2027-01-01", "ends_on": "2027-01-01", "reason": "\0"},
    ],
)
def test_a_bad_closure_is_refused(api, body):
    assert problem(api.post(CLOSURES, body)) == (400, "invalid")
    assert not Closure.objects.exists()


def test_only_managers_close_the_office(agent_api):
    given = {"starts_on": "2027-12-24", "ends_on": "2027-12-26"}
    assert problem(agent_api.post(CLOSURES, given)) == (403, "manager_required")


def busy(agent, starts_at: str = "2027-01-04T09:00:00-06:00", ends_at: str = "2027-01-04T10:00:00-06:00", **more):
    return {"agent": agent.pk, "starts_at": starts_at, "ends_at": ends_at, **more}


def test_busy_times_come_and_go(agent_api, agent):
    made = agent_api.post(BUSY, busy(agent, reason="Dentist"))

    body = made.json()
    assert made.status_code == 201, body
    assert body == {
        "id": body["id"],
        "agent": agent.pk,
        "starts_at": "2027-01-04T15:00:00+00:00",
        "ends_at": "2027-01-04T16:00:00+00:00",
        "reason": "Dentist",
        "source": "manual",
    }
    assert agent_api.get(f"{BUSY}/{body['id']}").json() == body
    assert agent_api.delete(f"{BUSY}/{body['id']}").status_code == 204
    assert not BusyTime.objects.exists()


@pytest.mark.parametrize(
    "change",
    [
        {"agent": None},
        {"agent": 0},
        {"agent": "me"},
        {"starts_at": "2027-01-04T10:00:00-06:00"},
        {"starts_at": "2027-01-04T09:00:00"},
        {"starts_at": "2027-01-04"},
        {"ends_at": "2027-01-04T08:00:00-06:00"},
        {"ends_at": "9999-12-31T23:59:59-12:00"},
        {"ends_at": "2027-01-04T24:00:00-06:00"},
        {"ends_at": None},
        {"ends_at": 1},
        {"reason": ["x"]},
    ],
)
def test_a_bad_busy_time_is_refused(api, agent, change):
    assert problem(api.post(BUSY, busy(agent) | change)) == (400, "invalid")
    assert not BusyTime.objects.exists()


def test_busy_times_belong_to_their_agent(agent_api, api, make_agent):
    other = make_agent()
    theirs = api.post(BUSY, busy(other)).json()

    assert problem(agent_api.post(BUSY, busy(other))) == (403, "manager_required")
    assert problem(agent_api.delete(f"{BUSY}/{theirs['id']}")) == (404, "not_found")
    assert BusyTime.objects.count() == 1


def test_a_mirrored_busy_time_is_removed_where_it_comes_from(api, agent):
    mirrored = BusyTime.objects.create(**busy(agent) | {"agent": agent}, source="microsoft", external_id="x")

    assert problem(api.delete(f"{BUSY}/{mirrored.pk}")) == (409, "mirrored")


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("from=2027-01-04T16:00:00Z", 0),
        ("from=2027-01-04T15:59:59Z", 1),
        ("to=2027-01-04T15:00:00Z", 0),
        ("to=2027-01-04T09:00:01-06:00", 1),
        ("from=2027-01-04&to=2027-01-05", 1),
        ("from=2027-01-05", 0),
        ("from=2027-01-04T16:30:00+01:00", 1),
        ("agent=99999", 0),
    ],
)
def test_busy_times_are_found_by_window(api, agent, query, count):
    api.post(BUSY, busy(agent))

    assert len(api.get(f"{BUSY}?{query}").json()["results"]) == count


@pytest.mark.parametrize(
    "query", ["from=soon", "to=2027-13-01", "from=2027-01-01T00:00:00", "to=9999-12-31T23:59:59-14:00"]
)
def test_a_bad_window_is_400(api, query):
    assert problem(api.get(f"{BUSY}?{query}")) == (400, "invalid_parameter")


def test_hours_colour_and_retention_are_settings_too(api, make_agent):
    week = [{"weekday": 4, "start": "09:00", "end": "12:00"}, {"weekday": 0, "start": "09:00", "end": "17:00"}]
    person = make_agent()

    kept = api.patch(SETTINGS, {"default_hours": week, "brand_color": "#1a6e5c", "keep_transcripts_days": 90}).json()

    assert (kept["default_hours"], kept["brand_color"], kept["keep_transcripts_days"]) == (week[::-1], "#1a6e5c", 90)
    assert api.post(f"{SETTINGS}/give-hours").json()["given"] >= 1
    assert person.working_hours.count() == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"default_hours": [{"weekday": 0, "start": "17:00", "end": "09:00"}]},
        {"default_hours": [{"weekday": 7, "start": "09:00", "end": "17:00"}]},
        {"default_hours": [{"weekday": 0, "start": "09:00", "end": "10:00"}] * 2},
        {"default_hours": "always"}, {"default_hours": [None]}, {"brand_color": "red"}, {"keep_events_days": 1},
    ],
)  # fmt: skip
def test_settings_nobody_can_keep_are_refused(api, wrong):
    assert problem(api.patch(SETTINGS, wrong)) == (400, "invalid")
