"""Who is told of what was done in Outlook: the lead by e-mail, or by a call; the agent by a notice."""

from __future__ import annotations

import hashlib

from django.utils import timezone
from django.utils.translation import gettext as _

from calendar_sync.models import EventLink, NoticeKind
from calendar_sync.notices import raise_notice
from calendar_sync.remote import RemoteEvent
from crm.errors import CrmError, SlotRefused
from crm.messages import queue_message
from crm.models import Appointment, TaskKind
from crm.slots import Offer
from crm.telling import local_words
from crm.timeline import open_task
from crm.wording import phone


def moved(appointment: Appointment, *, key: str) -> None:
    """Tell the lead the new time. `key` stands for this one move."""
    known = words(appointment)
    text = _("your viewing of %(home)s has been moved. It is now on %(when)s.") % known
    subject = _("Your viewing has been moved to %(when)s") % known
    _tell_lead(appointment, key, subject, text, _("the viewing is now on %(when)s") % known)


def cancelled(appointment: Appointment, *, key: str) -> None:
    """Tell the lead that the viewing will not take place."""
    known = words(appointment)
    text = _("your viewing of %(home)s on %(when)s has been cancelled. We are sorry.") % known
    subject, news = _("Your viewing has been cancelled"), _("the viewing on %(when)s is cancelled") % known
    _tell_lead(appointment, key, subject, text, news)


def words(appointment: Appointment) -> dict[str, object]:
    """Return what sentences about a viewing name."""
    when = local_words(appointment.starts_at, appointment.agent)
    return {"home": appointment.listing, "lead": appointment.lead, "when": when}


def _tell_lead(appointment: Appointment, key: str, subject: str, text: str, news: str) -> None:
    # Etags have characters and lengths of Microsoft's choosing.
    key = hashlib.sha256(key.encode()).hexdigest()[:32]
    lead, agent = appointment.lead, appointment.agent
    if not lead.email:
        what = _("Call and say that %(news)s: %(home)s. It was changed in Outlook, and there is no e-mail.") % {
            "news": news,
            "home": appointment.listing,
        }
        open_task(lead, TaskKind.CALLBACK, what, due_at=timezone.now(), key=f"outlook:{key}", assignee=agent)
        return
    greeting = _("Hello %(name)s,") % {"name": lead.full_name} if lead.full_name else _("Hello,")
    reach = f" ({phone(agent.phone)})" if agent.phone else ""
    closing = _("If that does not suit you, please let %(agent)s%(reach)s know.") % {"agent": agent, "reach": reach}
    body = f"{greeting}\n\n{text}\n\n{closing}\n"
    queue_message(key=f"outlook:{key}", lead=lead, to=lead.email, subject=subject, body=body, appointment=appointment)


def put_back(appointment: Appointment, link: EventLink, event: RemoteEvent | None, refusal: CrmError) -> None:
    """Tell the agent that what they did in Outlook does not stand, why, and when they could have it."""
    offers = refusal.alternatives if isinstance(refusal, SlotRefused) else []
    raise_notice(
        NoticeKind.MOVED,
        link.connection.agent,
        key=f"put-back:{appointment.pk}",
        text=lambda: _did(appointment, event) % (words(appointment) | {"why": refusal.message}),
        cure=lambda: (
            _("Move it to another time%(example)s, or cancel it in Pete.") % {"example": or_to(offers, appointment)}
        ),
        appointment=appointment,
        data={"rule": refusal.code, "alternatives": as_data(offers)},
    )


def _did(appointment: Appointment, event: RemoteEvent | None) -> str:
    """Return what is said of a change in Outlook that does not stand; names in it are those of `words`, and `why`."""
    if event is None:
        did = _("The viewing of %(home)s with %(lead)s was deleted in Outlook. %(why)s")
    elif event.is_all_day:
        did = _("The viewing of %(home)s with %(lead)s was made to fill whole days in Outlook. %(why)s")
    else:
        did = _("The viewing of %(home)s with %(lead)s was moved in Outlook to %(other)s. %(why)s")
        did = did.replace("%(other)s", local_words(event.starts_at, appointment.agent))
    return f"{did} " + _("It stays on %(when)s, as the lead was told, and Pete puts the event back.")


def or_to(offers: list[Offer], appointment: Appointment) -> str:
    """Return ", for example Tue 24 Nov, 15:00 CST or …" for a sentence; "" without offers."""
    times = [local_words(offer.starts_at, appointment.agent) for offer in offers]
    return _(", for example %(times)s") % {"times": _(" or ").join(times)} if times else ""


def as_data(offers: list[Offer]) -> list[dict[str, object]]:
    """Return offers as a notice keeps them."""
    return [{"agent": offer.agent_id, "starts_at": offer.starts_at.isoformat()} for offer in offers]
