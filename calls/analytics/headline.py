"""The few figures at the top, each beside the same stretch of days before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import Avg, Count, F, Q, Sum
from django.utils.translation import gettext as _

from calls.analytics.asked import Asked, Period
from calls.filters import booked_in
from crm import wording

# A figure of the sums of one period: as a number, and as it is written.
Read = Callable[[dict[str, Any]], tuple[float | None, str]]
_NONE = "–"
# A larger change in per cent says nothing: there was next to nothing before.
MOST_CHANGE = 300


@dataclass(frozen=True)
class Figure:
    """One number with what it means, how it was before, and the rows behind it."""

    label: str
    value: str
    before: str
    change: str
    definition: str
    href: str


def sums(asked: Asked, period: Period) -> dict[str, Any]:
    """Return the sums of one period, in one statement."""
    connected = Q(started_at__isnull=False)
    return (
        asked.calls(period)
        .annotate(is_booked=booked_in(), talked=F("ended_at") - F("started_at"))
        .aggregate(
            calls=Count("pk"),
            connected=Count("pk", filter=connected),
            booked=Count("pk", filter=Q(is_booked=True)),
            lasted=Avg("talked"),
            cost=Sum("cost"),
            alerts=Count("pk", filter=~Q(alerts=[])),
        )
    )


def headline(asked: Asked) -> list[Figure]:
    """Return the figures; two statements."""
    now, then = sums(asked, asked.period), sums(asked, asked.period.before)
    every, booked = asked.href(), asked.href(booked="on")
    return [
        _figure(_("Calls"), _count("calls"), now, then, every),
        _figure(_("Connected"), _count("connected"), now, then, every),
        _figure(_("Viewings booked"), _count("booked"), now, then, booked),
        _figure(_("Booking rate"), _rate, now, then, booked),
        _figure(_("Average length"), _length, now, then, every),
        _figure(_("Cost"), _cost, now, then, every),
        _figure(_("Cost per viewing"), _cost_each, now, then, booked),
        _figure(_("With an alert"), _count("alerts"), now, then, asked.href(alert="on")),
    ]


def definitions() -> dict[str, str]:
    """Return what each figure counts."""
    return {
        _("Calls"): _("Calls that began in these days; practice calls are left out."),
        _("Connected"): _("Calls in which somebody was on the line; the rest was not answered."),
        _("Viewings booked"): _("Calls in which a viewing was booked that has not been cancelled since."),
        _("Booking rate"): _("Calls with a booked viewing, of all connected calls."),
        _("Average length"): _("From being connected to the end, over ended calls."),
        _("Cost"): _("What Vapi reported for these calls, in US dollars."),
        _("Cost per viewing"): _("The cost of all calls, shared among those with a booked viewing."),
        _("With an alert"): _("Calls that were slow, silent, often interrupted, or without a model for a while."),
    }


def _figure(label: str, read: Read, now: dict[str, Any], then: dict[str, Any], href: str) -> Figure:
    (value, said), (earlier, was) = read(now), read(then)
    return Figure(label, said, was, _change(value, earlier), definitions()[label], href)


def _change(value: float | None, earlier: float | None) -> str:
    if value is None or not earlier:
        return ""
    share = round((value - earlier) / earlier * 100)
    if abs(share) > MOST_CHANGE:
        return ""
    return f"{share:+d} %" if share else _("the same")


def _count(name: str) -> Read:
    return lambda sums: (sums[name], f"{sums[name]:,}")


def _rate(sums: dict[str, Any]) -> tuple[float | None, str]:
    share = sums["booked"] / sums["connected"] if sums["connected"] else None
    return share, _NONE if share is None else f"{share:.0%}"


def _length(sums: dict[str, Any]) -> tuple[float | None, str]:
    seconds = sums["lasted"].total_seconds() if sums["lasted"] else None
    return seconds, _NONE if seconds is None else wording.duration(seconds)


def _cost(sums: dict[str, Any]) -> tuple[float | None, str]:
    cost = sums["cost"]
    return (None, _NONE) if cost is None else (float(cost), f"${cost:,.2f}")


def _cost_each(sums: dict[str, Any]) -> tuple[float | None, str]:
    if sums["cost"] is None or not sums["booked"]:
        return None, _NONE
    each = float(sums["cost"]) / sums["booked"]
    return each, f"${each:,.2f}"
