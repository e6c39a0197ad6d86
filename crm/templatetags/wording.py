"""Template filters over crm.wording."""

from __future__ import annotations

from datetime import datetime

from django import template
from django.utils import timezone

from crm import wording

register = template.Library()
register.filter("phone", wording.phone)
register.filter("person", wording.person)
register.filter("initials", wording.initials)
register.filter("clock", wording.clock)
register.filter("duration", wording.duration)


@register.filter
def when(at: datetime) -> str:
    return wording.when(at, timezone.now())


@register.filter
def due(at: datetime) -> str:
    return wording.due(at, timezone.now())


@register.filter
def distance(at: datetime) -> str:
    return wording.distance(at, timezone.now())


@register.filter
def clock_seconds(at: datetime) -> str:
    """Return "15:00:05", for a page whose age is counted in seconds."""
    return f"{timezone.localtime(at):%H:%M:%S}"
