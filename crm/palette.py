"""What the command palette finds. Rights apply; other apps register what is theirs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crm import wording
from crm.models import Agent
from crm.pages import places
from crm.phones import to_e164
from crm.rights import visible_leads
from crm.search import anything

MOST_OF_A_KIND = 8
# Of a number that can be made a lead.
FEWEST_DIGITS = 7


@dataclass(frozen=True)
class Item:
    """One line: where it leads, or with `is_post` what it does there."""

    label: str
    detail: str
    icon: str
    href: str
    key: str = ""
    is_post: bool = False


Search = Callable[[Agent, str], list[Item]]
_searches: list[tuple[str | Promise, Search]] = []


def register(label: str | Promise, search: Search) -> None:
    """Have `search` asked for at most MOST_OF_A_KIND items, shown under `label`."""
    _searches.append((label, search))


def find(person: Agent, query: str) -> list[tuple[str, list[Item]]]:
    """Return what fits, by kind; kinds with nothing are left out. Without a query: what one can do."""
    query = anything.tidy(query)
    if not query:
        return [(_("Acts"), _verbs())]
    found = [(str(label), search(person, query)[:MOST_OF_A_KIND]) for label, search in _searches]
    return [(label, items) for label, items in found if items]


def shown(kind: str, icon: str) -> Search:
    """Return a search that shows what crm.search.anything finds of one kind."""

    def search(person: Agent, query: str) -> list[Item]:
        found = anything.find(person, query, of=[kind], limit=MOST_OF_A_KIND)
        return [Item(hit.title, hit.said or hit.detail, icon, hit.path) for hit in found]

    return search


def leads(person: Agent, query: str) -> list[Item]:
    """Return leads by name, number or address; a whole number that nobody has can be made a lead."""
    items = shown("lead", "contact")(person, query)
    number = to_e164(query) if len(anything.digits_of(query)) >= FEWEST_DIGITS else None
    if number and not visible_leads(person).filter(phone=number).exists():
        label = _("Create a lead with %(number)s") % {"number": wording.phone(number)}
        items.append(Item(label, "", "user-plus", f"{reverse('palette-lead')}?phone={number[1:]}", is_post=True))
    return items


def acts(person: Agent, query: str) -> list[Item]:
    """Return places whose name, and acts whose verb, begins with what was typed, after "go to" if that was typed."""
    words = query.lower().removeprefix("go to ").removeprefix("go ").strip()
    found = [
        Item(
            _("Go to %(place)s") % {"place": entry.place.label},
            "",
            entry.place.icon,
            entry.href,
            f"g {entry.place.key}",
        )
        for entry in places.entries(person)
        if any(
            part.startswith(words) for part in (str(entry.place.label).lower(), *str(entry.place.label).lower().split())
        )
    ]
    return [item for item in _verbs() if item.label.lower().startswith(words)] + found


def _verbs() -> list[Item]:
    verbs = [
        (_("Book a viewing"), "calendar-plus", "appointment-new", ""),
        (_("Assign the unclaimed leads"), "user-check", "leads", "?scope=unclaimed"),
        (_("Move leads along the pipeline"), "square-kanban", "pipeline", ""),
        (_("Mark all notifications as read"), "check-check", "notifications-read", ""),
    ]
    return [
        Item(label, "", icon, anything.page_of(name) + query, is_post=name == "notifications-read")
        for label, icon, name, query in verbs
        if anything.page_of(name)
    ]


def connect() -> None:
    register(gettext_lazy("Acts and places"), acts)
    register(gettext_lazy("Leads"), leads)
    register(gettext_lazy("Listings"), shown("listing", "house"))
    register(gettext_lazy("People"), shown("person", "user-round"))
