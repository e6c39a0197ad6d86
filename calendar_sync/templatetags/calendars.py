"""What templates ask about connected calendars."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from django import template
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

register = template.Library()
HOUR, DAY = 3600, 86_400


@register.filter
def ago(at: datetime) -> str:
    """Return how long ago something was: "12 min ago"."""
    seconds = (timezone.now() - at).total_seconds()
    if seconds < 60:
        return _("just now")
    if seconds < HOUR:
        return ngettext("%(n)s min ago", "%(n)s min ago", int(seconds // 60)) % {"n": int(seconds // 60)}
    if seconds < DAY:
        return ngettext("%(n)s h ago", "%(n)s h ago", int(seconds // HOUR)) % {"n": int(seconds // HOUR)}
    days = int(seconds // DAY)
    return ngettext("%(n)s day ago", "%(n)s days ago", days) % {"n": days}


@register.filter
def ahead(at: datetime) -> str:
    """Return how long it is until then: "in 6 days"."""
    seconds = (at - timezone.now()).total_seconds()
    if seconds < 60:
        return _("now")
    if seconds < HOUR:
        return _("in %(n)s min") % {"n": int(seconds // 60)}
    if seconds < 2 * DAY:
        return _("in %(n)s h") % {"n": int(seconds // HOUR)}
    return _("in %(n)s days") % {"n": int(seconds // DAY)}


@register.filter
def place_of(zone: str) -> str:
    """Return the city of an IANA zone, as people say it: "New York"."""
    return zone.rpartition("/")[2].replace("_", " ")


@register.filter
def clock_in(now: datetime, zone: str) -> str:
    """Return what the clocks of a zone show: "14:02"."""
    return f"{now.astimezone(ZoneInfo(zone)):%H:%M}"
