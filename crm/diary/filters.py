"""What somebody looks at in the diary: which days, whose, how."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from crm.models import AppointmentStatus
from crm.rights import Scope, sees_everything

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crm.models import Agent

SCOPES = [Scope.MINE, Scope.TEAM, Scope.ALL]
_LARGEST_ID = 2**63 - 1
# Further away nothing can be booked, and dates would run out of the calendar.
FIRST_DAY, LAST_DAY = date(2000, 1, 3), date(2100, 1, 1)


class View(TextChoices):
    """How the days are laid out."""

    WEEK = "week", _("Week")
    DAY = "day", _("Day")
    AGENDA = "agenda", _("Agenda")


class By(TextChoices):
    """What a column stands for."""

    AGENT = "agent", _("Agents")
    LISTING = "listing", _("Listings")


@dataclass(frozen=True)
class Filters:
    """`view` is None when nobody chose one: the window's width decides. `tz` is the viewer's."""

    view: View | None
    scope: Scope
    day: date
    by: By
    agent: int | None
    listing: int | None
    status: AppointmentStatus | None
    columns: int
    tz: ZoneInfo
    today: date
    usual: Scope

    @classmethod
    def read(cls, given: Mapping[str, str], viewer: Agent, now: datetime) -> Filters:
        """Read a query; what makes no sense counts as not given."""
        tz = ZoneInfo(viewer.timezone)
        today = now.astimezone(tz).date()
        usual = _usual_scope(viewer)
        scope = _choice(Scope, given.get("scope"))
        return cls(
            view=_choice(View, given.get("view")),
            scope=scope if scope in SCOPES else usual,
            day=_day(given.get("date"), today),
            by=_choice(By, given.get("by")) or By.AGENT,
            agent=whole(given.get("agent")),
            listing=whole(given.get("listing")),
            status=_choice(AppointmentStatus, given.get("status")),
            columns=min(whole(given.get("columns")) or 0, 10_000),
            tz=tz,
            today=today,
            usual=usual,
        )

    @property
    def layout(self) -> View:
        """What is drawn: a week of one's own, else a day with a column for each."""
        if self.view is not None:
            return self.view
        alone = self.scope == Scope.MINE or (self.by == By.AGENT and self.agent is not None)
        return View.WEEK if alone and self.by == By.AGENT else View.DAY

    @property
    def days(self) -> list[date]:
        """The days shown: the one chosen, or its week from Monday. An agenda reads on for a week from the day."""
        if self.layout == View.DAY:
            return [self.day]
        first = self.day if self.layout == View.AGENDA else self.day - timedelta(days=self.day.weekday())
        return [first + timedelta(days=n) for n in range(7)]

    @property
    def start(self) -> datetime:
        return datetime.combine(self.days[0], time(), self.tz)

    @property
    def end(self) -> datetime:
        return datetime.combine(self.days[-1] + timedelta(days=1), time(), self.tz)

    @property
    def step(self) -> timedelta:
        return timedelta(days=1 if self.layout == View.DAY else 7)

    @property
    def is_narrowed(self) -> bool:
        return any((self.agent, self.listing, self.status))

    def moved(self, **changes: Any) -> Filters:
        return replace(self, **changes)

    def query(self, **changes: Any) -> str:
        """Return the query of an address that shows this, with `changes`; what is usual is left out."""
        shown = replace(self, **changes)
        parts: dict[str, Any] = {
            "view": shown.view or "",
            "scope": shown.scope if shown.scope != self.usual else "",
            "date": shown.day.isoformat() if shown.day != self.today else "",
            "by": shown.by if shown.by != By.AGENT else "",
            "agent": shown.agent or "",
            "listing": shown.listing or "",
            "status": shown.status or "",
            "columns": shown.columns or "",
        }
        return urlencode({name: value for name, value in parts.items() if value != ""})


def whole(text: str | None) -> int | None:
    """Return an id, None for what is none."""
    if text is None or not (text.isascii() and text.isdigit() and len(text) < 20):
        return None
    number = int(text)
    return number if 0 < number <= _LARGEST_ID else None


def read_day(text: str | None) -> date | None:
    """Return an ISO date within the diary's reach."""
    try:
        day = date.fromisoformat(text or "")
    except ValueError:
        return None
    return day if FIRST_DAY <= day < LAST_DAY else None


def _day(text: str | None, today: date) -> date:
    return read_day(text) or today


def _choice(choices: type[Any], text: str | None) -> Any:
    return choices(text) if text in choices.values else None


def _usual_scope(viewer: Agent) -> Scope:
    """Return the tab that opens first: one's own time, unless somebody looks after that of others."""
    if not sees_everything(viewer):
        return Scope.MINE
    return Scope.TEAM if viewer.team_id else Scope.ALL
