"""Words around times, people and numbers, as pages show them: in the office's zone, with weekday and distance."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import phonenumbers
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from crm.models import Lead

_SIGNS = {"USD": "$", "EUR": "€", "GBP": "£"}


def clock(at: datetime) -> str:
    """Return "15:00" in the zone in force."""
    return date_format(timezone.localtime(at), "H:i")


def day_distance(at: datetime, now: datetime) -> str:
    """Return "today", "in 3 days", "2 days ago", counted in local days."""
    days = (timezone.localdate(at) - timezone.localdate(now)).days
    if days == 0:
        return _("today")
    if days > 0:
        return _("tomorrow") if days == 1 else ngettext("in %(n)s day", "in %(n)s days", days) % {"n": days}
    return _("yesterday") if days == -1 else ngettext("%(n)s day ago", "%(n)s days ago", -days) % {"n": -days}


def when(at: datetime, now: datetime) -> str:
    """Return "Thursday 12 June, 15:00 (in 3 days)"."""
    day = date_format(timezone.localtime(at), _("l j F, H:i"))
    return f"{day} ({day_distance(at, now)})"


def short(at: datetime, now: datetime) -> str:
    """Return "today 15:00", "Thu 12 Jun, 15:00", or with the year when it is another one."""
    local = timezone.localtime(at)
    if abs((local.date() - timezone.localdate(now)).days) <= 1:
        return f"{day_distance(at, now)} {date_format(local, 'H:i')}"
    same_year = local.year == timezone.localdate(now).year
    return date_format(local, _("D j M, H:i") if same_year else _("D j M Y, H:i"))


def distance(at: datetime, now: datetime) -> str:
    """Return "just now", "5 min ago", "in 2 h", "yesterday", "in 3 days"."""
    minutes = int((at - now).total_seconds() / 60)
    if minutes == 0:
        return _("just now") if at <= now else _("now")
    if abs(minutes) < 60:
        return _("in %(n)s min") % {"n": minutes} if minutes > 0 else _("%(n)s min ago") % {"n": -minutes}
    if abs(minutes) < 60 * 12:
        hours = int(minutes / 60)
        return _("in %(n)s h") % {"n": hours} if hours > 0 else _("%(n)s h ago") % {"n": -hours}
    return day_distance(at, now)


def money(amount: Decimal | float | None, currency: str = "USD") -> str:
    """Return "$1,800" or "CHF 1,800.50"; nothing for no amount."""
    if amount is None:
        return ""
    exact = Decimal(str(amount))
    number = number_format(exact, decimal_pos=0 if exact == int(exact) else 2, use_l10n=True, force_grouping=True)
    return f"{_SIGNS[currency]}{number}" if currency in _SIGNS else f"{currency} {number}"


def monthly(amount: Decimal | None, currency: str = "USD") -> str:
    """Return "$1,800 a month"; nothing for no amount."""
    return _("%(amount)s a month") % {"amount": money(amount, currency)} if amount is not None else ""


def due(at: datetime, now: datetime) -> str:
    """Return how a due time stands: "overdue 25 min", "in 10 min", else its time of day."""
    minutes = round((at - now).total_seconds() / 60)
    if minutes <= -60 * 24:
        days = -minutes // (60 * 24)
        return ngettext("overdue %(n)s day", "overdue %(n)s days", days) % {"n": days}
    if minutes <= -60:
        return _("overdue %(n)s h") % {"n": -minutes // 60}
    if minutes < 0:
        return _("overdue %(n)s min") % {"n": -minutes}
    if minutes == 0:
        return _("now")
    if minutes < 60:
        return _("in %(n)s min") % {"n": minutes}
    return clock(at)


def phone(number: str | None) -> str:
    """Return an E.164 number in groups: "+1 312-555-0147". What is no number is returned as it is."""
    if not number:
        return ""
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return number
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def person(lead: Lead | None) -> str:
    """Return what to call a lead: the name, else the number in groups or the address."""
    if lead is None:
        return _("unknown caller")
    return lead.full_name or phone(lead.phone) or str(lead)


def initials(name: str) -> str:
    """Return the first letters of the first and the last name."""
    parts = name.split()
    return "".join(part[0] for part in (parts[:1] + parts[1:][-1:])).upper() or "?"


def duration(seconds: float) -> str:
    """Return "1:05" or "1:02:05"."""
    whole = max(int(seconds), 0)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"
