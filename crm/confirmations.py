"""Whether a lead knows of the time of a viewing: they were told of it by e-mail, or agreed to it on the phone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import BigIntegerField, DateTimeField, Exists, F, Max, OuterRef, Q, Subquery
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast

from crm.models import EntryKind, MessageStatus, OutgoingMessage, TimelineEntry

if TYPE_CHECKING:
    from crm.models.appointments import AppointmentQuerySet


def unconfirmed(rows: AppointmentQuerySet) -> AppointmentQuerySet:
    """Return those whose present time the lead neither was told of by an e-mail that went out nor agreed to in a call.

    What was said before a move, and what was written to the agent, confirms nothing.
    """
    letters = OutgoingMessage.objects.filter(appointment=OuterRef("pk"), status=MessageStatus.SENT)
    to_lead = letters.exclude(to__iexact=F("appointment__agent__email"))
    agreed = Q(moved_at=None, call_id__isnull=False)
    told = Q(moved_at=None) & Exists(to_lead) | Exists(to_lead.filter(sent_at__gte=OuterRef("moved_at")))
    return rows.annotate(moved_at=_last_move()).filter(~(agreed | told))


def _last_move() -> Subquery:
    """Return when a viewing, the outer row, was given its present time in place of another one."""
    moves = TimelineEntry.objects.filter(
        lead=OuterRef("lead"), kind=EntryKind.VIEWING, data__has_key="previous"
    ).annotate(viewing=Cast(KeyTextTransform("appointment", "data"), BigIntegerField()))
    last = moves.filter(viewing=OuterRef("pk")).order_by().values("viewing").annotate(last=Max("at"))
    return Subquery(last.values("last"), DateTimeField())
