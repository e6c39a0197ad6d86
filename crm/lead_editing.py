"""Changes people and programs make to a lead by hand, each with a line in its timeline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone

from crm import signals
from crm.errors import StageRefused
from crm.models import Agent, EntryKind, Lead, LeadStage
from crm.timeline import add_timeline

if TYPE_CHECKING:
    from datetime import datetime


def check_stage(stage: str, lost_reason: str) -> None:
    """Raise StageRefused unless a lead may be put into `stage`. Pages, API and tools all ask here."""
    if stage not in LeadStage.values:
        raise StageRefused("There is no such stage.")
    if stage == LeadStage.LOST and not lost_reason.strip():
        raise StageRefused("Say why this lead was lost.", field="lost_reason")


def stage_values(stage: str, *, lost_reason: str = "", at: datetime | None = None) -> dict[str, Any]:
    """Return every column that changes when a lead enters `stage`. Whoever writes a stage writes these."""
    check_stage(stage, lost_reason)
    reason = lost_reason if stage == LeadStage.LOST else ""
    return {"stage": stage, "lost_reason": reason, "stage_changed_at": at or timezone.now()}


def _plain(value: Any) -> Any:
    """Return `value` as JSON can hold it."""
    if isinstance(value, Agent):
        return value.pk
    return value if value is None or isinstance(value, int | str) else str(value)


@transaction.atomic
def create_lead(*, values: dict[str, Any], agent: Agent, actor: str) -> Lead:
    """Make a lead. Raises StageRefused; IntegrityError when the phone number is another lead's."""
    check_stage(values.get("stage", LeadStage.NEW), values.get("lost_reason", ""))
    lead = Lead.objects.create(**values)
    text = f"Created by {agent}"
    add_timeline(lead, EntryKind.CHANGE, text, agent=agent, actor=actor)
    signals.lead_created.send_robust(sender=Lead, lead=lead, agent=agent)
    return lead


@transaction.atomic
def edit_lead(*, lead: Lead, values: dict[str, Any], agent: Agent, actor: str) -> list[str]:
    """Change what differs and return those fields' names.

    Leaving the stage `lost` clears the reason. Raises StageRefused; IntegrityError when the phone number is another
    lead's.
    """
    locked = Lead.objects.select_for_update(no_key=True).get(pk=lead.pk)
    stage, reason = values.get("stage", locked.stage), values.get("lost_reason", locked.lost_reason)
    check_stage(stage, reason)
    if stage != LeadStage.LOST:
        values = {**values, "lost_reason": ""}
    changed = {name: value for name, value in values.items() if getattr(locked, name) != value}
    if not changed:
        return []
    data = {name: [_plain(getattr(locked, name)), _plain(value)] for name, value in changed.items()}
    owner_id = locked.owner_id
    text = _told(locked, changed)
    saved = changed | (stage_values(stage, lost_reason=reason) if "stage" in changed else {})
    for name, value in saved.items():
        setattr(locked, name, value)
        setattr(lead, name, value)
    locked.save(update_fields=[*saved, "updated_at"])
    add_timeline(lead, EntryKind.CHANGE, text, data=data, agent=agent, actor=actor)
    told = {"lead": locked, "changed": list(changed), "agent": agent, "previous_owner_id": owner_id}
    signals.lead_changed.send_robust(sender=Lead, **told)
    return list(changed)


@transaction.atomic
def move_lead(lead: Lead, stage: str, *, lost_reason: str = "", seen: str, agent: Agent) -> bool:
    """Put a lead that was seen in one stage into another; return whether it moved.

    Raises StageRefused, also when somebody else has moved it since it was seen.
    """
    locked = Lead.objects.select_for_update(no_key=True).get(pk=lead.pk)
    if seen and locked.stage != seen:
        raise StageRefused(f"Somebody has moved it to {locked.get_stage_display()} meanwhile.")
    values = {"stage": stage, "lost_reason": lost_reason}
    return bool(edit_lead(lead=lead, values=values, agent=agent, actor="staff"))


def _told(lead: Lead, changed: dict[str, Any]) -> str:
    """Say in one line what is about to change."""
    if "stage" not in changed:
        return "Changed " + ", ".join(name.replace("_", " ") for name in changed)
    text = f"Stage: {lead.get_stage_display()} to {LeadStage(changed['stage']).label}"
    if changed.get("lost_reason"):
        text += f". Reason: {changed['lost_reason']}"
    others = [name.replace("_", " ") for name in changed if name not in ("stage", "lost_reason")]
    return f"{text}. Changed {', '.join(others)}" if others else text
