"""Cursor pages."""

from __future__ import annotations

from datetime import timedelta
from itertools import chain

import pytest
from django.core import signing
from django.utils import timezone

from crm.api.tests.conftest import problem
from crm.models import Lead, Listing

LEADS = "/api/v1/leads"


@pytest.fixture
def leads(db):
    same = timezone.now()
    budgets = [None, 100, 200, None, 200, 300, 100]
    rows = [
        Lead(full_name=f"Lead {n}", budget=budget, created_at=same - timedelta(days=n // 3))
        for n, budget in enumerate(budgets)
    ]
    return Lead.objects.bulk_create(rows)


def walk(api, url: str, link: str = "next") -> list[list[int]]:
    pages = []
    while url:
        body = api.get(url).json()
        pages.append([row["id"] for row in body["results"]])
        url = body[link]
    return pages


@pytest.mark.parametrize(
    "ordering", ["", ",", "id", "-id", "created_at", "-created_at", "budget", "-budget", "stage,-budget"]
)
def test_walking_shows_every_row_once_and_back_again(api, leads, ordering):
    whole = walk(api, f"{LEADS}?ordering={ordering}")
    pages = walk(api, f"{LEADS}?ordering={ordering}&page_size=2")

    assert [len(page) for page in pages] == [2, 2, 2, 1]
    assert list(chain(*pages)) == whole[0]
    assert set(whole[0]) == {lead.pk for lead in leads}

    url = f"{LEADS}?ordering={ordering}&page_size=2"
    for _ in pages[1:]:
        url = api.get(url).json()["next"]
    assert walk(api, url, "previous") == pages[::-1]


def test_rows_without_a_value_come_last_in_both_directions(api, leads):
    for ordering in ("budget", "-budget"):
        budgets = [row["budget"] for row in api.get(f"{LEADS}?ordering={ordering}").json()["results"]]
        known = [budget for budget in budgets if budget]
        assert budgets[-2:] == [None, None]
        assert known == sorted(known, key=float, reverse=ordering.startswith("-"))


def test_a_new_row_does_not_shift_the_pages(api, leads):
    first = api.get(f"{LEADS}?page_size=3").json()
    Lead.objects.create(full_name="Newest")

    second = api.get(first["next"]).json()

    assert not {row["id"] for row in first["results"]} & {row["id"] for row in second["results"]}
    assert [row["full_name"] for row in api.get(second["previous"]).json()["results"]] == [
        row["full_name"] for row in first["results"]
    ]


def test_filters_stay_in_the_links(api, leads):
    Listing.objects.bulk_create(Listing(address=f"{n} Elm", rent=n, bedrooms=n % 2) for n in range(6))

    pages = walk(api, "/api/v1/listings?bedrooms=1&page_size=2&ordering=rent")

    assert [len(page) for page in pages] == [2, 1]


def test_a_page_has_50_rows_and_at_most_200(api, db):
    Lead.objects.bulk_create(Lead(full_name=str(n)) for n in range(203))

    for size, rows in [("", 50), ("?page_size=200", 200), ("?page_size=1000", 200), ("?page_size=1", 1)]:
        assert len(api.get(LEADS + size).json()["results"]) == rows


def test_pages_are_read_without_counting(api, leads, django_assert_num_queries):
    with django_assert_num_queries(3) as captured:
        api.get(f"{LEADS}?page_size=2")

    assert not [query for query in captured if "COUNT(" in query["sql"]]


@pytest.mark.parametrize(
    "query",
    [
        "page_size=0",
        "page_size=-1",
        "page_size=x",
        "page_size=",
        "page_size=1.5",
        "page_size=²",
        "ordering=phone_number",
        "ordering=id,id",
        "ordering=owner__email",
        "ordering=--id",
        "ordering=id%20desc",
        "owner=x",
        "owner=-1",
        "owner=9223372036854775808",
        "stage=nope",
        "phone=abc",
        "phone=1",
        f"search={'x' * 201}",
    ],
)
def test_a_bad_parameter_is_400(api, leads, query):
    assert problem(api.get(f"{LEADS}?{query}")) == (400, "invalid_parameter")


def test_unknown_parameters_are_ignored(api, leads):
    assert len(api.get(f"{LEADS}?nothing=1&_=2").json()["results"]) == len(leads)


def forged(**payload) -> str:
    return signing.Signer(salt="pete.cursor.crm.Lead").sign_object(payload)


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "cD0yMDI3",
        "é" * 10,
        "%00",
        "a" * 5000,
        signing.Signer(salt="other").sign_object({"o": "-created_at,-id", "b": False, "p": [None, 1]}),
    ],
)
def test_a_forged_cursor_is_400(api, leads, cursor):
    assert problem(api.get(LEADS, {"cursor": cursor}))[0] == 400


def test_a_cursor_belongs_to_its_list_and_ordering(api, leads):
    following = api.get(f"{LEADS}?page_size=2").json()["next"]

    assert problem(api.get(f"{following}&ordering=id")) == (400, "invalid_cursor")
    assert problem(api.get(following.replace("/leads", "/notes"))) == (400, "invalid_cursor")
    assert problem(api.get(following.replace("cursor=", "cursor=x"))) == (400, "invalid_cursor")


@pytest.mark.parametrize("position", [[], ["never", 1], ["2027-01-01", "x"], [1, 2, 3], None, [{}, {}]])
def test_even_a_signed_cursor_is_checked(api, leads, position):
    cursor = forged(o="-created_at,-id", b=False, p=position)

    assert problem(api.get(LEADS, {"cursor": cursor})) == (400, "invalid_cursor")
