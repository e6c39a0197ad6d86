"""Filters under a name: one's own, and those that team mates share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import Q
from django.http import QueryDict

from crm.models import Agent, SavedView
from crm.rights import colleagues

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from django.db.models import QuerySet

# Where somebody is in a list is no part of what the list shows.
_PASSING = ("cursor", "csrfmiddlewaretoken")
_LONGEST = 1000


@dataclass(frozen=True)
class View:
    """A saved view as one person meets it."""

    row: SavedView
    is_own: bool
    is_current: bool


def clean(query: str | QueryDict) -> str:
    """Return a query string without what is empty or passing, in one order, so that equal filters are equal."""
    given = QueryDict(query) if isinstance(query, str) else query
    kept = QueryDict(mutable=True)
    for name in sorted(given):
        if name not in _PASSING and any(given.getlist(name)):
            kept.setlist(name, given.getlist(name))
    return kept.urlencode()


def seen_by(person: Agent) -> QuerySet[SavedView]:
    """Return the person's views and those that team mates share."""
    shared = Q(is_shared=True, person__in=colleagues(person).values("pk"))
    return SavedView.objects.filter(Q(person=person) | shared)


def of(person: Agent, page: str, query: QueryDict) -> list[View]:
    """Return the person's views of a page and those shared by team mates, by name."""
    rows: Iterable[SavedView] = seen_by(person).filter(page=page).select_related("person")
    current = clean(query)
    return [View(row, row.person_id == person.pk, row.query == current) for row in rows]


def save(person: Agent, page: str, name: str, query: str, *, is_shared: bool) -> SavedView:
    """Keep these filters under this name; the same name again replaces them."""
    values = {"query": clean(query)[:_LONGEST], "is_shared": is_shared}
    return SavedView.objects.update_or_create(person=person, page=page, name=name, defaults=values)[0]


def change(view: SavedView, values: Mapping[str, Any]) -> None:
    """Write other values, the query as `save` would keep it."""
    for name, value in values.items():
        setattr(view, name, clean(value)[:_LONGEST] if name == "query" else value)
    view.save()
