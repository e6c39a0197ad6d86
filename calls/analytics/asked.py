"""What somebody asks figures about: a stretch of local days, what it is narrowed to, and who asks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Any, TypeVar
from urllib.parse import urlencode

from django.db.models import Exists, Model, OuterRef, QuerySet
from django.http import QueryDict
from django.utils import timezone

from calls.filters import CallFilter, midnight
from calls.models import Call, ToolCall
from calls.rights import visible_calls
from crm.models import Agent, Lead
from crm.rights import visible_leads

Row = TypeVar("Row", bound=Model)
PRESETS = [7, 30, 90]
DEFAULT_DAYS = 30
MOST_DAYS = 400
_NARROWING = ["assistant", "listing", "source", "owner", "team"]


@dataclass(frozen=True)
class Period:
    """Local days from `first` to `last`, both included."""

    first: date
    last: date

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def before(self) -> Period:
        """The same number of days just before."""
        return Period(self.first - timedelta(days=self.days), self.first - timedelta(days=1))

    def narrow(self, rows: QuerySet[Row]) -> QuerySet[Row]:
        """Return the rows made in it, by the clocks of the zone in force: a day has 23, 24 or 25 hours."""
        return rows.filter(created_at__gte=midnight(self.first), created_at__lt=midnight(self.last + timedelta(days=1)))


class Asked:
    """One request for figures."""

    def __init__(self, person: Agent, query: QueryDict) -> None:
        self.person = person
        self.form = CallFilter(query)
        wanted = self.form.wanted
        self.narrowing = {name: wanted[name] for name in _NARROWING if name in wanted}
        self.preset = _preset(query.get("days", ""))
        self.period = _period(wanted.get("since"), wanted.get("until"), self.preset)
        self.is_custom = "since" in wanted or "until" in wanted

    @cached_property
    def _filter(self) -> CallFilter:
        return CallFilter(QueryDict(urlencode({"real": "on", **self._written})))

    @cached_property
    def _written(self) -> dict[str, str]:
        return {name: str(getattr(value, "pk", value)) for name, value in self.narrowing.items()}

    def calls(self, period: Period | None = None) -> QuerySet[Call]:
        """Return the calls that count: real, visible, begun in the period, and fitting what was asked."""
        return (period or self.period).narrow(self._filter.narrow(visible_calls(self.person))).order_by()

    def tools(self) -> QuerySet[ToolCall]:
        return ToolCall.objects.filter(call__in=self.calls().values("pk")).order_by()

    def leads(self, period: Period | None = None) -> QuerySet[Lead]:
        """Return the leads that came in the period and fit; by home or assistant those that called about it."""
        leads = (period or self.period).narrow(visible_leads(self.person))
        columns = {"source": "source", "owner": "owner", "team": "owner__team"}
        leads = leads.filter(**{columns[name]: self.narrowing[name] for name in columns if name in self.narrowing})
        about = {name: self.narrowing[name] for name in ("assistant", "listing") if name in self.narrowing}
        return (leads.filter(Exists(Call.objects.filter(lead=OuterRef("pk"), **about))) if about else leads).order_by()

    def href(self, **more: object) -> str:
        """Return the list of the calls behind a figure."""
        days = {"since": self.period.first.isoformat(), "until": self.period.last.isoformat()}
        return "/calls?" + urlencode({"scope": "all", "real": "on", **days, **self._written, **more})

    def leads_href(self, stages: list[str]) -> str:
        """Return the list of leads that now stand in these stages."""
        query: dict[str, Any] = {"scope": "all", "stage": stages}
        query |= {name: value for name, value in self._written.items() if name in {"source", "owner", "listing"}}
        if not self.is_custom:
            query["created"] = self.preset
        return "/leads?" + urlencode(query, doseq=True)

    def address(self, **changes: object) -> str:
        """Return this page's address with `changes`, None to drop one."""
        days: dict[str, Any] = {"days": self.preset}
        if self.is_custom:
            days = {"since": self.period.first, "until": self.period.last}
        kept: dict[str, Any] = {**days, **self._written, **changes}
        return "?" + urlencode({name: value for name, value in kept.items() if value is not None})


def _preset(text: str) -> int:
    return int(text) if text in {str(days) for days in PRESETS} else DEFAULT_DAYS


def _period(since: date | None, until: date | None, days: int) -> Period:
    last = until or timezone.localdate()
    first = since or last - timedelta(days=days - 1)
    first = min(first, last)
    return Period(max(first, last - timedelta(days=MOST_DAYS - 1)), last)
