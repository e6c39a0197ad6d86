"""Promising an agent's time, and moving or taking back the promise.

Every service is one transaction and takes row locks in one order: lead, agents by id, listing, appointments. The lead
comes first because callers often have changed it in the same transaction. Under the locks the rules are asked again;
the exclusion constraints have the last word. Signals are sent inside the transaction.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg
from django.db import IntegrityError, transaction
from django.utils import timezone

from crm import promises, slots
from crm.availability import rules_for
from crm.choice import nearest_offers
from crm.errors import BadArguments, CrmError, IdempotencyMismatch, NoViewing, PastTime, SlotRefused, SlotTaken
from crm.models import Agent, Appointment, AppointmentStatus, BookingRequest, Lead, Listing
from crm.models.appointments import LIVE
from crm.models.office import LONGEST_VIEWING_MINUTES
from crm.promises import LAPSED, Wanted, clear_the_way, give_up, move, promise, settle

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

OVERLAPS = ["appointment_agent_no_overlap", "appointment_listing_no_overlap"]
KEYS = ["appointment_key", "booking_request_key"]
LONGEST_KEY = 200
OVER = [AppointmentStatus.COMPLETED, AppointmentStatus.NO_SHOW]


def book(
    *,
    lead: Lead,
    listing: Listing,
    starts_at: datetime,
    agent: Agent | None = None,
    agents: Sequence[Agent] | None = None,
    idempotency_key: str,
    source: str = "voice",
    hold: bool = False,
    call_id: UUID | None = None,
    replaces_holds: bool = True,
    now: datetime | None = None,
) -> Appointment:
    """Book, or with `hold` reserve for a while, a viewing that begins at `starts_at`; once per `idempotency_key`.

    Without `agent`, one of `agents` (all who show the home) who is free then is chosen fairly. The lead's, or the
    call's, own hold of that very slot becomes the booking; its other holds of the home are given up. Without
    `replaces_holds` every hold stands, whoever has it.
    Raises SlotTaken, OutsideHours, PastTime with alternatives; UnknownProperty; IdempotencyMismatch; BadArguments.
    """
    _require_aware(starts_at)
    digest = _digest("hold" if hold else "book", lead.pk, listing.pk, agent and agent.pk, starts_at)
    with _refusing_with_alternatives(listing, starts_at, agent.pk if agent else None, now), transaction.atomic():
        lead = _lock_one(Lead, lead.pk)
        earlier = _earlier_answer(idempotency_key, digest)
        if earlier is not None:
            return earlier
        people = _lock(Agent, _candidates(listing, agent, agents))
        wanted = _wanted(lead, listing, people, starts_at, now, call_id=call_id, replaces_holds=replaces_holds)
        appointment = clear_the_way(wanted)
        if appointment is None:
            appointment = promise(wanted)
            appointment.idempotency_key, appointment.source = idempotency_key, source
        appointment.call_id = call_id or appointment.call_id
        settle(appointment, lead, held_until=wanted.now + wanted.rules.hold if hold else None)
        BookingRequest.objects.create(key=idempotency_key, digest=digest, appointment=appointment)
    return appointment


def confirm(appointment_id: int, *, lead: Lead | None = None, now: datetime | None = None) -> Appointment:
    """Book what was held, for `lead` if it turned out to be somebody else. What is booked stays booked.

    Raises SlotTaken with alternatives when the hold has lapsed, NoViewing when there is none.
    """
    first = _find(appointment_id)
    with _refusing_with_alternatives(first.listing, first.starts_at, first.agent_id, now), transaction.atomic():
        people = _lock(Lead, [first.lead_id, lead.pk if lead else first.lead_id])
        appointment = _lock_appointment(appointment_id)
        if appointment.status == AppointmentStatus.BOOKED:
            return appointment
        if appointment.status in OVER:
            raise NoViewing("That viewing is over.")
        if appointment.status != AppointmentStatus.HELD or appointment.is_lapsed(now or timezone.now()):
            raise SlotTaken("That time is no longer held.")
        wanted = lead.pk if lead else appointment.lead_id
        settle(appointment, next(person for person in people if person.pk == wanted), held_until=None)
    return appointment


def reschedule(
    appointment_id: int,
    *,
    starts_at: datetime | None = None,
    slot: slots.Offer | str | None = None,
    idempotency_key: str | None = None,
    replaces_holds: bool = True,
    now: datetime | None = None,
) -> Appointment:
    """Move a viewing to another time of its agent, or to a slot, which may be another agent's.

    The old time is kept unless the new one is promised. Raises as `book` does, and NoViewing.
    """
    offer = slots.decode(slot) if isinstance(slot, str) else slot
    starts_at = offer.starts_at if offer else starts_at
    if starts_at is None:
        raise BadArguments("Say to when the viewing is to move.")
    _require_aware(starts_at)
    first = _find(appointment_id)
    agent_id = offer.agent_id if offer else first.agent_id
    digest = _digest("reschedule", appointment_id, offer and agent_id, starts_at)
    with _refusing_with_alternatives(first.listing, starts_at, agent_id, now), transaction.atomic():
        lead = _lock_one(Lead, first.lead_id)
        earlier = _earlier_answer(idempotency_key, digest) if idempotency_key else None
        if earlier is not None:
            return earlier
        people = _lock(Agent, {agent_id, first.agent_id})
        showing = [person for person in people if person.pk == agent_id]
        wanted = _wanted(lead, first.listing, showing, starts_at, now, replaces_holds=replaces_holds)
        appointment = _lock_appointment(appointment_id)
        _require_movable(appointment, offer, wanted.now)
        if (appointment.starts_at, appointment.agent_id) != (starts_at, agent_id):
            move(appointment, wanted)
        if idempotency_key:
            BookingRequest.objects.create(key=idempotency_key, digest=digest, appointment=appointment)
    return appointment


def place(appointment_id: int, *, starts_at: datetime, ends_at: datetime, now: datetime | None = None) -> Appointment:
    """Move a viewing to exactly [starts_at, ends_at), as its agent did in a calendar of their own.

    Hours, steps, buffers, notice and busy times are the agent's to overrule; the past and other promises are not.
    Raises PastTime, SlotTaken with alternatives; NoViewing; BadArguments for a length that no viewing has.
    """
    _require_aware(starts_at)
    if not timedelta() < ends_at - starts_at <= timedelta(minutes=LONGEST_VIEWING_MINUTES):
        raise BadArguments("A viewing takes between a minute and half a day.")
    first = _find(appointment_id)
    with _refusing_with_alternatives(first.listing, starts_at, first.agent_id, now), transaction.atomic():
        lead = _lock_one(Lead, first.lead_id)
        people = _lock(Agent, [first.agent_id])
        wanted = _wanted(lead, first.listing, people, starts_at, now, replaces_holds=False)
        wanted = replace(wanted, rules=replace(wanted.rules, length=ends_at - starts_at))
        appointment = _lock_appointment(appointment_id)
        _require_movable(appointment, None, wanted.now)
        if appointment.agent_id != first.agent_id:
            raise NoViewing("That viewing is another agent's by now.")
        if starts_at <= wanted.now and starts_at != appointment.starts_at:
            raise PastTime("That time has passed.")
        if (appointment.starts_at, appointment.ends_at) != (starts_at, ends_at):
            promises.place(appointment, wanted)
    return appointment


def cancel(appointment_id: int, *, reason: str = "") -> Appointment:
    """Give a viewing's time back. Cancelled twice is cancelled once. Raises NoViewing."""
    first = _find(appointment_id)
    with transaction.atomic():
        _lock_one(Lead, first.lead_id)
        appointment = _lock_appointment(appointment_id)
        if appointment.status in OVER:
            raise NoViewing("That viewing is over.")
        if appointment.status != AppointmentStatus.CANCELLED:
            give_up(appointment, reason, "Viewing cancelled")
    return appointment


