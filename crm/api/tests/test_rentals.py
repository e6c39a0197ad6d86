from __future__ import annotations

import pytest

from crm.api.tests.conftest import problem
from crm.models import Listing, ListingStatus
from crm.search import outside
from crm.tests import factories

SEARCH = "/search/rental"


@pytest.fixture
def homes(db) -> list[Listing]:
    return [
        factories.listing(address="1 Elm Avenue", rent=1200, bedrooms=0, neighborhood="Lakeview", pets=True),
        factories.listing(address="2 Elm Avenue", rent=1700, bedrooms=1, neighborhood="Lincoln Park"),
        factories.listing(address="4 Elm Avenue", rent=900, status=ListingStatus.LET),
    ]


def test_homes_are_searched(agent_api, homes) -> None:
    body = agent_api.get(SEARCH, {"location": "lincon park", "max_rent": "2000", "bedrooms": "1"}).json()

    assert [row["address"] for row in body["results"]] == ["2 Elm Avenue"]
    assert (body["count"], body["more"], body["alternatives"]) == (1, False, [])
    assert body["outside"] == {"provider": None, "results": [], "problem": None}


def test_when_nothing_fits_the_alternatives_say_what_they_cost(agent_api, homes) -> None:
    body = agent_api.get(f"{SEARCH}/", {"query": "lakeview", "bedrooms": 1}).json()

    assert body["results"] == []
    assert [(near["relaxed"], near["listing"]["address"]) for near in body["alternatives"]] == [
        ("words", "2 Elm Avenue"),
        ("bedrooms", "1 Elm Avenue"),
    ]
    assert body["alternatives"][1]["says"] == "Fits everything but: number of bedrooms"


def test_the_web_is_marked_as_such(agent_api, homes, settings, monkeypatch) -> None:
    settings.OUTSIDE_SEARCH = "duckduckgo"
    monkeypatch.setitem(outside.PROVIDERS, "duckduckgo", lambda words: [outside.Hit(words, "https://example.com", "")])

    body = agent_api.get(SEARCH, {"location": "Lakeview", "outside": "1"}).json()

    hit = {"title": "Lakeview", "url": "https://example.com", "text": "", "is_outside": True}
    assert body["outside"] == {"provider": "duckduckgo", "results": [hit], "problem": None}


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_rent": "cheap"}, {"bedrooms": "two"}, {"pets": "perhaps"}, {"available_by": "2027-13-01"},
        {"limit": "0"}, {"q": "x" * 201}, {"location": "a\0b"}, {"available_by": "soon"},
    ],
)  # fmt: skip
def test_wishes_nobody_can_read_are_refused(agent_api, wrong: dict) -> None:
    assert problem(agent_api.get(SEARCH, wrong)) == (400, "invalid_parameter")


def test_the_database_endpoints_count_and_list(agent_api, homes) -> None:
    status = agent_api.get("/database/status").json()
    rentals = agent_api.get("/database/rentals", {"page_size": 2}).json()
    available = agent_api.get("/database/available/").json()

    assert (status["status"], status["rentals"], status["available"]) == ("ok", 3, 2)
    assert status["by_status"] == {"available": 2, "held": 0, "let": 1, "withdrawn": 0}
    assert [row["id"] for row in rentals["results"]] == [homes[2].pk, homes[1].pk]
    assert len(agent_api.get(rentals["next"]).json()["results"]) == 1
    assert {row["status"] for row in available["results"]} == {"available"}


@pytest.mark.parametrize("path", [SEARCH, "/database/status", "/database/rentals", "/database/available"])
def test_strangers_are_not_answered(client, db, path: str) -> None:
    assert problem(client.get(path)) == (401, "not_authenticated")


def test_homes_are_not_made_there(api, homes) -> None:
    assert problem(api.post("/database/rentals", {}, format="json")) == (405, "method_not_allowed")
