"""What happens to an appointment under the locks that crm.booking takes: made, moved, given up, and told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db.models import Q

from crm import signals
from crm.choice import choose_agent
from crm.errors import SlotTaken
from crm.lead_editing import stage_values
from crm.models import Appointment, AppointmentStatus, EntryKind, Lead, LeadStage, ListingStatus
from crm.models.appointments import LIVE
from crm.timeline import add_timeline, add_viewing_entry

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from django.dispatch import Signal

    from crm.availability import BookingRules
    from crm.models import Agent, Listing
    from crm.models.appointments import AppointmentQuerySet

# A person with a viewing is at least this far; one who was lost has come back.
BEFORE_VIEWING = [LeadStage.NEW, LeadStage.QUALIFIED, LeadStage.LOST]
LAPSED = "The hold has lapsed"


class PreviousTime(NamedTuple):
    """Where an appointment was before it moved."""

    starts_at: datetime
    ends_at: datetime
    agent_id: int


@dataclass(frozen=True)
class Wanted:
    """A viewing somebody asks for, as of `now`. Lead, agents and listing are locked."""

    lead: Lead
    listing: Listing
    agents: list[Agent]
    starts_at: datetime
    rules: BookingRules
    now: datetime
    call_id: UUID | None = None
    # Whether the asker's own holds give way. A caller changes their mind; a program confirms or cancels what it holds.
    replaces_holds: bool = True

    @property
    def ends_at(self) -> datetime:
        return self.starts_at + self.rules.length


def clear_the_way(wanted: Wanted, *, but: Appointment | None = None) -> Appointment | None:
    """Return the asker's own hold of that very slot, and give up the holds that are in the way.

    In the way are lapsed ones over that time, and the asker's others of this home: they have changed their mind.
    Raises SlotTaken, without asking the other rules, when what is left leaves no agent: in a race most end here.
    """
    own, taken, people = None, [], {agent.pk for agent in wanted.agents}
    for row in _rows_in_question(wanted, but):
        is_mine = wanted.replaces_holds and (
            row.lead_id == wanted.lead.pk or (wanted.call_id is not None and row.call_id == wanted.call_id)
        )
        if row.is_lapsed(wanted.now):
            give_up(row, LAPSED, LAPSED)
        elif row.status == AppointmentStatus.BOOKED or not is_mine or row.listing_id != wanted.listing.pk:
            taken.append(row)
        elif but is None and own is None and row.starts_at == wanted.starts_at and row.agent_id in people:
            own = row
        else:
            give_up(row, "Another time was chosen", "Hold given up")
    if own is None and _leave_nobody(taken, wanted):
        raise SlotTaken("That time has just been taken.")
    return own


def _rows_in_question(wanted: Wanted, but: Appointment | None) -> AppointmentQuerySet:
    """Return, locked, what is promised over that time, and the asker's holds of this home whenever they are."""
    mine = Q(lead=wanted.lead) | Q(call_id=wanted.call_id, call_id__isnull=False)
    my_holds = mine & Q(listing=wanted.listing, status=AppointmentStatus.HELD)
    over_it = Q(starts_at__lt=wanted.ends_at, ends_at__gt=wanted.starts_at)
    promised = over_it & (Q(agent__in=wanted.agents) | Q(listing=wanted.listing))
    asked = my_holds | promised if wanted.replaces_holds else promised
    rows = Appointment.objects.filter(asked, status__in=LIVE)
    rows = rows.exclude(pk=but.pk) if but else rows
    return rows.order_by("pk").select_for_update(no_key=True)


def _leave_nobody(taken: list[Appointment], wanted: Wanted) -> bool:
    if wanted.starts_at <= wanted.now or wanted.listing.status != ListingStatus.AVAILABLE:
        # There is a better reason to refuse than this.
        return False
    if not wanted.listing.allows_stacked_viewings and any(row.listing_id == wanted.listing.pk for row in taken):
        return True
    return bool(taken) and {agent.pk for agent in wanted.agents} <= {row.agent_id for row in taken}


