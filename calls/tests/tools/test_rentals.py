from __future__ import annotations

import pytest

from crm.models import Listing, ListingStatus
from crm.tests import factories

# --- get_property_details


def test_details_are_what_the_office_allows_to_be_told(ask, home) -> None:
    home.access_notes = "Key box code 4711"
    home.facts = "Laundry in the unit.\nGas stove."
    home.save()

    answer = ask("get_property_details", property_id=home.pk)

    assert answer.text == (
        "412 Oak Street, Lakeview: a 2-bedroom apartment with 1 bath for $1,800 a month, free now. No pets. "
        "Also: Laundry in the unit; Gas stove."
    )
    assert answer.facts == {"listing_id": home.pk, "property": "412 Oak Street"}


@pytest.fixture
def street(home, agent) -> dict[str, Listing]:
    made = {
        "elm": {"address": "9 Elm Avenue", "unit": "2B"},
        "elm 3": {"address": "9 Elm Avenue", "unit": "3"},
        "long": {"address": "1412 Oak Street"},
        "pine": {"address": "77 Pine Grove Avenue"},
    }
    return {"oak": home} | {name: factories.listing(agent, **fields) for name, fields in made.items()}


@pytest.mark.parametrize(
    ("said", "which"),
    [
        ("412 Oak Street", "oak"),
        ("412 oak st.", "oak"),
        ("the one at 412 Oak", "oak"),
        ("412 Oak Street, Chicago, IL 60614", "oak"),
        ("412 Oaks Street", "oak"),
        ("1412 Oak Street", "long"),
        ("9 Elm Ave #2B", "elm"),
        ("9 Elm Avenue unit 3", "elm 3"),
        ("pine grove", "pine"),
        ("77 Pinegrove Ave", "pine"),
    ],
)
def test_addresses_are_found_as_they_are_said(ask, street, said: str, which: str) -> None:
    answer = ask("get_property_details", property_address=said)

    assert answer.facts.get("listing_id") == street[which].pk, answer.text


@pytest.mark.parametrize("said", ["12 Oak Street", "412 Maple Street", "Street", "???", "1", "x" * 400])
def test_an_address_that_is_none_of_ours_is_refused(ask, street, said: str) -> None:
    answer = ask("get_property_details", property_address=said)

    assert answer.code == "unknown_property"


@pytest.mark.parametrize("said", ["9 Elm Avenue", "Oak Street"])
def test_an_address_of_several_homes_asks_which(ask, street, said: str) -> None:
    answer = ask("get_property_details", property_address=said)

    assert answer.text.startswith("[unknown_property] Several homes fit. Ask which is meant: ")
    assert answer.text.count("property_id") == 2


@pytest.mark.parametrize("wrong", ["999999999", 999999999, "0", "9" * 30])
def test_an_unknown_id_is_refused(ask, home, wrong: object) -> None:
    assert ask("get_property_details", property_id=wrong).code == "unknown_property"


def test_an_address_where_the_id_belongs_is_understood(ask, street) -> None:
    assert ask("get_property_details", property_id="412 Oak Street").ok


def test_without_a_name_it_is_the_home_of_the_call(ask, street) -> None:
    assert ask("get_property_details").code == "unknown_property"
    ask("get_property_details", property_address="77 Pine Grove")
    assert ask("get_property_details").text.startswith("77 Pine Grove Avenue")


def test_homes_that_are_gone(ask, home) -> None:
    home.status = ListingStatus.LET
    home.save()
    assert "not available any more" in ask("get_property_details", property_id=home.pk).text

    home.status = ListingStatus.WITHDRAWN
    home.save()
    assert ask("get_property_details", property_id=home.pk).code == "unknown_property"


# --- search_rentals


@pytest.fixture
def homes(agent) -> None:
    factories.listing(agent, address="1 Elm Avenue", rent=1200, bedrooms=0, neighborhood="Lakeview", pets=True)
    factories.listing(agent, address="2 Elm Avenue", rent=1700, bedrooms=1, neighborhood="Lincoln Park")
    factories.listing(
        agent, address="3 Elm Avenue", rent=2400, bedrooms=3, neighborhood="Lakeview", property_type="house",
        available_on="2027-08-01", bathrooms="1.5",
    )  # fmt: skip
    factories.listing(agent, address="4 Elm Avenue", rent=900, status=ListingStatus.LET)


@pytest.mark.parametrize(
    ("wish", "found"),
    [
        ({}, [1, 2, 3]),
        ({"max_rent": 1700}, [1, 2]),
        ({"max_rent": "$1,700 a month"}, [1, 2]),
        ({"max_rent": "2k"}, [1, 2]),
        ({"bedrooms": "1"}, [2, 3]),
        ({"bedrooms": "two"}, [3]),
        ({"location": "lake view"}, [1, 3]),
        ({"location": "Linkoln Park"}, [2]),
        ({"property_type": "houses"}, [3]),
        ({"property_type": "studio"}, [1]),
        ({"pets": "yes"}, [1]),
        ({"pets": False}, [1, 2, 3]),
        ({"available_by": "July 1st"}, [1, 2]),
        ({"available_by": "2027-08-01"}, [1, 2, 3]),
        ({"location": None, "max_rent": "null"}, [1, 2, 3]),
    ],
)
def test_homes_that_fit_are_found(ask, homes, wish: dict, found: list[int]) -> None:
    text = ask("search_rentals", **wish).text

    assert [number for number in range(1, 5) if f"{number} Elm Avenue" in text] == found, text
    assert text.startswith(f"{len(found)} home")


def test_at_most_three_are_named(ask, homes, home) -> None:
    text = ask("search_rentals").text

    assert text.count("property_id") == 3
    assert text.startswith("4 homes fit: ")
    assert text.endswith("and 1 more.")
    assert "a studio with 1 bath for $1,200 a month, free now" in text


def test_when_nothing_fits_the_nearest_is_named(ask, homes) -> None:
    text = ask("search_rentals", location="Lakeview", bedrooms=3, max_rent=2000).text

    assert text.startswith("Nothing fits all of that. Apart from the number of bedrooms, this does: 1 Elm Avenue")
    assert "property_id" in text


def test_an_empty_office_says_so(ask) -> None:
    assert ask("search_rentals", max_rent=1).text.startswith("Nothing is to let at the moment.")


@pytest.mark.parametrize(
    "wish",
    [{"max_rent": "cheap"}, {"bedrooms": "many"}, {"pets": "perhaps"}, {"available_by": "soonish"}, {"location": []}],
)
def test_wishes_nobody_can_read_are_named(ask, homes, wish: dict) -> None:
    answer = ask("search_rentals", **wish)

    assert answer.code == "bad_arguments"
    assert next(iter(wish)) in answer.text
