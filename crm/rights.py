"""Who sees what. Pages, search, counts, sockets, exports and the API all ask here.

Managers and administrators see everything. An agent sees what belongs to themselves or to their team, what belongs to
nobody yet, and the leads they or their team show a home to. What somebody may not see does not exist for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Exists, OuterRef, Q, QuerySet, TextChoices
from django.utils.translation import gettext_lazy as _

from crm.models import Agent, Appointment, Lead, Role

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from crm.models import Listing, Task


class Scope(TextChoices):
    """How far a list reaches, within what the person may see at all."""

    MINE = "mine", _("Mine")
    UNCLAIMED = "unclaimed", _("Unclaimed")
    TEAM = "team", _("Team")
    ALL = "all", _("All")


def sees_everything(person: Agent | AnonymousUser) -> bool:
    """Say whether nothing is hidden from this person, who may also change what belongs to others."""
    return isinstance(person, Agent) and (person.is_manager or person.is_superuser)


def is_admin(person: Agent) -> bool:
    """Say whether this person administers Pete itself."""
    return person.is_superuser or person.role == Role.ADMIN


def colleagues(person: Agent) -> QuerySet[Agent]:
    """Return the person and their team mates; without a team only the person."""
    together = Q(pk=person.pk)
    if person.team_id is not None:
        together |= Q(team=person.team_id)
    return Agent.objects.filter(together).order_by()


def visible_leads(person: Agent, leads: QuerySet[Lead] | None = None) -> QuerySet[Lead]:
    """Return those of `leads`, by default of all, that this person may see."""
    leads = Lead.objects.all() if leads is None else leads
    return leads if sees_everything(person) else leads.filter(_seen_lead(person))


def circle_of(lead: Lead, previous_owner_id: int) -> list[tuple[int, int | None]]:
    """Return id and team of everybody by whom the lead is seen, managers aside: they and their team mates see it."""
    people = Q(pk__in=[lead.owner_id, previous_owner_id]) | Q(appointments__lead=lead)
    return list(Agent.objects.filter(people).order_by("pk").values_list("pk", "team_id").distinct())


def assignable(person: Agent) -> QuerySet[Agent]:
    """Return whom this person may hand a lead to: managers to anybody, agents within their team."""
    people = Agent.objects.filter(is_active=True)
    return people if sees_everything(person) else people.filter(pk__in=colleagues(person).values("pk"))


def editable_leads(person: Agent, leads: QuerySet[Lead]) -> QuerySet[Lead]:
    """Return those of `leads` that this person may change, see `may_edit_lead`."""
    return leads if sees_everything(person) else leads.filter(owner__in=colleagues(person).values("pk"))


def may_edit_lead(person: Agent, lead: Lead) -> bool:
    """Say whether this person may change a lead they see: its owner, the owner's team mates, managers.

    What belongs to nobody is claimed first; that anybody may do.
    """
    if sees_everything(person) or lead.owner_id == person.pk:
        return True
    return lead.owner_id is not None and colleagues(person).filter(pk=lead.owner_id).exists()


def may_work_on_task(person: Agent, task: Task) -> bool:
    """Say whether this person may change a task they see: their own, nobody's, one of a lead they may change."""
    if sees_everything(person) or task.assignee_id == person.pk:
        return True
    return task.assignee_id is None if task.lead is None else may_edit_lead(person, task.lead)


def visible_appointments(person: Agent, appointments: QuerySet[Appointment] | None = None) -> QuerySet[Appointment]:
    """Return those of `appointments`, by default of all, that this person may see."""
    appointments = Appointment.objects.all() if appointments is None else appointments
    if sees_everything(person):
        return appointments
    ids = colleagues(person).values("pk")
    return appointments.filter(Q(agent__in=ids) | Q(lead__owner__in=ids))


def may_change_listings(person: Agent | AnonymousUser) -> bool:
    """Say whether this person may add homes and change everything about them."""
    return sees_everything(person)


def may_describe_listing(person: Agent, listing: Listing) -> bool:
    """Say whether this person may change a home's facts, access notes and photos: who shows it knows it."""
    return sees_everything(person) or listing.agents.filter(pk=person.pk).exists()


def leads_in_scope(person: Agent, scope: Scope) -> QuerySet[Lead]:
    """Return the visible leads that one tab of a list shows."""
    leads = visible_leads(person)
    match scope:
        case Scope.MINE:
            return leads.filter(owner=person)
        case Scope.UNCLAIMED:
            return leads.filter(owner=None)
        case Scope.TEAM:
            return leads.filter(owner__in=colleagues(person).values("pk"))
    return leads


def appointments_in_scope(person: Agent, scope: Scope) -> QuerySet[Appointment]:
    """Return the visible appointments that one tab of a list shows; unclaimed are those of leads without an owner."""
    appointments = visible_appointments(person)
    match scope:
        case Scope.MINE:
            return appointments.filter(agent=person)
        case Scope.UNCLAIMED:
            return appointments.filter(lead__owner=None)
        case Scope.TEAM:
            return appointments.filter(agent__in=colleagues(person).values("pk"))
    return appointments


def _seen_lead(person: Agent) -> Q:
    ids = colleagues(person).values("pk")
    shown = Appointment.objects.filter(lead=OuterRef("pk"), agent__in=ids)
    return Q(owner=None) | Q(owner__in=ids) | Q(Exists(shown))
