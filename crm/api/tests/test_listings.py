"""Listings."""

from __future__ import annotations

import pytest

from crm.api.tests.conftest import problem
from crm.models import Listing

LISTINGS = "/api/v1/listings"


def test_a_listing_is_made_with_what_it_needs(api, agent):
    made = api.post(LISTINGS, {"address": "1 Oak Ave", "rent": "1800.00", "bedrooms": 2, "agents": [agent.pk]})

    body = made.json()
    assert made.status_code == 201, body
    needed = {
        "address": "1 Oak Ave",
        "unit": "",
        "rent": "1800.00",
        "currency": "USD",
        "bedrooms": 2,
        "bathrooms": 1.0,
        "property_type": "apartment",
        "status": "available",
        "available_on": None,
        "agents": [agent.pk],
    }
    assert {name: body[name] for name in needed} == needed
    assert api.get(f"{LISTINGS}/{body['id']}").json() == body


def test_a_listing_takes_everything_else_too(api, agent):
    given = {
        "address": "1 Oak Ave",
        "unit": "4B",
        "rent": "950.50",
        "currency": "EUR",
        "bedrooms": 0,
        "bathrooms": 1.5,
        "property_type": "studio",
        "neighborhood": "Pilsen",
        "pets": True,
        "status": "held",
        "available_on": "2027-01-31",
        "agents": [],
        "facts": "Quiet.",
        "access_notes": "Key box 1234.",
        "allows_stacked_viewings": True,
        "viewing_minutes": 45,
        "buffer_before_minutes": 5,
        "buffer_after_minutes": 10,
        "minimum_notice_minutes": 0,
        "horizon_days": 14,
    }

    made = api.post(LISTINGS, given).json()

    assert {name: made[name] for name in given} == given


@pytest.mark.parametrize("missing", ["address", "rent", "bedrooms", "agents"])
def test_what_a_listing_needs_is_asked_for(api, agent, missing):
    given = {"address": "1 Oak Ave", "rent": "1800", "bedrooms": 2, "agents": [agent.pk]}
    del given[missing]

    response = api.post(LISTINGS, given)

    assert problem(response) == (400, "invalid")
    assert response.json()["errors"] == {missing: [{"code": "required", "message": "This field is required."}]}


@pytest.mark.parametrize(
    ("field", "value", "path"),
    [
        ("address", "", "address"),
        ("address", 5, "address"),
        ("rent", -1, "rent"),
        ("rent", "1.234", "rent"),
        ("rent", None, "rent"),
        ("rent", "1,800", "rent"),
        ("bedrooms", "two", "bedrooms"),
        ("bedrooms", 101, "bedrooms"),
        ("bathrooms", True, "bathrooms"),
        ("bathrooms", 100, "bathrooms"),
        ("agents", None, "agents"),
        ("agents", 1, "agents"),
        ("agents", "1", "agents"),
        ("agents", {}, "agents"),
        ("agents", {"1": 1}, "agents"),
        ("agents", [1] * 1001, "agents"),
        ("agents", [True], "agents.0"),
        ("agents", [0], "agents.0"),
        ("agents", [10**20], "agents.0"),
        ("agents", [None], "agents.0"),
        ("status", "sold", "status"),
        ("pets", "perhaps", "pets"),
        ("pets", None, "pets"),
        ("currency", "$", "currency"),
        ("viewing_minutes", 0, "viewing_minutes"),
        ("viewing_minutes", 721, "viewing_minutes"),
        ("horizon_days", -1, "horizon_days"),
        ("available_on", "soon", "available_on"),
    ],
)
def test_a_bad_value_is_refused_and_changes_nothing(api, agent, listing, field, value, path):
    before = Listing.objects.values().get()
    given = {"address": "1 Oak Ave", "rent": "1800", "bedrooms": 2, "agents": [agent.pk], field: value}

    for response in (api.post(LISTINGS, given), api.patch(f"{LISTINGS}/{listing.pk}", {field: value})):
        assert problem(response) == (400, "invalid")
        assert list(response.json()["errors"]) == [path]
    assert Listing.objects.values().get() == before
    assert list(listing.agents.all()) == [agent]


def test_one_home_is_listed_once(api, listing, agent):
    given = {"address": listing.address, "rent": "1", "bedrooms": 1, "agents": []}

    response = api.post(LISTINGS, given)

    assert problem(response) == (409, "duplicate_listing")
    assert response.json()["listing"] == listing.pk
    assert api.post(LISTINGS, given | {"unit": "2"}).status_code == 201


