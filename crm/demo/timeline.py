"""The demo leads' timelines, told from what there is: their stages, viewings and notes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise

from crm.demo.scene import Scene
from crm.models import Appointment, AppointmentStatus, EntryKind, Lead, LeadStage, Note, TimelineEntry

PIPELINE: list[LeadStage] = [stage for stage in LeadStage if stage != LeadStage.LOST]
# How long after the stage before it, when no viewing says so.
PAUSES = {
    LeadStage.QUALIFIED: timedelta(minutes=3),
    LeadStage.VIEWING_BOOKED: timedelta(minutes=2),
    LeadStage.VIEWED: timedelta(days=2),
    LeadStage.APPLIED: timedelta(days=1, hours=3),
    LeadStage.LEASED: timedelta(days=3, hours=1),
    LeadStage.LOST: timedelta(days=4, hours=2),
}
BY_ASSISTANT = {LeadStage.QUALIFIED, LeadStage.VIEWING_BOOKED}


def load_timeline(scene: Scene, leads: list[Lead], appointments: list[Appointment]) -> None:
    """Write every lead's history."""
    viewings: dict[int, list[Appointment]] = {}
    for row in appointments:
        viewings.setdefault(row.lead_id, []).append(row)
    entries = [entry for lead in leads for entry in _stages(scene, lead, viewings.get(lead.pk, []))]
    entries += [entry for row in appointments for entry in _viewing(row)]
    entries += [
        TimelineEntry(lead=n.lead, kind=EntryKind.NOTE, text=n.text, agent=n.agent, actor="agent", at=n.created_at)
        for n in Note.objects.filter(lead__in=leads).select_related("lead", "agent").order_by("pk")
    ]
    TimelineEntry.objects.bulk_create(entries)
    Lead.objects.bulk_update(leads, ["stage_changed_at"])


def _stages(scene: Scene, lead: Lead, viewings: list[Appointment]) -> Iterator[TimelineEntry]:
    """Tell how the lead came in and which stages it went through, in order; note when the last one began."""
    at = lead.stage_changed_at = lead.created_at
    data = {"source": lead.source}
    yield TimelineEntry(lead=lead, kind=EntryKind.CHANGE, text=f"New lead from {lead.source}.", data=data, at=at)
    if lead.stage == LeadStage.LOST:
        steps = [LeadStage.NEW, LeadStage.QUALIFIED, LeadStage.LOST]
    else:
        steps = PIPELINE[: PIPELINE.index(LeadStage(lead.stage)) + 1]
    known = _known_times(viewings)
    for before, after in pairwise(steps):
        at = min(max(known.get(after, at + PAUSES[after]), at + timedelta(minutes=1)), scene.now)
        lead.stage_changed_at = at
        yield _change(lead, before, after, at)


def _known_times(viewings: list[Appointment]) -> dict[LeadStage, datetime]:
    """Return when the stages came that follow from viewings."""
    times = {}
    if viewings:
        times[LeadStage.VIEWING_BOOKED] = min(row.created_at for row in viewings)
    if done := [row.ends_at for row in viewings if row.status == AppointmentStatus.COMPLETED]:
        times[LeadStage.VIEWED] = max(done)
    return times


def _change(lead: Lead, before: LeadStage, after: LeadStage, at: datetime) -> TimelineEntry:
    text = f"Stage: {before.label} to {after.label}."
    if after == LeadStage.LOST:
        text += f" Reason: {lead.lost_reason}."
    return TimelineEntry(
        lead=lead,
        kind=EntryKind.CHANGE,
        text=text,
        data={"stage": [before, after]},
        agent=None if after in BY_ASSISTANT else lead.owner,
        actor="assistant" if after in BY_ASSISTANT else "agent",
        at=at,
    )


def _viewing(row: Appointment) -> Iterator[TimelineEntry]:
    """Tell that a viewing was booked, and what became of it."""
    by_assistant = row.source == "voice"
    when = f"{row.starts_at:%A} {row.starts_at.day} {row.starts_at:%B, %H:%M}"
    yield _entry(
        row, f"Viewing booked: {row.listing}, {when}, with {row.agent}.", row.created_at, by_assistant=by_assistant
    )
    outcomes = {
        AppointmentStatus.COMPLETED: (f"Viewing took place: {row.listing}.", row.ends_at),
        AppointmentStatus.NO_SHOW: (f"Did not come to the viewing of {row.listing}.", row.ends_at),
        AppointmentStatus.CANCELLED: (f"Viewing cancelled: {row.cancel_reason}.", row.starts_at - timedelta(hours=3)),
    }
    if row.status in outcomes:
        yield _entry(row, *outcomes[AppointmentStatus(row.status)], by_assistant=False)


def _entry(row: Appointment, text: str, at: datetime, *, by_assistant: bool) -> TimelineEntry:
    return TimelineEntry(
        lead=row.lead,
        kind=EntryKind.VIEWING,
        text=text,
        data={"appointment": row.pk},
        agent=None if by_assistant else row.agent,
        actor="assistant" if by_assistant else "agent",
        at=at,
    )
