"""The list of staff: who is shown, in which order, and how many stand how."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from calendar_sync.health import LOCAL, Person, persons, staff
from crm.models import Agent, Team

LONGEST_SEARCH = 200
# What the chips above the list choose from.
GROUPS: dict[str, tuple[Any, Callable[[Person], bool]]] = {
    "": (gettext_lazy("Everybody"), lambda person: True),
    "trouble": (gettext_lazy("Needs attention"), lambda person: person.state.is_trouble),
    "connected": (gettext_lazy("Microsoft 365"), lambda person: person.state is not LOCAL),
    "local": (gettext_lazy("Pete's calendar"), lambda person: person.state is LOCAL),
}


@dataclass(frozen=True)
class Choice:
    """One chip: how many people it shows, and the query that chooses it."""

    key: str
    word: str
    count: int
    is_chosen: bool
    query: str


@dataclass(frozen=True)
class Filters:
    """What the list is narrowed to. Values that make no sense are no filter."""

    search: str = ""
    team: int | None = None
    group: str = ""

    @classmethod
    def read(cls, query: QueryDict) -> Filters:
        team = query.get("team", "")
        group = query.get("show", "")
        search = query.get("q", "").replace("\0", "").strip()[:LONGEST_SEARCH]
        return cls(
            search,
            int(team) if team.isascii() and team.isdigit() and len(team) < 10 else None,
            group * (group in GROUPS),
        )

    def query(self, group: str | None = None) -> str:
        """Return the query string of this list, with another group chosen if one is given."""
        values = QueryDict(mutable=True)
        chosen = {"q": self.search, "team": str(self.team or ""), "show": self.group if group is None else group}
        values.update({name: value for name, value in chosen.items() if value})
        return values.urlencode()

    def __bool__(self) -> bool:
        return bool(self.search or self.team or self.group)


@dataclass
class People:
    """The list: people by team, the chips, and how many the filters hide."""

    filters: Filters
    viewer_id: int
    shown: list[Person]
    choices: list[Choice]
    total: int
    teams: list[Team] = field(default_factory=list)

    @property
    def hidden(self) -> int:
        return self.total - len(self.shown)

    @property
    def by_team(self) -> list[tuple[str, list[Person]]]:
        """Return the people of each team, whoever looks first: what one can do oneself need not be searched for."""

        def name(person: Person) -> str:
            if person.agent.pk == self.viewer_id:
                return _("You")
            return person.agent.team.name if person.agent.team else _("Without a team")

        others = sorted(self.shown, key=lambda person: person.agent.pk != self.viewer_id)
        return [(team, list(members)) for team, members in groupby(others, key=name)]


def people(filters: Filters, viewer: Agent) -> People:
    """Return the staff that `filters` leave, by team and name, as `viewer` sees them."""
    everybody = persons(staff(), timezone.now())
    matching = [person for person in everybody if _matches(person, filters)]
    _word, belongs = GROUPS[filters.group]
    shown = [person for person in matching if belongs(person)]
    return People(filters, viewer.pk, shown, _choices(matching, filters), len(everybody), _teams(everybody))


def _matches(person: Person, filters: Filters) -> bool:
    agent, words = person.agent, filters.search.casefold().split()
    if filters.team and agent.team_id != filters.team:
        return False
    account = person.connection.email if person.connection else ""
    text = f"{agent.full_name} {agent.email} {account} {agent.get_role_display()} {agent.team or ''}".casefold()
    return all(word in text for word in words)


def _choices(matching: Sequence[Person], filters: Filters) -> list[Choice]:
    return [
        Choice(key, str(word), sum(map(belongs, matching)), key == filters.group, filters.query(key))
        for key, (word, belongs) in GROUPS.items()
    ]


def _teams(everybody: Sequence[Person]) -> list[Team]:
    teams = {person.agent.team for person in everybody if person.agent.team}
    return sorted(teams, key=lambda team: team.name)