def restore(appointment_id: int, *, now: datetime | None = None) -> Appointment:
    """Book a cancelled viewing again at its old time, as if it had not been cancelled.

    Hours, notice and busy times held when it was promised; the past and other promises are in the way. Raises PastTime,
    SlotTaken with alternatives; NoViewing.
    """
    first = _find(appointment_id)
    with _refusing_with_alternatives(first.listing, first.starts_at, first.agent_id, now), transaction.atomic():
        lead = _lock_one(Lead, first.lead_id)
        people = _lock(Agent, [first.agent_id])
        wanted = _wanted(lead, first.listing, people, first.starts_at, now, replaces_holds=False)
        wanted = replace(wanted, rules=replace(wanted.rules, length=first.ends_at - first.starts_at))
        appointment = _lock_appointment(appointment_id)
        if appointment.status == AppointmentStatus.BOOKED:
            return appointment
        if appointment.status != AppointmentStatus.CANCELLED:
            raise NoViewing("That viewing is over.")
        if appointment.starts_at <= wanted.now:
            raise PastTime("That time has passed.")
        clear_the_way(wanted, but=appointment)
        appointment.cancel_reason = ""
        settle(appointment, lead, held_until=None)
    return appointment


def release_expired_holds(now: datetime | None = None) -> int:
    """Cancel the holds whose time is up; return how many. Rows somebody else is working on are left to them."""
    now = now or timezone.now()
    with transaction.atomic():
        lapsed = Appointment.objects.filter(status=AppointmentStatus.HELD, expires_at__lte=now)
        rows = list(lapsed.with_names().order_by("pk").select_for_update(no_key=True, of=("self",), skip_locked=True))
        for row in rows:
            give_up(row, LAPSED, LAPSED)
    return len(rows)


