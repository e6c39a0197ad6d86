"""Availability and its explanations."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from crm.api import availability
from crm.api.tests.conftest import problem
from crm.models import Closure, WorkingHours

AVAILABILITY = "/api/v1/availability"


@pytest.fixture
def working(agent, listing):
    WorkingHours.objects.bulk_create(
        WorkingHours(agent=agent, weekday=day, start_minute=540, end_minute=1020) for day in range(7)
    )
    return agent


def in_three_days(days: int = 1) -> dict[str, str]:
    start = (datetime.now(UTC) + timedelta(days=3)).date()
    return {"start": str(start), "end": str(start + timedelta(days=days))}


def test_slots_have_their_shape_and_order(api, working, listing):
    found = api.get(AVAILABILITY, in_three_days() | {"listing": listing.pk, "agent": working.pk})

    body = found.json()
    assert (found.status_code, body["explanations"], len(body["slots"])) == (200, [], 16)
    first = body["slots"][0]
    assert set(first) == {"slot_id", "starts_at", "ends_at", "agent", "listing"}
    assert (first["agent"], first["listing"]) == (working.pk, listing.pk)
    starts = [slot["starts_at"] for slot in body["slots"]]
    assert starts == sorted(starts)
    assert api.get(AVAILABILITY + "/", in_three_days() | {"agent": working.pk}).json()["slots"][0]["listing"] is None


def test_without_a_window_it_goes_from_now_to_the_horizon(api, working, listing):
    slots = api.get(AVAILABILITY, {"listing": listing.pk, "limit": 500}).json()["slots"]

    assert len(slots) == 500
    assert len(api.get(AVAILABILITY, {"listing": listing.pk}).json()["slots"]) == 50
    assert len(api.get(AVAILABILITY, {"listing": listing.pk, "limit": 100_000}).json()["slots"]) == 500


def test_every_closed_step_is_explained(api, working, listing):
    window = in_three_days()

    explained = api.get(AVAILABILITY, window | {"agent": working.pk, "listing": listing.pk, "explain": 1}).json()

    assert len(explained["explanations"]) == 32
    assert {step["rule"] for step in explained["explanations"]} == {"outside_hours"}
    assert set(explained["explanations"][0]) == {"starts_at", "agent", "rule"}

    Closure.objects.create(starts_on=window["start"], ends_on=window["start"])
    closed = api.get(AVAILABILITY, window | {"agent": working.pk, "explain": "true"}).json()
    assert closed["slots"] == []
    assert {step["rule"] for step in closed["explanations"]} == {"outside_hours", "closure"}


def test_a_plus_sent_unescaped_is_understood(api, working):
    response = api.get(f"{AVAILABILITY}?start=2027-01-04T00:00:00+00:00&end=2027-01-05T00:00:00+00:00")

    assert response.status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        "start=2027-01-02&end=2027-01-01",
        "start=2027-01-01&end=2027-01-01",
        "start=2027-01-01&end=2090-01-01",
        "end=2020-01-01",
    ],
)
def test_a_bad_window_is_400(api, query):
    assert problem(api.get(f"{AVAILABILITY}?{query}")) == (400, "bad_window")


@pytest.mark.parametrize(
    "query",
    [
        "start=tomorrow",
        "start=2027-01-01T00:00:00",
        "end=0000-00-00",
        "limit=0",
        "limit=x",
        "limit=-1",
        "agent=x",
        "listing=x",
        "listing=1,2",
        "explain=perhaps",
        "start=9999-12-31",
    ],
)
def test_a_bad_parameter_is_400(api, query):
    assert problem(api.get(f"{AVAILABILITY}?{query}")) == (400, "invalid_parameter")


@pytest.mark.parametrize("query", ["agent=999999", "listing=999999", "agent=9223372036854775807"])
def test_somebody_unknown_is_404(api, query):
    assert problem(api.get(f"{AVAILABILITY}?{query}")) == (404, "not_found")


def test_far_windows_are_empty_and_explained(api, working):
    far = {"start": "2999-01-01", "end": "2999-01-02", "agent": working.pk}

    assert api.get(AVAILABILITY, far).json()["slots"] == []
    rules = {step["rule"] for step in api.get(AVAILABILITY, far | {"explain": 1}).json()["explanations"]}
    assert rules == {"outside_hours", "horizon"}


def test_too_much_to_explain_is_refused(api, working, monkeypatch):
    monkeypatch.setattr(availability, "MOST_EXPLAINED_AGENT_DAYS", 100)

    for more in ({"agent": working.pk}, {}):
        window = {"start": "2027-01-01", "end": "2027-05-01", "explain": 1} | more
        assert problem(api.get(AVAILABILITY, window)) == (400, "bad_window")
