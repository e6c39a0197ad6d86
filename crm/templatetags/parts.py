"""Tags that templates share: times, money, faces, places, links that keep the filters."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from django import template
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from crm import first_steps, wording
from crm.models import Agent
from crm.pages import lists, places

register = template.Library()
register.filter("money", wording.money)


def _clock(at: datetime, now: datetime) -> str:
    return wording.clock(at)


@register.simple_tag
def when(at: datetime | None, form: str = "long") -> SafeString | str:
    """Write an instant as <time>: "long" Friday 12 June, 15:00 (in 3 days), "short", "ago" 5 min ago, "clock" 15:00.

    The long form is what the pointer finds on the others.
    """
    if at is None:
        return ""
    now = timezone.now()
    long = wording.when(at, now)
    shown = {"short": wording.short, "ago": wording.distance, "clock": _clock}.get(form, wording.when)(at, now)
    stamp = timezone.localtime(at).isoformat()
    if shown == long:
        return format_html('<time datetime="{}">{}</time>', stamp, shown)
    return format_html('<time datetime="{}" title="{}">{}</time>', stamp, long, shown)


@register.filter
def rent(amount: Decimal | None, currency: str) -> str:
    """Return an amount per month: "$1,800 a month"."""
    return wording.monthly(amount, currency)


@register.inclusion_tag("parts/avatar.html")
def avatar(agent: Agent | None, *, named: bool = False) -> dict[str, object]:
    """Show a person's initials, with the name beside them or for the pointer; nobody is a dashed circle."""
    return {"agent": agent, "named": named}


@register.simple_tag
def places_for(person: Agent) -> list[places.Entry]:
    return places.entries(person)


@register.simple_tag(takes_context=True)
def query(context: template.Context, **changes: object) -> str:
    """Return "?…" for this page with `changes`, keeping the other filters."""
    request: HttpRequest = context["request"]
    return lists.link(request, **changes)


@register.simple_tag(takes_context=True, name="first_steps")
def first_steps_of(context: template.Context) -> first_steps.Checklist | None:
    return first_steps.checklist(context["request"].user)
