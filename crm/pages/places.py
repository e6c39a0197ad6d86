"""The places of the desk, as the rail, the palette and the shortcuts name them.

Another app adds a live count to one by `register_count`; crm imports none of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from crm.models import Agent


@dataclass(frozen=True)
class Count:
    """A number beside a place. `is_bad`: somebody has to look."""

    number: int
    title: str | Promise
    is_bad: bool = False


@dataclass(frozen=True)
class Place:
    """One entry of the rail. `name` is its url's name; after `g`, `key` goes there.

    `is_main` places lie at the bottom of a phone's screen, the rest behind "More".
    """

    name: str
    label: str | Promise
    icon: str
    key: str
    is_main: bool = False
    is_for_staff: bool = False


@dataclass(frozen=True)
class Entry:
    place: Place
    href: str
    count: Count | None


PLACES = [
    Place("dashboard", _("Live desk"), "layout-dashboard", "d", is_main=True),
    Place("calls", _("Calls"), "phone", "c", is_main=True),
    Place("leads", _("Leads"), "contact", "l", is_main=True),
    Place("pipeline", _("Pipeline"), "square-kanban", "p"),
    Place("appointments", _("Appointments"), "calendar-days", "a", is_main=True),
    Place("listings", _("Listings"), "house", "h"),
    Place("users", _("People"), "users", "u"),
    Place("assistants", _("Assistants"), "bot", "i"),
    Place("vapi-agent", _("Talk to Pete"), "phone-call", "t"),
    Place("rehearsals", _("Rehearsals"), "drama", "r"),
    Place("analytics", _("Analytics"), "chart-column", "y"),
    Place("notifications", _("Notifications"), "bell", "n", is_main=True),
    Place("settings", _("Settings"), "settings", "s"),
    Place("test-suite", _("Checks"), "stethoscope", "k"),
    Place("admin:index", _("Administration"), "shield", "m", is_for_staff=True),
]

_counts: dict[str, Callable[[Agent], Count | None]] = {}


def register_count(name: str, count: Callable[[Agent], Count | None]) -> None:
    """Have `count` asked, on every page, what stands beside the place; None or a zero shows nothing."""
    _counts[name] = count


def entries(person: Agent) -> list[Entry]:
    """Return the places that exist and that this person may enter."""
    found = []
    for place in PLACES:
        href = _href(place.name)
        if href and (person.is_staff or not place.is_for_staff):
            count = _counts[place.name](person) if place.name in _counts else None
            found.append(Entry(place, href, count if count and count.number else None))
    return found


def _href(name: str) -> str:
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""
