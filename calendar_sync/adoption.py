"""Whose viewings belong in Outlook, after somebody connected, chose a calendar or disconnected."""

from __future__ import annotations

from collections.abc import Callable

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from calendar_sync import outbox
from calendar_sync.models import Calendar, Connection, EventLink, Push, PushStatus
from crm.models import Appointment, AppointmentStatus, CalendarState


def settle() -> int:
    """Have every viewing to come of a connected agent written that nobody writes yet, and let go of those of others.

    Return how many changed. Runs with the sweep, so that connecting and disconnecting need not think of it.
    """
    return _each(_unwritten(), outbox.enqueue) + _each(_left_behind(), outbox.states.show)


def _unwritten() -> QuerySet[Appointment]:
    calendars = Calendar.objects.filter(
        connection__in=Connection.objects.at_work(), connection__agent=OuterRef("agent"), is_written=True
    )
    links = EventLink.objects.filter(appointment=OuterRef("pk"), connection__agent=OuterRef("agent"))
    begun = links.exclude(calendar_external_id="")
    rows = Push.objects.filter(appointment=OuterRef("pk"), connection__agent=OuterRef("agent"))
    waiting = rows.filter(status__in=[PushStatus.WAITING, PushStatus.FAILED])
    coming = Appointment.objects.filter(status=AppointmentStatus.BOOKED, ends_at__gt=timezone.now())
    return coming.filter(Exists(calendars), ~Exists(begun), ~Exists(waiting))


def _left_behind() -> QuerySet[Appointment]:
    connections = Connection.objects.filter(agent=OuterRef("agent"))
    waiting = Push.objects.filter(appointment=OuterRef("pk"), status__in=[PushStatus.WAITING, PushStatus.FAILED])
    told = Appointment.objects.exclude(calendar_state=CalendarState.LOCAL)
    return told.filter(~Exists(connections), ~Exists(waiting))


def _each(rows: QuerySet[Appointment], do: Callable[[Appointment], object]) -> int:
    done = 0
    for pk in list(rows.values_list("pk", flat=True)[:1_000]):
        with transaction.atomic():
            appointment = outbox.lock(pk)
            # Looked at again under the lock: a worker, or another sweep, may have been quicker.
            if appointment is not None and rows.filter(pk=pk).exists():
                do(appointment)
                done += 1
    return done