def promise(wanted: Wanted, *, ignored: tuple[int, ...] = ()) -> Appointment:
    """Return an unsaved appointment with the agent whose turn it is. Raises when the rules refuse it."""
    agent = choose_agent(
        listing=wanted.listing,
        starts_at=wanted.starts_at,
        agents=wanted.agents,
        rules=wanted.rules,
        ignored=ignored,
        now=wanted.now,
    )
    return Appointment(
        lead=wanted.lead,
        listing=wanted.listing,
        agent=agent,
        starts_at=wanted.starts_at,
        ends_at=wanted.ends_at,
        is_stacked=wanted.listing.allows_stacked_viewings,
        buffer_before_minutes=wanted.rules.before_minutes,
        buffer_after_minutes=wanted.rules.after_minutes,
    )


def settle(appointment: Appointment, lead: Lead, *, held_until: datetime | None) -> None:
    """Save an appointment as held or booked for `lead`, and tell."""
    appointment.lead = lead
    appointment.expires_at = held_until
    appointment.status = AppointmentStatus.HELD if held_until else AppointmentStatus.BOOKED
    appointment.save()
    if held_until:
        _announce(signals.appointment_held, appointment, "Viewing held")
    else:
        _announce(signals.appointment_booked, appointment, "Viewing booked")
        _raise_stage(lead)


def move(appointment: Appointment, wanted: Wanted) -> None:
    """Take the wanted time for an appointment in place of its own. Raises when the rules refuse it."""
    previous = PreviousTime(appointment.starts_at, appointment.ends_at, appointment.agent_id)
    clear_the_way(wanted, but=appointment)
    moved = promise(wanted, ignored=(appointment.pk,))
    for name in ("agent", "starts_at", "ends_at", "is_stacked", "buffer_before_minutes", "buffer_after_minutes"):
        setattr(appointment, name, getattr(moved, name))
    appointment.save()
    _announce(signals.appointment_rescheduled, appointment, "Viewing moved", previous=previous)


def place(appointment: Appointment, wanted: Wanted) -> None:
    """Give an appointment exactly the wanted time of its agent, whatever the rules say. Raises SlotTaken."""
    previous = PreviousTime(appointment.starts_at, appointment.ends_at, appointment.agent_id)
    clear_the_way(wanted, but=appointment)
    appointment.starts_at, appointment.ends_at = wanted.starts_at, wanted.ends_at
    appointment.save(update_fields=["starts_at", "ends_at", "updated_at"])
    _announce(signals.appointment_rescheduled, appointment, "Viewing moved", previous=previous)


def give_up(appointment: Appointment, reason: str, what: str) -> None:
    """Cancel an appointment, and tell."""
    appointment.status = AppointmentStatus.CANCELLED
    appointment.cancel_reason = reason[: Appointment._meta.get_field("cancel_reason").max_length]
    appointment.save(update_fields=["status", "cancel_reason", "updated_at"])
    _announce(signals.appointment_cancelled, appointment, what)


def _raise_stage(lead: Lead) -> None:
    if lead.stage not in BEFORE_VIEWING:
        return
    stages = [lead.stage, LeadStage.VIEWING_BOOKED.value]
    entered = stage_values(LeadStage.VIEWING_BOOKED)
    for name, value in entered.items():
        setattr(lead, name, value)
    lead.save(update_fields=[*entered, "updated_at"])
    add_timeline(lead, EntryKind.CHANGE, f"Stage: {LeadStage.VIEWING_BOOKED.label}", data={"stage": stages})
    signals.lead_changed.send_robust(sender=Lead, lead=lead, changed=["stage"])


def _announce(signal: Signal, appointment: Appointment, what: str, **more: Any) -> None:
    data = {}
    previous: PreviousTime | None = more.get("previous")
    if previous and previous.starts_at != appointment.starts_at:
        data["previous"] = previous.starts_at.isoformat()
    add_viewing_entry(appointment, what, **data)
    signal.send_robust(sender=Appointment, appointment=appointment, **more)
