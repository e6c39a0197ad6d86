"""How far calendars are read: from yesterday to the end of what can be offered."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Max

from calendar_sync.models import Calendar
from crm.models import Listing, OfficeSettings

BEHIND = timedelta(days=1)
# A round's window does not move; one that reaches a day further is good for a day.
SPARE = timedelta(days=1)
# A viewing that begins at the end of what is offered ends later, and where the sun rises first the whole days of
# Outlook, which are listed as if they were days of UTC, begin half a day sooner.
BEYOND = timedelta(days=1)


def ahead() -> timedelta:
    """Return how far from now busy times must be known: CALENDAR_AHEAD_DAYS, or further where viewings are offered."""
    of_listings = Listing.objects.aggregate(Max("horizon_days"))["horizon_days__max"] or 0
    days = max(settings.CALENDAR_AHEAD_DAYS, OfficeSettings.load().horizon_days, of_listings)
    return timedelta(days=days) + BEYOND


def window_at(now: datetime) -> tuple[datetime, datetime]:
    """Return the window [start, end) of a round that begins now, in whole seconds."""
    now = now.replace(microsecond=0)
    return now - BEHIND, now + ahead() + SPARE


def is_covered(calendar: Calendar, now: datetime) -> bool:
    """Say whether the window a calendar was read over still reaches far enough."""
    return calendar.window_ends_at is not None and calendar.window_ends_at >= now + ahead()
