"""Where things lie in the diary's grid, and the words around its days."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from django import template
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from crm.diary.blocks import Placed
from crm.diary.filters import Filters
from crm.diary.grid import ROW_MINUTES, Cell, Grid
from crm.models import Agent, AppointmentStatus

register = template.Library()

_ICONS = {
    AppointmentStatus.HELD: "hourglass",
    AppointmentStatus.BOOKED: "calendar-clock",
    AppointmentStatus.CANCELLED: "calendar-x",
    AppointmentStatus.COMPLETED: "calendar-check",
    AppointmentStatus.NO_SHOW: "user",
}
_TONES = {
    AppointmentStatus.HELD: "warn",
    AppointmentStatus.BOOKED: "accent",
    AppointmentStatus.CANCELLED: "muted",
    AppointmentStatus.COMPLETED: "ok",
    AppointmentStatus.NO_SHOW: "bad",
}


@register.simple_tag
def cell_at(cell: Cell, grid: Grid) -> str:
    """Return the classes that put a step into its rows, "" when its hour is not shown."""
    rows = _rows(cell.minute, cell.minutes, grid)
    halves = {0: "col-start-1 col-span-12", 1: "col-start-1 col-span-6", 2: "col-start-7 col-span-6"}
    return f"{rows} {halves[cell.half]}" if rows else ""


@register.simple_tag
def block_at(placed: Placed, grid: Grid) -> str:
    """Return the classes that put a block into its rows and its share of the width."""
    rows = _rows(placed.minute, placed.minutes, grid)
    return f"{rows} col-start-{placed.first_twelfth} col-span-{placed.twelfths}" if rows else ""


@register.simple_tag
def hour_at(hour: int, grid: Grid) -> str:
    return _rows(hour * 60, 60, grid)


@register.simple_tag
def minute_at(minute: int, grid: Grid) -> str:
    return _rows(minute, ROW_MINUTES, grid)


def _rows(minute: int, minutes: int, grid: Grid) -> str:
    """Return the rows of a stretch of the day, cut to the hours shown."""
    first, last = max(minute, grid.first_hour * 60), min(minute + minutes, grid.last_hour * 60)
    if last <= first:
        return ""
    start = (first - grid.first_hour * 60) // ROW_MINUTES
    end = -(-(last - grid.first_hour * 60) // ROW_MINUTES)
    return f"row-start-{start + 1} row-span-{end - start}"


@register.filter
def whole_hour(hour: int) -> str:
    return f"{hour:02}:00"


@register.filter
def status_icon(status: str) -> str:
    return _ICONS[AppointmentStatus(status)]


@register.filter
def status_tone(status: str) -> str:
    return _TONES[AppointmentStatus(status)]


@register.filter
def day_away(day: date, today: date) -> str:
    """Return "today", "tomorrow", "in 3 days", "2 days ago"."""
    days = (day - today).days
    if days in (-1, 0, 1):
        return {-1: _("yesterday"), 0: _("today"), 1: _("tomorrow")}[days]
    if days > 0:
        return ngettext("in %(n)s day", "in %(n)s days", days) % {"n": days}
    return ngettext("%(n)s day ago", "%(n)s days ago", -days) % {"n": -days}


@register.filter
def span_of(filters: Filters) -> str:
    """Return "Monday 23 November 2026", "23 – 29 November 2026", "30 November – 6 December 2026"."""
    first, last = filters.days[0], filters.days[-1]
    if first == last:
        return date_format(first, _("l j F Y"))
    end = date_format(last, _("j F Y"))
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day} – {end}"
    start = date_format(first, _("j F") if first.year == last.year else _("j F Y"))
    return f"{start} – {end}"


@register.simple_tag
def other_clock(agent: Agent, at: datetime) -> str:
    """Return "16:00 in New York" when the agent's clocks show another time than the viewer's, else ""."""
    local = at.astimezone(ZoneInfo(agent.timezone))
    if local.utcoffset() == timezone.localtime(at).utcoffset():
        return ""
    place = agent.timezone.rpartition("/")[2].replace("_", " ")
    return _("%(time)s in %(place)s") % {"time": date_format(local, "H:i"), "place": place}


@register.simple_tag
def other_zone(agent: Agent | None, day: date) -> str:
    """Return the agent's zone, "New York", when it differs from the viewer's that day."""
    if agent is None:
        return ""
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=timezone.get_current_timezone())
    is_same = noon.astimezone(ZoneInfo(agent.timezone)).utcoffset() == noon.utcoffset()
    return "" if is_same else agent.timezone.rpartition("/")[2].replace("_", " ")


@register.simple_tag
def lanes_from(filters: Filters, offset: int) -> str:
    """Return the address that shows the columns from this one on."""
    return f"{reverse('appointments')}?{filters.query(columns=offset)}"
