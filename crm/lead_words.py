"""What pages say about a lead in a few words."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from crm import wording
from crm.models import Lead, LeadStage

STAGE_REASONS: list[str | Promise] = [
    gettext_lazy("Rented elsewhere"),
    gettext_lazy("Over budget"),
    gettext_lazy("Does not answer"),
    gettext_lazy("Needs something else"),
    gettext_lazy("Stays where they are"),
]
# How far along each stage is, of six.
STEPS: dict[str, int] = {
    stage.value: place for place, stage in enumerate(LeadStage, start=1) if stage != LeadStage.LOST
}


def home_wanted(lead: Lead) -> str:
    """Return "2-bedroom apartment, Logan Square"; nothing when nothing is known."""
    kind = lead.property_type
    if lead.bedrooms is not None and kind.lower() != "studio":
        rooms = ngettext("%(n)s bedroom", "%(n)s bedrooms", lead.bedrooms) % {"n": lead.bedrooms}
        kind = f"{rooms}, {kind}" if kind else rooms
    return ", ".join(filter(None, [kind[:1].upper() + kind[1:], lead.location]))


def terms_wanted(lead: Lead) -> str:
    """Return "up to $1,950 · from 1 June · one cat"; nothing when nothing is known."""
    budget = _("up to %(amount)s") % {"amount": wording.money(lead.budget, lead.currency)} if lead.budget else ""
    start = _("from %(day)s") % {"day": date_format(lead.move_in_on, "j M")} if lead.move_in_on else lead.timeline
    pets = "" if lead.pets.lower() in ("", "none", "no") else lead.pets
    return " · ".join(filter(None, [budget, start, pets]))


_LABELS: dict[str, str | Promise] = {
    "full_name": gettext_lazy("Name"),
    "phone": gettext_lazy("Phone"),
    "email": gettext_lazy("E-mail"),
    "stage": gettext_lazy("Stage"),
    "lost_reason": gettext_lazy("Why lost"),
    "owner": gettext_lazy("Owner"),
    "budget": gettext_lazy("Budget a month"),
    "timeline": gettext_lazy("When"),
    "property_type": gettext_lazy("Kind of home"),
    "location": gettext_lazy("Where"),
    "bedrooms": gettext_lazy("Bedrooms"),
    "pets": gettext_lazy("Pets"),
    "move_in_on": gettext_lazy("Moves in on"),
    "source": gettext_lazy("Source"),
    "consent_at": gettext_lazy("Consent"),
}


def field_label(name: str) -> str:
    """Return what people call a field of a lead."""
    return str(_LABELS.get(name, name.replace("_", " ").capitalize()))


def written(name: str, value: Any, currency: str = "USD") -> str:
    """Return a field's value, whether it comes from the lead or from its timeline, as people read it; "–" for none."""
    if value in (None, ""):
        return "–"
    if name == "stage":
        return str(dict(LeadStage.choices).get(value, value))
    if name == "phone":
        return wording.phone(str(value))
    try:
        if name == "budget":
            return wording.money(Decimal(str(value)), currency)
        if name == "move_in_on":
            return date_format(date.fromisoformat(str(value)), _("j F Y"))
        if name == "consent_at":
            return date_format(timezone.localtime(datetime.fromisoformat(str(value))), _("j F Y, H:i"))
    except (ValueError, InvalidOperation):
        return str(value)
    return str(value)
