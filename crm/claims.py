"""Who takes a lead that belongs to nobody: the database decides, and the second one hears who was first."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from crm import signals
from crm.errors import CrmError
from crm.models import Agent, EntryKind, Lead
from crm.timeline import add_timeline


class AlreadyClaimed(CrmError):
    """Somebody else has the lead; `details["owner"]` is who."""

    code = "already_claimed"


@transaction.atomic
def claim(lead: Lead, agent: Agent, *, actor: str = "staff") -> Lead:
    """Make `agent` the owner of a lead that has none, and return it. Claiming one's own again changes nothing.

    Raises AlreadyClaimed, naming the owner.
    """
    if Lead.objects.filter(pk=lead.pk, owner=None).update(owner=agent):
        _note(lead, agent, actor, f"Claimed by {agent}", [None, agent.pk])
    lead.refresh_from_db()
    if lead.owner != agent:
        who = lead.owner or _("Somebody")
        raise AlreadyClaimed(_("%(who)s has this lead already.") % {"who": who}, owner=lead.owner)
    return lead


@transaction.atomic
def release(lead: Lead, agent: Agent, *, actor: str = "staff") -> bool:
    """Give back what `agent` claimed; return whether it was theirs."""
    if not Lead.objects.filter(pk=lead.pk, owner=agent).update(owner=None):
        return False
    _note(lead, agent, actor, f"Given back by {agent}", [agent.pk, None])
    lead.refresh_from_db()
    return True


def _note(lead: Lead, agent: Agent, actor: str, text: str, change: list[int | None]) -> None:
    add_timeline(lead, EntryKind.CHANGE, text, data={"owner": change}, agent=agent, actor=actor)
    lead.refresh_from_db()
    told = {"lead": lead, "changed": ["owner"], "agent": agent, "previous_owner_id": change[0]}
    signals.lead_changed.send_robust(sender=Lead, **told)
