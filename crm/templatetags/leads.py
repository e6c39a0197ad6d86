"""Template filters of the pages about leads."""

from __future__ import annotations

from datetime import date

from django import template
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from crm import lead_words, wording
from crm.models import Lead

register = template.Library()
register.filter("home_wanted", lead_words.home_wanted)
register.filter("duration", wording.duration)
register.filter("terms_wanted", lead_words.terms_wanted)


@register.filter
def day_name(on: date) -> str:
    """Return "Today", "Yesterday", or "Monday 3 June", with the year when it is another one."""
    today = timezone.localdate()
    if (today - on).days in (0, 1):
        return _("Today") if on == today else _("Yesterday")
    return date_format(on, _("l j F") if on.year == today.year else _("l j F Y"))


@register.inclusion_tag("crm/leads/parts/stage.html")
def stage(lead: Lead) -> dict[str, object]:
    """Show the stage as a word over how far along it is."""
    return {
        "lead": lead,
        "place": lead_words.STEPS.get(lead.stage, 0),
        "steps": range(1, len(lead_words.STEPS) + 1),
    }
