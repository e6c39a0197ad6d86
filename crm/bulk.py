"""One change to many leads, and taking it back."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.core.cache import cache
from django.db import transaction

from crm.errors import NotAllowed
from crm.lead_editing import edit_lead
from crm.models import Agent, Lead
from crm.rights import assignable, colleagues, editable_leads, sees_everything

if TYPE_CHECKING:
    from django.db.models import QuerySet

MOST_LEADS = 200
UNDO_SECONDS = 600
# What a change may write, and so what taking it back writes.
_KEPT = ["stage", "lost_reason", "owner_id"]


@dataclass(frozen=True)
class Bulk:
    """What came of it: how many changed, how many were not this person's to change, how to take it back."""

    changed: int
    refused: int
    token: str


@transaction.atomic
def change_leads(leads: QuerySet[Lead], values: dict[str, Any], *, agent: Agent) -> Bulk:
    """Write `values` (stage and lost_reason, or owner) on those of `leads` that this person may change.

    Raises StageRefused, NotAllowed.
    """
    rows = list(leads.order_by("pk").select_for_update(no_key=True, of=("self",))[:MOST_LEADS])
    mine = set(_within_reach(agent, rows, values))
    before = {lead.pk: {name: getattr(lead, name) for name in _KEPT} for lead in rows if lead.pk in mine}
    changed = [
        lead.pk for lead in rows if lead.pk in mine and edit_lead(lead=lead, values=values, agent=agent, actor="staff")
    ]
    token = _remember(agent, {pk: before[pk] for pk in changed}) if changed else ""
    return Bulk(len(changed), len(rows) - len(mine), token)


def _within_reach(agent: Agent, rows: list[Lead], values: dict[str, Any]) -> list[int]:
    """Return the ids this person may change so: their own reach, and nobody's leads for claiming."""
    owner = values.get("owner")
    if owner is not None and not assignable(agent).filter(pk=owner.pk).exists():
        raise NotAllowed("You can hand leads to people of your team only.")
    ids = [lead.pk for lead in rows]
    reach = set(editable_leads(agent, Lead.objects.filter(pk__in=ids)).values_list("pk", flat=True))
    if owner is not None:
        reach |= {lead.pk for lead in rows if lead.owner_id is None}
    return list(reach)


def _remember(agent: Agent, before: dict[int, dict[str, Any]]) -> str:
    token = secrets.token_urlsafe(12)
    cache.set(_key(agent, token), before, UNDO_SECONDS)
    return token


def _key(agent: Agent, token: str) -> str:
    return f"bulk-undo:{agent.pk}:{token}"


@transaction.atomic
def take_back(token: str, *, agent: Agent) -> int | None:
    """Put those leads back as they were; return how many, None when it is too late. Done twice it is done once."""
    before: dict[int, dict[str, Any]] | None = cache.get(_key(agent, token))
    if before is None:
        return None
    cache.delete(_key(agent, token))
    owners = Agent.objects.in_bulk({values["owner_id"] for values in before.values() if values["owner_id"]})
    rows = Lead.objects.filter(pk__in=before).order_by("pk").select_for_update(no_key=True)
    reach = rows if sees_everything(agent) else rows.filter(owner__in=colleagues(agent).values("pk"))
    done = 0
    for lead in reach:
        kept = dict(before[lead.pk])
        kept["owner"] = owners.get(kept.pop("owner_id"))
        done += bool(edit_lead(lead=lead, values=kept, agent=agent, actor="staff"))
    return done
