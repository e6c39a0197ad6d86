"""Whose columns a grid has: agents, or homes with the agents who show them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django.db.models import Exists, OuterRef, Prefetch

from crm.diary.filters import By, View
from crm.models import Agent, Listing, ListingStatus, WorkingHours
from crm.rights import Scope, colleagues

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from crm.diary.filters import Filters

# A column must stay wide enough to read: a week has seven of each.
MOST_IN_A_DAY, MOST_IN_A_WEEK = 8, 3


@dataclass(frozen=True)
class Lane:
    """One agent, or one home. `agents` are those whose time it is; `is_open` says whether it can be booked at all."""

    agents: list[Agent]
    listing: Listing | None = None

    @property
    def name(self) -> str:
        return str(self.listing or self.agents[0])

    @property
    def agent(self) -> Agent | None:
        return None if self.listing else self.agents[0]

    @property
    def is_open(self) -> bool:
        return self.listing is None or self.listing.status == ListingStatus.AVAILABLE

    def tz(self, usual: ZoneInfo) -> ZoneInfo:
        return ZoneInfo(self.agents[0].timezone) if self.agent else usual


@dataclass(frozen=True)
class Lanes:
    """The lanes of one screen, and which of all they are."""

    shown: list[Lane]
    offset: int
    total: int
    most: int

    @property
    def previous(self) -> int | None:
        return max(self.offset - self.most, 0) if self.offset else None

    @property
    def next(self) -> int | None:
        after = self.offset + self.most
        return after if after < self.total else None

    @property
    def last(self) -> int:
        return self.offset + len(self.shown)


def lanes(viewer: Agent, filters: Filters) -> Lanes:
    """Return the columns that the filters ask for, as many as fit."""
    most = MOST_IN_A_DAY if filters.layout == View.DAY else MOST_IN_A_WEEK
    rows: QuerySet[Any] = _agents(viewer, filters) if filters.by == By.AGENT else _listings(viewer, filters)
    total = rows.count()
    offset = filters.columns if filters.columns < total else 0
    some = list(rows[offset : offset + most])
    shown = [Lane([row]) if isinstance(row, Agent) else Lane(list(row.agents.all()), row) for row in some]
    return Lanes(shown, offset, total, most)


def in_scope(viewer: Agent, scope: Scope) -> QuerySet[Agent]:
    """Return the active people whose time one tab shows."""
    match scope:
        case Scope.MINE:
            return Agent.objects.filter(pk=viewer.pk)
        case Scope.TEAM:
            return colleagues(viewer).filter(is_active=True)
    return Agent.objects.filter(is_active=True)


def _agents(viewer: Agent, filters: Filters) -> QuerySet[Agent]:
    people = in_scope(viewer, filters.scope)
    if filters.scope != Scope.MINE:
        people = people.filter(Exists(WorkingHours.objects.filter(agent=OuterRef("pk"))), is_bookable=True)
    if filters.agent:
        people = Agent.objects.filter(is_active=True, pk=filters.agent)
    if filters.listing:
        people = people.filter(listings=filters.listing)
    return people.order_by("full_name", "pk")


def _listings(viewer: Agent, filters: Filters) -> QuerySet[Listing]:
    showing = Agent.objects.filter(is_active=True, is_bookable=True).order_by("full_name", "pk")
    homes = Listing.objects.exclude(status__in=[ListingStatus.WITHDRAWN, ListingStatus.LET])
    if filters.listing:
        homes = Listing.objects.filter(pk=filters.listing)
    elif filters.agent:
        homes = homes.filter(agents=filters.agent)
    elif filters.scope != Scope.ALL:
        homes = homes.filter(
            pk__in=Listing.agents.through.objects.filter(agent__in=in_scope(viewer, filters.scope).values("pk")).values(
                "listing"
            )
        )
    return homes.prefetch_related(Prefetch("agents", queryset=showing))
