"""Forgetting a person who asks for it. What they said and who they were goes; that somebody called stays, for figures.

Other apps register what they forget. Recordings lie at Vapi and are deleted there; backups are the operator's to let
run out.
"""

from __future__ import annotations

from collections.abc import Callable

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from crm import booking
from crm.audit.erasing import erase_leads, erase_marked
from crm.imports import forgetting
from crm.models import (
    Appointment,
    AppointmentStatus,
    Lead,
    LeadMerge,
    Note,
    Notice,
    OutgoingMessage,
    Task,
    TimelineEntry,
    WebhookDelivery,
)
from crm.traces import forget_files, marks_of, of_the_office, scrub_everywhere

ERASED = "Erased"
_LIVE = [AppointmentStatus.HELD, AppointmentStatus.BOOKED]
_erasers: list[Callable[[Lead], None]] = []


def register(erase: Callable[[Lead], None]) -> None:
    """Have `erase` called, within the transaction, for each person who is forgotten."""
    _erasers.append(erase)


@transaction.atomic
def erase_person(lead: Lead) -> None:
    """Take away everything that tells who this lead is. Viewings to come are cancelled, in calendars too.

    Every text is looked through for the person's number, address and name, which may take a minute.
    """
    for viewing in Appointment.objects.filter(lead=lead, status__in=_LIVE, starts_at__gt=timezone.now()):
        booking.cancel(viewing.pk)
    locked = Lead.objects.select_for_update(no_key=True).get(pk=lead.pk)
    marks = marks_of(locked)
    for erase in _erasers:
        erase(locked)
    for model in (Note, Task, TimelineEntry, OutgoingMessage, Notice):
        model._default_manager.filter(lead=locked).delete()
    LeadMerge.objects.filter(kept=locked).delete()
    told = Q(payload__lead__id=locked.pk) | Q(payload__appointment__lead=locked.pk)
    WebhookDelivery.objects.filter(told).delete()
    forgetting.forget(locked, marks)
    Appointment.objects.filter(lead=locked).update(cancel_reason="")
    _scrub(locked)
    scrub_everywhere(marks)
    forget_files(marks)
    # Last: what was changed just now is in the audit as well.
    erase_leads([locked.pk])
    erase_marked(marks.without_names().pattern)
    erase_marked(marks.pattern, but_of=of_the_office())


def _scrub(lead: Lead) -> None:
    lead.full_name, lead.phone, lead.email = ERASED, None, ""
    lead.budget = lead.bedrooms = lead.move_in_on = lead.consent_at = None
    lead.timeline = lead.property_type = lead.location = lead.pets = ""
    if lead.lost_reason:
        lead.lost_reason = ERASED
    lead.save()
