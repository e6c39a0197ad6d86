"""Who sees which call: the rights of `crm.rights`, carried over to the voice side."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from calls.models import Call
from crm.models import Agent
from crm.rights import Scope, colleagues, sees_everything, visible_leads


def visible_calls(person: Agent, calls: QuerySet[Call] | None = None) -> QuerySet[Call]:
    """Return those of `calls`, by default of all, that this person may see.

    A call of nobody we know yet is everybody's; after that it goes with its lead, or with the assistant that speaks for
    the person or the team.
    """
    calls = Call.objects.all() if calls is None else calls
    if sees_everything(person):
        return calls
    return calls.filter(Q(lead=None) | Q(lead__in=visible_leads(person).order_by().values("pk")) | _spoken_for(person))


def calls_in_scope(person: Agent, scope: Scope) -> QuerySet[Call]:
    """Return the visible calls that one tab of a list shows."""
    calls = visible_calls(person)
    match scope:
        case Scope.MINE:
            return calls.filter(Q(lead__owner=person) | Q(assistant__agent=person))
        case Scope.UNCLAIMED:
            return calls.filter(lead__owner=None)
        case Scope.TEAM:
            return calls.filter(Q(lead__owner__in=colleagues(person).values("pk")) | _spoken_for(person))
    return calls


def _spoken_for(person: Agent) -> Q:
    spoken_for = Q(assistant__agent__in=colleagues(person).values("pk"))
    if person.team_id is not None:
        spoken_for |= Q(assistant__team=person.team_id)
    return spoken_for