# --- Locks and look-ups ---------------------------------------------------------------------------------------------


def _lock(model: type[Any], ids: Iterable[int]) -> list[Any]:
    """Lock rows in the order of their ids. Rows that refer to them can still be inserted meanwhile."""
    return list(model.objects.filter(pk__in=set(ids)).order_by("pk").select_for_update(no_key=True))


def _lock_one(model: type[Any], pk: int) -> Any:
    return model.objects.select_for_update(no_key=True).get(pk=pk)


def _find(appointment_id: int) -> Appointment:
    appointment = Appointment.objects.with_names().filter(pk=appointment_id).first()
    if appointment is None:
        raise NoViewing("There is no such viewing.")
    return appointment


def _lock_appointment(appointment_id: int) -> Appointment:
    return Appointment.objects.with_names().select_for_update(no_key=True, of=("self",)).get(pk=appointment_id)


def _candidates(listing: Listing, agent: Agent | None, agents: Sequence[Agent] | None) -> Iterable[int]:
    if agent is not None:
        return [agent.pk]
    if agents is not None:
        return [person.pk for person in agents]
    return listing.agents.filter(is_active=True, is_bookable=True).values_list("pk", flat=True)


def _require_aware(instant: datetime) -> None:
    if timezone.is_naive(instant):
        raise BadArguments("A time needs its offset from UTC.")


def _wanted(
    lead: Lead, listing: Listing, people: list[Agent], starts_at: datetime, now: datetime | None, **more: Any
) -> Wanted:
    """Lock the listing, the last of the locks that may have to be waited for, and say what is wanted as of then."""
    listing = _lock_one(Listing, listing.pk)
    now = now or timezone.now()
    return Wanted(lead, listing, people, starts_at, rules=rules_for(listing), now=now, **more)


def _require_movable(appointment: Appointment, offer: slots.Offer | None, now: datetime) -> None:
    if appointment.status not in LIVE or appointment.is_lapsed(now):
        raise NoViewing("That viewing is over or was cancelled.")
    if offer and offer.listing_id not in (None, appointment.listing_id):
        raise BadArguments("That slot is for another home.")


# --- Repeated requests ----------------------------------------------------------------------------------------------


def _digest(*content: Any) -> str:
    # The same instant may arrive in any zone.
    parts = [str(part.timestamp()) if hasattr(part, "timestamp") else str(part) for part in content]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _earlier_answer(key: str, digest: str) -> Appointment | None:
    """Return what the first request with this key led to."""
    if not 0 < len(key) <= LONGEST_KEY:
        raise BadArguments(f"An idempotency key has 1 to {LONGEST_KEY} characters.")
    request = BookingRequest.objects.filter(key=key).first()
    if request is None:
        return None
    if request.digest != digest:
        raise IdempotencyMismatch("This key was used for another request.")
    return _find(request.appointment_id)


@contextmanager
def _refusing_with_alternatives(
    listing: Listing, starts_at: datetime, agent_id: int | None, now: datetime | None
) -> Iterator[None]:
    """Translate the database's refusals, and look for other times once the locks are gone."""
    try:
        try:
            yield
        except IntegrityError as exc:
            refusal = _refusal_of(exc)
            if refusal is None:
                raise
            raise refusal from exc
    except SlotRefused as exc:
        exc.alternatives = nearest_offers(listing=listing, starts_at=starts_at, prefer_agent_id=agent_id, now=now)
        raise


def _refusal_of(exc: IntegrityError) -> CrmError | None:
    """Return what the violated constraint means to a caller."""
    constraint = exc.__cause__.diag.constraint_name if isinstance(exc.__cause__, psycopg.Error) else None
    if constraint in OVERLAPS:
        return SlotTaken("That time has just been taken.")
    if constraint in KEYS:
        return IdempotencyMismatch("This key was used for another request.")
    return None
