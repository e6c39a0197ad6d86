"""Who is told of what was done in Outlook: the lead by e-mail, or by a call; the agent by a notice."""

from __future__ import annotations

import hashlib
from datetime import datetime
from zoneinfo import ZoneInfo

from django.utils import timezone

from calendar_sync.models import EventLink, NoticeKind
from calendar_sync.notices import raise_notice
from calendar_sync.remote import RemoteEvent
from crm.errors import CrmError, SlotRefused
from crm.messages import queue_message
from crm.models import Appointment, TaskKind
from crm.slots import Offer
from crm.timeline import open_task
from crm.wording import phone


def moved(appointment: Appointment, *, key: str) -> None:
    """Tell the lead the new time. `key` stands for this one move."""
    when = at_local(appointment.starts_at, appointment)
    text = f"your viewing of {appointment.listing} has been moved. It is now on {when}."
    _tell_lead(appointment, key, f"Your viewing has been moved to {when}", text, f"the viewing is now on {when}")


def cancelled(appointment: Appointment, *, key: str) -> None:
    """Tell the lead that the viewing will not take place."""
    when = at_local(appointment.starts_at, appointment)
    text = f"your viewing of {appointment.listing} on {when} has been cancelled. We are sorry."
    _tell_lead(appointment, key, "Your viewing has been cancelled", text, f"the viewing on {when} is cancelled")


def _tell_lead(appointment: Appointment, key: str, subject: str, text: str, news: str) -> None:
    # Etags have characters and lengths of Microsoft's choosing.
    key = hashlib.sha256(key.encode()).hexdigest()[:32]
    lead, agent = appointment.lead, appointment.agent
    if not lead.email:
        what = f"Call and say that {news}: {appointment.listing}. It was changed in Outlook, and there is no e-mail."
        kind = TaskKind.CALLBACK
        open_task(lead, kind, what, due_at=timezone.now(), key=f"outlook:{key}", assignee=agent)
        return
    reach = f" ({phone(agent.phone)})" if agent.phone else ""
    greeting = f"Hello {lead.full_name}," if lead.full_name else "Hello,"
    body = f"{greeting}\n\n{text}\n\nIf that does not suit you, please let {agent}{reach} know.\n"
    queue_message(key=f"outlook:{key}", lead=lead, to=lead.email, subject=subject, body=body, appointment=appointment)


def put_back(appointment: Appointment, link: EventLink, event: RemoteEvent | None, refusal: CrmError) -> None:
    """Tell the agent that what they did in Outlook does not stand, why, and when they could have it."""
    when = at_local(appointment.starts_at, appointment)
    if event is None:
        did = "deleted in Outlook"
    elif event.is_all_day:
        did = "made to fill whole days in Outlook"
    else:
        did = f"moved in Outlook to {at_local(event.starts_at, appointment)}"
    offers = refusal.alternatives if isinstance(refusal, SlotRefused) else []
    raise_notice(
        NoticeKind.MOVED,
        link.connection.agent,
        key=f"put-back:{appointment.pk}",
        text=f"The viewing of {appointment.listing} with {appointment.lead} was {did}. {refusal.message} "
        f"It stays on {when}, as the lead was told, and Pete puts the event back.",
        cure=f"Move it to another time{or_to(offers, appointment)}, or cancel it in Pete.",
        appointment=appointment,
        data={"rule": refusal.code, "alternatives": as_data(offers)},
    )


def or_to(offers: list[Offer], appointment: Appointment) -> str:
    """Return ", for example Tue 24 Nov, 15:00 CST or …" for a sentence; "" without offers."""
    times = [at_local(offer.starts_at, appointment) for offer in offers]
    return f", for example {' or '.join(times)}" if times else ""


def as_data(offers: list[Offer]) -> list[dict[str, object]]:
    """Return offers as a notice keeps them."""
    return [{"agent": offer.agent_id, "starts_at": offer.starts_at.isoformat()} for offer in offers]


def at_local(at: datetime, appointment: Appointment) -> str:
    """Return "Tue 24 Nov, 15:00 CST" on the clocks of the agent who shows the home."""
    local = at.astimezone(ZoneInfo(appointment.agent.timezone))
    return f"{local:%a} {local.day} {local:%b}, {local:%H:%M %Z}"
