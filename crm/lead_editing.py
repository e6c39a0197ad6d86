"""Changes people and programs make to a lead by hand, each with a line in its timeline."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from crm import signals
from crm.models import Agent, EntryKind, Lead, LeadStage
from crm.timeline import add_timeline


def _plain(value: Any) -> Any:
    """Return `value` as JSON can hold it."""
    if isinstance(value, Agent):
        return value.pk
    return value if value is None or isinstance(value, int | str) else str(value)


@transaction.atomic
def create_lead(*, values: dict[str, Any], agent: Agent, actor: str) -> Lead:
    """Make a lead. Raises IntegrityError when the phone number is another lead's."""
    lead = Lead.objects.create(**values)
    text = f"Created by {agent}"
    add_timeline(lead, EntryKind.CHANGE, text, agent=agent, actor=actor)
    return lead


@transaction.atomic
def edit_lead(*, lead: Lead, values: dict[str, Any], agent: Agent, actor: str) -> list[str]:
    """Change what differs and return those fields' names.

    Leaving the stage `lost` clears the reason. Raises IntegrityError when the phone number is another lead's.
    """
    locked = Lead.objects.select_for_update(no_key=True).get(pk=lead.pk)
    if values.get("stage", locked.stage) != LeadStage.LOST:
        values = {**values, "lost_reason": ""}
    changed = {name: value for name, value in values.items() if getattr(locked, name) != value}
    if not changed:
        return []
    data = {name: [_plain(getattr(locked, name)), _plain(value)] for name, value in changed.items()}
    for name, value in changed.items():
        setattr(locked, name, value)
        setattr(lead, name, value)
    locked.save(update_fields=[*changed, "updated_at"])
    text = "Changed " + ", ".join(name.replace("_", " ") for name in changed)
    add_timeline(lead, EntryKind.CHANGE, text, data=data, agent=agent, actor=actor)
    signals.lead_changed.send_robust(sender=Lead, lead=locked, changed=list(changed))
    return list(changed)
