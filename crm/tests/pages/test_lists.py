from __future__ import annotations

import pytest
from django.test import RequestFactory

from crm.models import Lead
from crm.pages import lists
from crm.rights import Scope
from crm.tests import factories


def asks(query: str = ""):
    return RequestFactory().get(f"/leads{query}")


def test_a_link_keeps_the_filters_and_drops_the_cursor():
    assert lists.link(asks("?stage=new&q=ana&cursor=x"), q=None, scope="team") == "?stage=new&scope=team"


def test_tabs_count_and_the_first_is_current():
    tabs = lists.scope_tabs(asks("?stage=new"), {"mine": 3, "all": 9})

    assert [(tab.name, tab.count, tab.is_current) for tab in tabs] == [
        ("mine", 3, True),
        ("unclaimed", None, False),
        ("team", None, False),
        ("all", 9, False),
    ]
    assert tabs[2].href == "?stage=new&scope=team"


@pytest.mark.parametrize(("query", "scope"), [("", Scope.TEAM), ("?scope=all", Scope.ALL), ("?scope=x", Scope.TEAM)])
def test_an_unknown_scope_is_the_default(query, scope):
    assert lists.scope_of(asks(query), Scope.TEAM) == scope


@pytest.mark.django_db
def test_pages_go_forth_and_back_and_keep_the_filters():
    rows = [factories.lead() for _ in range(5)]
    ids = [row.pk for row in reversed(rows)]

    def page(query: str):
        return lists.page_of(asks(query), Lead.objects.all(), ["-id"], size=2)

    first = page("?q=a")
    second = page(first.next)
    last = page(second.next)

    assert [row.pk for row in first.rows + second.rows + last.rows] == ids
    assert first.next.startswith("?q=a&cursor=")
    assert (first.previous, last.next) == ("", "")
    assert [row.pk for row in page(second.previous).rows] == ids[:2]


@pytest.mark.django_db
def test_a_cursor_that_is_not_ours_starts_over():
    row = factories.lead()
    assert lists.page_of(asks("?cursor=rubbish"), Lead.objects.all(), ["-id"]).rows == [row]
