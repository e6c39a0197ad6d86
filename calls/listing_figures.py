"""What calls tell about a home: how many there were, what was asked, and what the assistant says about it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime

from django.conf import settings
from django.db.models import Count, Exists, Max, OuterRef
from django.utils import timezone

from calls.models import Call, ToolCall
from calls.tools.rentals import tell
from crm import listing_health, listing_words
from crm.listing_health import CallFigures
from crm.models import Listing

# Which tool calls are a question of the caller's about a home, and of which kind.
QUESTIONS = {"get_property_details": "details", "get_availability": "times"}


def register() -> None:
    listing_health.register(figures, asked_about)
    listing_words.register(say)


def asked_about(since: datetime) -> Exists:
    """Return the condition that a call since then was about a home."""
    return Exists(Call.objects.filter(listing=OuterRef("pk"), created_at__gte=since))


def figures(listings: Collection[int], since: datetime) -> Mapping[int, CallFigures]:
    """Return the figures of the homes that calls since then were about; two queries."""
    recent = Call.objects.filter(listing__in=listings, created_at__gte=since).order_by()
    asked: dict[int, dict[str, int]] = defaultdict(dict)
    questions = ToolCall.objects.filter(call__in=recent, name__in=QUESTIONS).order_by()
    for listing_id, name, count in questions.values_list("call__listing", "name").annotate(n=Count("pk")):
        asked[listing_id][QUESTIONS[name]] = count
    rows = recent.values_list("listing").annotate(n=Count("pk"), last=Max("created_at"))
    return {listing_id: CallFigures(n, asked.get(listing_id, {}), last) for listing_id, n, last in rows}


def say(listing: Listing) -> str:
    """Return what the assistant tells a caller who asks about the home today."""
    return tell(listing, timezone.localdate(timezone=settings.OFFICE_TZ))
