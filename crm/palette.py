"""What the command palette finds. Rights apply; other apps register what is theirs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.db.models import Q
from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crm import wording
from crm.models import Agent, Lead, Listing
from crm.pages import places
from crm.phones import to_e164
from crm.rights import visible_leads

MOST_OF_A_KIND = 8
LONGEST_QUERY = 100


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
    query = " ".join(query.replace("\0", "").split())[:LONGEST_QUERY]
    if not query:
        return [(_("Acts"), _verbs())]
    found = [(str(label), search(person, query)[:MOST_OF_A_KIND]) for label, search in _searches]
    return [(label, items) for label, items in found if items]


def leads(person: Agent, query: str) -> list[Item]:
    """Return leads by name, number or address; a whole number that nobody has can be made a lead."""
    digits = "".join(char for char in query if char.isdigit())
    fits = Q(full_name__icontains=query) | Q(email__istartswith=query)
    fits |= Q(phone__contains=digits) if len(digits) >= 3 else Q(pk__in=[])
    rows = visible_leads(person, Lead.objects.filter(fits)).order_by("-created_at", "-pk").select_related("owner")
    items = [_lead_item(lead) for lead in rows[:MOST_OF_A_KIND]]
    number = to_e164(query) if len(digits) >= 7 else None
    if number and not any(lead.phone == number for lead in rows):
        label = _("Create a lead with %(number)s") % {"number": wording.phone(number)}
        items.append(Item(label, "", "user-plus", f"{reverse('palette-lead')}?phone={number[1:]}", is_post=True))
    return items


def _lead_item(lead: Lead) -> Item:
    detail = [wording.phone(lead.phone), str(lead.get_stage_display()), str(lead.owner or "")]
    return Item(wording.person(lead), " · ".join(filter(None, detail)), "contact", _address("lead", lead.pk))


def listings(person: Agent, query: str) -> list[Item]:
    rows = Listing.objects.filter(Q(address__icontains=query) | Q(neighborhood__icontains=query))
    return [
        Item(str(row), f"{wording.monthly(row.rent, row.currency)} · {row.get_status_display()}", "house", href)
        for row in rows[:MOST_OF_A_KIND]
        if (href := _address("listing", row.pk))
    ]


def people(person: Agent, query: str) -> list[Item]:
    rows = Agent.objects.filter(Q(full_name__icontains=query) | Q(email__istartswith=query), is_active=True)
    return [
        Item(row.full_name, str(row.get_role_display()), "user-round", f"{reverse('users')}?q={row.email}")
        for row in rows[:MOST_OF_A_KIND]
    ]


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
        Item(label, "", icon, _address(name) + query, is_post=name == "notifications-read")
        for label, icon, name, query in verbs
        if _address(name)
    ]


def _address(name: str, *args: int) -> str:
    """Return the page's address, "" as long as there is no such page."""
    try:
        return reverse(name, args=args)
    except NoReverseMatch:
        return ""


def connect() -> None:
    register(gettext_lazy("Acts and places"), acts)
    register(gettext_lazy("Leads"), leads)
    register(gettext_lazy("Listings"), listings)
    register(gettext_lazy("People"), people)
