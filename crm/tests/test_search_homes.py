from __future__ import annotations

import threading
from datetime import date

import pytest

from crm.models import Listing, ListingStatus, Place
from crm.search import outside
from crm.search.criteria import Criteria
from crm.search.homes import find_homes
from crm.tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def homes() -> dict[str, Listing]:
    made = {
        "studio": {"address": "1 Elm Avenue", "rent": 1200, "bedrooms": 0, "neighborhood": "Lakeview", "pets": True},
        "flat": {"address": "2 Elm Avenue", "rent": 1700, "bedrooms": 1, "neighborhood": "Lincoln Park"},
        "house": {
            "address": "3012 N Clark Street, Chicago", "rent": 2400, "bedrooms": 3, "neighborhood": "Lakeview",
            "property_type": "house", "available_on": "2027-08-01", "facts": "Roof deck. Laundry in the unit.",
        },
        "let": {"address": "4 Elm Avenue", "rent": 900, "bedrooms": 4, "status": ListingStatus.LET},
    }  # fmt: skip
    return {name: factories.listing(**fields) for name, fields in made.items()}


def names(found, homes) -> list[str]:
    by_id = {home.pk: name for name, home in homes.items()}
    return [by_id[home.pk] for home in found]


@pytest.mark.parametrize(
    ("wish", "found"),
    [
        ({}, ["studio", "flat", "house"]),
        ({"location": "Lakeview"}, ["studio", "house"]),
        ({"location": "lake veiw"}, ["studio", "house"]),
        ({"location": "Linkoln Park"}, ["flat"]),
        ({"location": "Clark St"}, ["house"]),
        ({"location": "3012 N Clark"}, ["house"]),
        ({"location": "Chicago"}, ["house"]),
        ({"location": "Elm Ave"}, ["studio", "flat"]),
        ({"location": "Timbuktu"}, []),
        ({"location": "???"}, []),
        ({"words": "laundry"}, ["house"]),
        ({"words": "lakevew"}, ["studio", "house"]),
        ({"words": "roof deck -laundry"}, []),
        ({"property_type": "flats"}, ["studio", "flat"]),
        ({"property_type": "studio"}, ["studio"]),
        ({"available_by": date(2027, 7, 31)}, ["studio", "flat"]),
        ({"bedrooms": 1, "max_rent": 2000}, ["flat"]),
        ({"min_rent": 1700}, ["flat", "house"]),
        ({"pets": True}, ["studio"]),
        ({"pets": False}, ["studio", "flat", "house"]),
    ],
)
def test_homes_that_fit_are_found_whatever_the_spelling(homes, wish: dict, found: list[str]) -> None:
    assert names(find_homes(Criteria(**wish)).homes, homes) == found


def test_the_nearer_name_comes_first(homes) -> None:
    dear = factories.listing(address="9 Lake Street", rent=5000, neighborhood="Lakewood")

    found = find_homes(Criteria(location="Lakewood")).homes

    assert found[0] == dear


def test_the_very_address_comes_first(homes) -> None:
    found = find_homes(Criteria(location="2 Elm Avenue")).homes

    assert names(found, homes) == ["flat", "studio"]


def test_when_nothing_fits_each_alternative_gives_up_one_wish(homes) -> None:
    found = find_homes(Criteria(location="Lakeview", bedrooms=3, max_rent=2000))

    assert found.homes == []
    assert [(near.relaxed, near.listing) for near in found.nearby] == [
        ("bedrooms", homes["studio"]),
        ("max_rent", homes["house"]),
    ]


def test_a_single_wish_has_no_alternatives(homes) -> None:
    assert find_homes(Criteria(max_rent=1)).nearby == []


def test_counting_stops_where_nobody_reads_on(homes) -> None:
    Listing.objects.bulk_create(Listing(address=f"{n} Long Road", rent=n, bedrooms=1) for n in range(1, 60))

    found = find_homes(Criteria(location="long road"), limit=3)

    assert [home.rent for home in found.homes] == [1, 2, 3]
    assert not found.is_counted_out


def test_places_are_noted_however_a_listing_is_written(homes) -> None:
    Listing.objects.bulk_create([Listing(address="8 Ash Row", rent=1, bedrooms=1, neighborhood="Uptown")])
    Listing.objects.filter(pk=homes["flat"].pk).update(neighborhood="  Pilsen ")

    noted = set(Place.objects.values_list("name", flat=True))

    assert {"uptown", "ash row", "pilsen", "n clark street", "chicago", "lincoln park"} <= noted
    assert find_homes(Criteria(location="pilsen")).homes == [homes["flat"]]
    assert find_homes(Criteria(location="lincoln park")).homes == []


@pytest.mark.parametrize(
    "text", ["'; DROP TABLE crm_listing; --", "%", "\\", "🏠", "\u202etxet", "a" * 100_000, "((", "! & |", "\n\t"]
)
def test_odd_text_finds_nothing_and_breaks_nothing(homes, text: str) -> None:
    assert find_homes(Criteria(location=text, words=text)).homes == []


def test_searching_takes_a_constant_number_of_queries(homes, django_assert_num_queries) -> None:
    with django_assert_num_queries(3):
        find_homes(Criteria(location="Lakeview", max_rent=5000))


# --- The web


def test_the_web_is_not_asked_unless_switched_on(settings, monkeypatch) -> None:
    monkeypatch.setitem(outside.PROVIDERS, "duckduckgo", pytest.fail)

    assert outside.search_outside("loft") == outside.Outside()


def test_what_the_web_answers_is_kept_short(settings, monkeypatch) -> None:
    settings.OUTSIDE_SEARCH = "duckduckgo"
    hits = [outside.Hit(f"Loft {n}", f"https://example.com/{n}", "Big") for n in range(20)]
    monkeypatch.setitem(outside.PROVIDERS, "duckduckgo", lambda words: hits)

    found = outside.search_outside("loft")

    assert (found.provider, found.hits) == ("duckduckgo", hits[: outside.MOST_FOUND])


@pytest.mark.parametrize("error", [TimeoutError("slow"), ImportError("ddgs"), KeyError("x")])
def test_a_web_that_does_not_answer_is_a_sentence(settings, monkeypatch, error: Exception) -> None:
    def fail(words: str) -> list[outside.Hit]:
        raise error

    settings.OUTSIDE_SEARCH = "duckduckgo"
    monkeypatch.setitem(outside.PROVIDERS, "duckduckgo", fail)

    found = outside.search_outside("loft")

    assert found.hits == []
    assert found.problem


def test_a_web_that_hangs_holds_nobody_up(settings, monkeypatch) -> None:
    released = threading.Event()
    settings.OUTSIDE_SEARCH = "duckduckgo"
    monkeypatch.setattr(outside, "TIMEOUT_SECONDS", 0.05)
    monkeypatch.setitem(outside.PROVIDERS, "duckduckgo", lambda words: released.wait(10) and [])

    found = [outside.search_outside("loft") for _ in range(4)]
    released.set()

    assert [each.problem for each in found] == ["The outside search took too long."] * 4
