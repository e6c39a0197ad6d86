"""What a viewing says about its event: pending, synced, failed or local, and the event's id. Always what is true."""

from __future__ import annotations

from django.db.models import Q

from calendar_sync.models import EventLink, Push, PushStatus
from crm.models import Appointment, AppointmentStatus
from crm.models.appointments import CalendarState


def show(appointment: Appointment) -> None:
    """Write how the viewing's event stands, on its row and on this object. The row is locked, or soon to be."""
    state, external_id = stand_of(appointment)
    if (appointment.calendar_state, appointment.external_id) == (state, external_id):
        return
    appointment.calendar_state, appointment.external_id = state, external_id
    appointment.save(update_fields=["calendar_state", "external_id", "updated_at"])


def stand_of(appointment: Appointment) -> tuple[str, str]:
    """Return the state and the id of the event in the calendar of the agent who shows the home."""
    links = EventLink.objects.filter(appointment=appointment, connection__agent=appointment.agent_id)
    link = links.first()
    external_id = link.event_id if link else ""
    rows = Push.objects.filter(appointment=appointment)
    # What is left in the Outlook of somebody who is switched off waits for as long as they are.
    rows = rows.filter(Q(connection__agent=appointment.agent_id) | Q(connection__agent__is_active=True))
    statuses = set(rows.values_list("status", flat=True).distinct())
    if PushStatus.WAITING in statuses:
        return CalendarState.PENDING, external_id
    if PushStatus.FAILED in statuses:
        return CalendarState.FAILED, external_id
    is_removed = link is not None and appointment.status == AppointmentStatus.CANCELLED
    return (CalendarState.SYNCED if external_id or is_removed else CalendarState.LOCAL), external_id
