"""One viewing as its panel shows it: what it is, what may be done with it, how its calendar stands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from crm.models import AppointmentStatus, CalendarState, OutgoingMessage, TimelineEntry
from crm.outcomes import OUTCOMES
from crm.rights import visible_appointments

if TYPE_CHECKING:
    from crm.models import Agent, Appointment

MOST_ENTRIES = 12


@dataclass(frozen=True)
class CalendarWords:
    """How the agent's own calendar stands, in words; `cure` says what to do, "" when nothing is needed."""

    tone: str
    text: str
    cure: str = ""


@dataclass(frozen=True)
class Viewing:
    """`row` comes with lead, listing and agent. `history` is newest first."""

    row: Appointment
    calendar: CalendarWords
    history: list[TimelineEntry]
    messages: list[OutgoingMessage]
    now: datetime

    @property
    def is_held(self) -> bool:
        return self.row.status == AppointmentStatus.HELD and not self.row.is_lapsed(self.now)

    @property
    def is_movable(self) -> bool:
        """It is still to come, or only just begun and not yet judged."""
        return self.is_held or (self.row.status == AppointmentStatus.BOOKED and self.row.ends_at > self.now)

    @property
    def needs_outcome(self) -> bool:
        return self.row.status == AppointmentStatus.BOOKED and self.row.starts_at <= self.now

    @property
    def has_outcome(self) -> bool:
        return self.row.status in OUTCOMES

    @property
    def is_restorable(self) -> bool:
        return self.row.status == AppointmentStatus.CANCELLED and self.row.starts_at > self.now


def viewing(viewer: Agent, appointment_id: int, now: datetime) -> Viewing | None:
    """Return the viewing, None when there is none that `viewer` may see."""
    rows = visible_appointments(viewer).select_related("lead__owner", "listing", "agent")
    row = rows.filter(pk=appointment_id).first()
    if row is None:
        return None
    entries = TimelineEntry.objects.filter(lead=row.lead_id, data__appointment=row.pk).select_related("agent")
    sent = OutgoingMessage.objects.filter(appointment=row)[:MOST_ENTRIES]
    return Viewing(row, calendar_words(row), list(entries[:MOST_ENTRIES]), list(sent), now)


def calendar_words(row: Appointment) -> CalendarWords:
    """Say how the agent's Outlook stands with this viewing."""
    name = row.agent
    match row.calendar_state:
        case CalendarState.PENDING:
            return CalendarWords("warn", _("On its way to %(agent)s's Outlook.") % {"agent": name})
        case CalendarState.SYNCED:
            return CalendarWords("ok", _("In %(agent)s's Outlook.") % {"agent": name})
        case CalendarState.FAILED:
            text = _("Not in %(agent)s's Outlook: writing it there failed.") % {"agent": name}
            cure = _("Open the calendar's page to see why, and try again there. The time is kept in Pete all the same.")
            return CalendarWords("bad", text, cure)
    return CalendarWords("muted", _("Kept in Pete's calendar; %(agent)s has no other connected.") % {"agent": name})
