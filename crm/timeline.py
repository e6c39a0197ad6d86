"""Writing a lead's history and the tasks it leads to. Everything with a key is written once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django.utils import timezone

from crm.models import EntryKind, Task, TimelineEntry

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from crm.models import Agent, Appointment, Lead

# Who acted, for each way an appointment can come in.
ACTORS = {"voice": "assistant"}
_LONGEST_TASK = 500


def add_timeline(
    lead: Lead,
    kind: str,
    text: str,
    *,
    data: dict[str, Any] | None = None,
    agent: Agent | None = None,
    actor: str = "system",
    at: datetime | None = None,
    call_id: UUID | None = None,
    key: str | None = None,
) -> bool:
    """Add one line to the lead's history; return False when `key` was used before.

    Needs no savepoint of the caller's: a repeated key is no error in the transaction around it.
    """
    entry = TimelineEntry(
        lead=lead,
        kind=kind,
        text=text,
        data=data or {},
        agent=agent,
        actor=actor,
        at=at or timezone.now(),
        call_id=call_id,
        key=key,
    )
    if key is None:
        entry.save(force_insert=True)
        return True
    if TimelineEntry.objects.filter(key=key).exists():
        return False
    # Another process may write it between the look and this.
    TimelineEntry.objects.bulk_create([entry], ignore_conflicts=True)
    return True


def add_viewing_entry(appointment: Appointment, what: str, **data: Any) -> TimelineEntry:
    """Write what happened to a viewing, with its time on the clocks of the agent who shows the home."""
    local = appointment.starts_at.astimezone(ZoneInfo(appointment.agent.timezone))
    return TimelineEntry.objects.create(
        lead_id=appointment.lead_id,
        kind=EntryKind.VIEWING,
        text=f"{what}: {appointment.listing}, {local:%a} {local.day} {local:%b %Y, %H:%M %Z}, {appointment.agent}",
        data={
            "appointment": appointment.pk,
            "agent": appointment.agent_id,
            "listing": appointment.listing_id,
            "starts_at": appointment.starts_at.isoformat(),
            **data,
        },
        actor=ACTORS.get(appointment.source, appointment.source),
        call_id=appointment.call_id,
    )


def open_task(
    lead: Lead | None,
    kind: str,
    text: str,
    *,
    due_at: datetime,
    key: str,
    assignee: Agent | None = None,
    call_id: UUID | None = None,
) -> Task:
    """Return the task with this key, made if it is new. A task that is done stays done."""
    values = {
        "lead": lead,
        "kind": kind,
        "text": text[:_LONGEST_TASK],
        "due_at": due_at,
        "assignee": assignee,
        "call_id": call_id,
    }
    return Task.objects.get_or_create(key=key, defaults=values)[0]