def test_agents_read_and_managers_write(agent_api, api, listing):
    url = f"{LISTINGS}/{listing.pk}"

    assert agent_api.get(url).status_code == 200
    assert problem(agent_api.patch(url, {"rent": "1"})) == (403, "manager_required")
    assert problem(agent_api.post(LISTINGS, {})) == (403, "manager_required")
    assert problem(agent_api.delete(url)) == (403, "manager_required")
    assert api.patch(url, {"rent": "1900", "agents": []}).json()["agents"] == []
    assert api.delete(url).status_code == 204


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("search=elm", ["12 Elm Street"]),
        ("status=let", ["9 Ash Road"]),
        ("bedrooms=2,3", ["9 Ash Road", "12 Elm Street"]),
        ("min_rent=1900", ["9 Ash Road"]),
        ("max_rent=1800.00", ["12 Elm Street"]),
        ("pets=true", []),
        ("property_type=Apartment&status=available", ["12 Elm Street"]),
    ],
)
def test_listings_are_filtered(api, listing, query, found):
    Listing.objects.create(address="9 Ash Road", rent=2000, bedrooms=3, status="let")

    assert [row["address"] for row in api.get(f"{LISTINGS}?{query}").json()["results"]] == found


def test_listings_of_an_agent_are_shown_once(api, listing, agent, make_agent):
    listing.agents.add(make_agent())

    assert len(api.get(f"{LISTINGS}?agent={agent.pk}").json()["results"]) == 1
    assert api.get(f"{LISTINGS}?agent=99999").json()["results"] == []


@pytest.mark.parametrize(
    "query", ["bedrooms=x", "min_rent=x", "max_rent=1e9", "pets=perhaps", "agent=x", "status=sold"]
)
def test_a_bad_filter_is_400(api, db, query):
    assert problem(api.get(f"{LISTINGS}?{query}")) == (400, "invalid_parameter")


@pytest.mark.parametrize("rows", [1, 3])
def test_the_list_costs_the_same_however_long(api, make_agent, rows, django_assert_num_queries):
    for n in range(rows):
        Listing.objects.create(address=str(n), rent=1, bedrooms=1).agents.add(make_agent(), make_agent())
    api.get(LISTINGS)

    with django_assert_num_queries(3):
        assert len(api.get(LISTINGS).json()["results"]) == rows


def test_many_listings_are_made_and_changed(api, agent_api, agent, listing):
    row = {"address": "1 Oak Ave", "rent": "1800", "bedrooms": 2, "agents": [agent.pk]}
    same = row | {"address": listing.address}

    made = api.post(f"{LISTINGS}/bulk", {"listings": [row, same, {"address": "x"}]}).json()
    ids = [made["results"][0]["listing"]["id"], listing.pk, 999999]
    changed = api.patch(f"{LISTINGS}/bulk", {"ids": ids, "status": "let", "agents": []}).json()

    assert [(one["status"], (one["problem"] or {}).get("code")) for one in made["results"]] == [
        (201, None), (409, "duplicate_listing"), (400, "invalid"),
    ]  # fmt: skip
    assert [one["status"] for one in changed["results"]] == [200, 200, 404]
    assert [(one.status, one.agents.count()) for one in Listing.objects.all()] == [("let", 0), ("let", 0)]
    assert problem(agent_api.patch(f"{LISTINGS}/bulk", {"ids": ids, "status": "let"})) == (403, "manager_required")
    assert problem(api.patch(f"{LISTINGS}/bulk", {"ids": ids})) == (400, "invalid")


def test_who_shows_a_home_describes_it_and_changes_nothing_else(agent_api, listing):
    path, other = f"{LISTINGS}/{listing.pk}", Listing.objects.create(address="2 Oak Ave", rent="1", bedrooms=1)

    assert agent_api.patch(path, {"facts": "Quiet.", "access_notes": "Key box."}).json()["facts"] == "Quiet."
    assert problem(agent_api.patch(path, {"facts": "x", "rent": "1"})) == (403, "manager_required")
    assert problem(agent_api.patch(path, {})) == (403, "manager_required")
    assert problem(agent_api.patch(f"{LISTINGS}/{other.pk}", {"facts": "x"})) == (403, "manager_required")
    assert Listing.objects.get(pk=listing.pk).facts == "Quiet."


def test_what_a_caller_would_be_told_is_said_and_nothing_kept(agent_api, listing):
    said = agent_api.post(f"{LISTINGS}/{listing.pk}/words", {"facts": "Laundry in the unit."}).json()

    assert "Laundry in the unit" in said["words"]
    assert Listing.objects.get(pk=listing.pk).facts == ""
