"""Viewings that meet something else in their agent's Outlook: told once, with other times, until one of them is gone.

Found where a viewing was just written, by `readback`, and whenever a round of reading brings something new.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext as _

from calendar_sync import telling
from calendar_sync.models import Connection, MirroredEvent, Notice, NoticeKind
from calendar_sync.notices import raise_notice, resolve_notice
from crm.choice import nearest_offers
from crm.models import Appointment, AppointmentStatus


def key_of(appointment_id: int) -> str:
    """Return the key of the notice that something else is in Outlook at a viewing's time."""
    return f"clash:{appointment_id}"


def over(appointment_id: int) -> None:
    """Note that a viewing meets nothing any more; if it does again that is news."""
    resolve_notice(key_of(appointment_id), forget=True)


def look(connection: Connection, now: datetime) -> int:
    """Compare an agent's viewings to come with what was read up to `now`; return how many meet something."""
    coming = Appointment.objects.filter(agent=connection.agent_id, status=AppointmentStatus.BOOKED, ends_at__gt=now)
    meeting = coming.filter(Exists(_others(connection, OuterRef("starts_at"), OuterRef("ends_at"))))
    met = list(meeting.with_names().order_by("pk"))
    for appointment in met:
        others = _others(connection, appointment.starts_at, appointment.ends_at)
        tell(appointment, list(others.order_by("external_id").values_list("external_id", flat=True)), now)
    # What was found elsewhere since the round began is not in it.
    said = Notice.objects.filter(kind=NoticeKind.CLASH, agent=connection.agent_id, resolved_at=None, created_at__lt=now)
    for appointment_id in said.exclude(appointment__in=met).values_list("appointment", flat=True):
        over(appointment_id)
    return len(met)


def _others(
    connection: Connection, starts_at: datetime | OuterRef, ends_at: datetime | OuterRef
) -> QuerySet[MirroredEvent]:
    """Return what blocks the agent's time in [starts_at, ends_at)."""
    blocking = MirroredEvent.objects.filter(calendar__connection=connection, busy_time__isnull=False)
    return blocking.filter(starts_at__lt=ends_at, ends_at__gt=starts_at)


def tell(appointment: Appointment, event_ids: Collection[str], now: datetime) -> None:
    """Say that these events are at the time of a viewing, unless that was said and put away."""
    at = appointment.starts_at.isoformat()
    key = key_of(appointment.pk)
    put_away = Notice.objects.filter(key=key, resolved_at__isnull=False, data__at=at).first()
    if put_away is not None and set(event_ids) <= set(put_away.data["events"]):
        return
    start = appointment.starts_at
    offers = nearest_offers(listing=appointment.listing, starts_at=start, prefer_agent_id=appointment.agent_id, now=now)
    raise_notice(
        NoticeKind.CLASH,
        appointment.agent,
        key=key,
        text=lambda: (
            _("The viewing of %(home)s with %(lead)s on %(when)s meets something else in Outlook.")
            % telling.words(appointment)
        ),
        cure=lambda: (
            _("Move one of the two: the viewing%(example)s.") % {"example": telling.or_to(offers, appointment)}
        ),
        appointment=appointment,
        data={"at": at, "events": list(event_ids), "alternatives": telling.as_data(offers)},
    )
