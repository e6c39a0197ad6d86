"""Why a time is not offered: every rule that closes it, in words, with what is in the way."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Q
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from crm.availability import closing_rules, rules_for
from crm.diary.days import standing
from crm.models import Appointment, BusyTime, Closure, ListingStatus, WorkingHours
from crm.rights import visible_appointments
from crm.wording import clock, when

if TYPE_CHECKING:
    from collections.abc import Callable

    from crm.availability import BookingRules
    from crm.models import Agent, Listing


@dataclass(frozen=True)
class Question:
    """Somebody asks why `agent` cannot show `listing`, or anything, at a time."""

    viewer: Agent
    agent: Agent
    listing: Listing | None
    starts_at: datetime
    rules: BookingRules
    now: datetime

    @property
    def ends_at(self) -> datetime:
        return self.starts_at + self.rules.length


@dataclass(frozen=True)
class Reason:
    """One rule that says no: its name, and what it means here."""

    rule: str
    title: str
    text: str


def reasons(
    *, viewer: Agent, agent: Agent, listing: Listing | None, starts_at: datetime, now: datetime
) -> list[Reason]:
    """Return why this start is not offered; nothing when it is."""
    question = Question(viewer, agent, listing, starts_at, rules_for(listing), now)
    found = closing_rules(starts_at=starts_at, agent_ids=[agent.pk], listing=listing, now=now).get(agent.pk)
    if found is None:
        return [_not_bookable(question)]
    said = [Reason(rule, _TITLES[rule](), _TEXTS[rule](question)) for rule in found]
    # A buffer is worth a word of its own only where the viewing itself would still fit.
    inner = {"busy", "appointment", "hold"} & set(found)
    return [reason for reason in said if not (reason.rule == "buffer" and inner)]


def _not_bookable(asked: Question) -> Reason:
    agent, listing = asked.agent, asked.listing
    if listing and listing.status != ListingStatus.AVAILABLE:
        text = _("%(home)s is %(status)s: no viewings are offered.")
        return Reason(
            "not_shown",
            _("Home not available"),
            text % {"home": listing, "status": listing.get_status_display().lower()},
        )
    if not (agent.is_active and agent.is_bookable):
        return Reason(
            "not_shown", _("Not bookable"), _("No viewings are offered on the time of %(agent)s.") % {"agent": agent}
        )
    return Reason("not_shown", _("Not assigned"), _("%(agent)s does not show this home.") % {"agent": agent})


def _hours(asked: Question) -> str:
    tz = ZoneInfo(asked.agent.timezone)
    local = asked.starts_at.astimezone(tz)
    rows = WorkingHours.objects.filter(agent=asked.agent, weekday=local.weekday())
    stretches = ", ".join(f"{_minutes(row.start_minute)}–{_minutes(row.end_minute)}" for row in rows)
    weekday = date_format(local, "l")
    if not stretches:
        return _("%(agent)s does not work on %(day)s.") % {"agent": asked.agent, "day": weekday}
    text = _(
        "On %(day)s %(agent)s works %(hours)s (%(zone)s); a viewing takes %(minutes)s minutes and must end by then."
    )
    zone = asked.agent.timezone.rpartition("/")[2].replace("_", " ")
    length = int(asked.rules.length / timedelta(minutes=1))
    return text % {"day": weekday, "agent": asked.agent, "hours": stretches, "zone": zone, "minutes": length}


def _closure(asked: Question) -> str:
    first = asked.starts_at.astimezone(settings.OFFICE_TZ).date()
    last = asked.ends_at.astimezone(settings.OFFICE_TZ).date()
    row = Closure.objects.filter(starts_on__lte=last, ends_on__gte=first).first()
    reason = row.reason if row else ""
    return (
        _("The office is closed: %(reason)s.") % {"reason": reason} if reason else _("The office is closed that day.")
    )


def _busy(asked: Question) -> str:
    rows = BusyTime.objects.filter(agent=asked.agent, starts_at__lt=asked.ends_at, ends_at__gt=asked.starts_at)
    row = rows.first()
    if row is None:
        return _("%(agent)s is busy then.") % {"agent": asked.agent}
    title = row.reason if asked.agent.pk == asked.viewer.pk and row.reason else _("Busy")
    return _("%(title)s, %(span)s.") % {"title": title, "span": _span(row.starts_at, row.ends_at)}


def _appointment(asked: Question) -> str:
    rows = standing(Appointment.objects.filter(_in_the_way(asked)), asked.now)
    seen = visible_appointments(asked.viewer, rows).select_related("listing", "agent").first()
    if seen:
        text = _("%(agent)s shows %(home)s, %(span)s.")
        return text % {"agent": seen.agent, "home": seen.listing, "span": _span(seen.starts_at, seen.ends_at)}
    row = rows.first()
    return _("Taken, %(span)s.") % {"span": _span(row.starts_at, row.ends_at)} if row else _("Already taken.")


def _in_the_way(asked: Question) -> Q:
    over_it = Q(starts_at__lt=asked.ends_at, ends_at__gt=asked.starts_at)
    whose = Q(agent=asked.agent)
    if asked.listing and not asked.listing.allows_stacked_viewings:
        whose |= Q(listing=asked.listing)
    return over_it & whose


def _hold(asked: Question) -> str:
    rows = standing(Appointment.objects.filter(_in_the_way(asked), status="held"), asked.now)
    row = rows.order_by("-expires_at").first()
    if row is None or row.expires_at is None:
        return _("Somebody is being offered this time.")
    return _("Held for a caller until %(time)s unless it is booked.") % {"time": clock(row.expires_at)}


def _buffer(asked: Question) -> str:
    before, after = asked.rules.before_minutes, asked.rules.after_minutes
    text = _("Too close to another time: a viewing keeps %(before)s minutes free before it and %(after)s after.")
    return text % {"before": before, "after": after}


def _notice(asked: Question) -> str:
    if asked.starts_at <= asked.now:
        return _("This time has passed.")
    minutes = int(asked.rules.notice / timedelta(minutes=1))
    text = ngettext(
        "Viewings are booked at least %(n)s minute ahead: from %(from)s.",
        "Viewings are booked at least %(n)s minutes ahead: from %(from)s.",
        minutes,
    )
    return text % {"n": minutes, "from": when(asked.now + asked.rules.notice, asked.now)}


def _horizon(asked: Question) -> str:
    days = asked.rules.horizon.days
    text = ngettext(
        "Viewings are booked at most %(n)s day ahead.", "Viewings are booked at most %(n)s days ahead.", days
    )
    return text % {"n": days}


def _cap(asked: Question) -> str:
    cap = asked.rules.daily_cap or 0
    text = ngettext(
        "The day is full: %(n)s viewing for each agent.", "The day is full: %(n)s viewings for each agent.", cap
    )
    return text % {"n": cap}


def _span(start: datetime, end: datetime) -> str:
    first, last = timezone.localtime(start), timezone.localtime(end)
    if first.date() == last.date():
        return f"{clock(start)}–{clock(end)}"
    return f"{date_format(first, 'j M H:i')} – {date_format(last, 'j M H:i')}"


def _minutes(minute: int) -> str:
    return f"{minute // 60}:{minute % 60:02}"


_TITLES: dict[str, Callable[[], str]] = {
    "outside_hours": lambda: _("Outside working hours"),
    "closure": lambda: _("Office closed"),
    "busy": lambda: _("Busy"),
    "appointment": lambda: _("Another viewing"),
    "hold": lambda: _("Held"),
    "buffer": lambda: _("Buffer"),
    "minimum_notice": lambda: _("Minimum notice"),
    "horizon": lambda: _("Too far ahead"),
    "daily_cap": lambda: _("Daily limit"),
}
_TEXTS: dict[str, Callable[[Question], str]] = {
    "outside_hours": _hours,
    "closure": _closure,
    "busy": _busy,
    "appointment": _appointment,
    "hold": _hold,
    "buffer": _buffer,
    "minimum_notice": _notice,
    "horizon": _horizon,
    "daily_cap": _cap,
}
