"""What became of a viewing: the person came, or did not. Staff record it once it has begun, and may take it back."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from crm.errors import BadArguments, NoViewing
from crm.leads import raise_stage
from crm.models import Agent, Appointment, AppointmentStatus, Lead, LeadStage, Task, TaskKind
from crm.timeline import add_viewing_entry, open_task

OUTCOMES = {AppointmentStatus.COMPLETED: "Viewing completed", AppointmentStatus.NO_SHOW: "No-show"}
# Time to think before somebody rings who did not come.
CALL_AFTER = timedelta(hours=2)


@transaction.atomic
def record_outcome(appointment_id: int, *, outcome: str, agent: Agent, now: datetime | None = None) -> Appointment:
    """Say that the lead came (`completed`) or not (`no_show`), by `agent`. Said again, it is corrected.

    Who came is at least `viewed`; for who did not, somebody is to follow up. Raises NoViewing, BadArguments.
    """
    now = now or timezone.now()
    if outcome not in OUTCOMES:
        raise BadArguments(_("Say whether the person came."))
    appointment = _lock(appointment_id)
    if appointment.status not in (AppointmentStatus.BOOKED, *OUTCOMES):
        raise NoViewing(_("That viewing was cancelled or never booked."))
    if appointment.starts_at > now:
        raise BadArguments(_("That viewing has not begun yet."))
    if appointment.status == outcome:
        return appointment
    _set(appointment, AppointmentStatus(outcome))
    add_viewing_entry(appointment, OUTCOMES[AppointmentStatus(outcome)], by=agent.pk)
    if outcome == AppointmentStatus.COMPLETED:
        _close_task(appointment, now)
        raise_stage(appointment.lead, LeadStage.VIEWED, actor="staff")
    else:
        _open_task(appointment, now)
    return appointment


@transaction.atomic
def take_back_outcome(appointment_id: int, *, agent: Agent, now: datetime | None = None) -> Appointment:
    """Make a viewing booked again whose outcome was recorded by mistake. The lead's stage stays. Raises NoViewing."""
    appointment = _lock(appointment_id)
    if appointment.status == AppointmentStatus.BOOKED:
        return appointment
    if appointment.status not in OUTCOMES:
        raise NoViewing(_("That viewing has no outcome."))
    _set(appointment, AppointmentStatus.BOOKED)
    _close_task(appointment, now or timezone.now())
    add_viewing_entry(appointment, "Outcome taken back", by=agent.pk)
    return appointment


def _lock(appointment_id: int) -> Appointment:
    """Lock lead, then viewing: the order of crm.booking. Raises NoViewing."""
    rows = Appointment.objects.with_names()
    first = rows.filter(pk=appointment_id).first()
    if first is None:
        raise NoViewing(_("There is no such viewing."))
    Lead.objects.select_for_update(no_key=True).get(pk=first.lead_id)
    return rows.select_for_update(no_key=True, of=("self",)).get(pk=appointment_id)


def _set(appointment: Appointment, status: AppointmentStatus) -> None:
    appointment.status = status
    appointment.save(update_fields=["status", "updated_at"])


def _key(appointment: Appointment) -> str:
    return f"no-show:{appointment.pk}"


def _open_task(appointment: Appointment, now: datetime) -> None:
    lead, who = appointment.lead, appointment.lead.owner or appointment.agent
    text = _("Did not come to the viewing of %(home)s: ask whether they still want it.") % {"home": appointment.listing}
    task = open_task(lead, TaskKind.FOLLOW_UP, text, due_at=now + CALL_AFTER, key=_key(appointment), assignee=who)
    if task.done_at is not None:
        Task.objects.filter(pk=task.pk).update(done_at=None, due_at=now + CALL_AFTER)


def _close_task(appointment: Appointment, now: datetime) -> None:
    Task.objects.filter(key=_key(appointment), done_at=None).update(done_at=now)
