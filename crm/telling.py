"""E-mails about a viewing that staff book, move or cancel: to the lead, and to the agent whose time it is."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import uuid4
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from crm.languages import speaking_to
from crm.messages import queue_message
from crm.wording import person, phone

if TYPE_CHECKING:
    from collections.abc import Collection

    from crm.models import Agent, Appointment

LEAD, AGENT = "lead", "agent"
BOOKED, MOVED, CANCELLED = "booked", "moved", "cancelled"


def tell(appointment: Appointment, what: str, whom: Collection[str], *, by: Agent) -> list[str]:
    """Queue the e-mails that `by` asked for in this transaction; return who is told, by name.

    Who has no address is not told, and neither is the agent who did it.
    """
    told = []
    if LEAD in whom and appointment.lead.email:
        _tell_lead(appointment, what)
        told.append(person(appointment.lead))
    if AGENT in whom and appointment.agent_id != by.pk and appointment.agent.email:
        _tell_agent(appointment, what, by)
        told.append(str(appointment.agent))
    return told


def _tell_lead(appointment: Appointment, what: str) -> None:
    """Write in the language of whoever books: nobody has written down which the lead reads."""
    lead, agent = appointment.lead, appointment.agent
    when, home = local_words(appointment.starts_at, agent), appointment.listing
    subjects = {
        BOOKED: _("Your viewing on %(when)s"),
        MOVED: _("Your viewing has been moved to %(when)s"),
        CANCELLED: _("Your viewing on %(when)s is cancelled"),
    }
    texts = {
        BOOKED: _("your viewing of %(home)s is booked for %(when)s. %(agent)s will meet you there."),
        MOVED: _("your viewing of %(home)s has been moved. It is now on %(when)s. %(agent)s will meet you there."),
        CANCELLED: _("your viewing of %(home)s on %(when)s has been cancelled. We are sorry."),
    }
    words = {"when": when, "home": home, "agent": agent}
    greeting = _("Hello %(name)s,") % {"name": lead.full_name} if lead.full_name else _("Hello,")
    reach = f" ({phone(agent.phone)})" if agent.phone else ""
    closing = _("If that does not suit you, please let %(agent)s%(reach)s know.") % {"agent": agent, "reach": reach}
    _queue(appointment, lead.email, subjects[what] % words, f"{greeting}\n\n{texts[what] % words}\n\n{closing}\n")


def _tell_agent(appointment: Appointment, what: str, by: Agent) -> None:
    with speaking_to(appointment.agent):
        text = _agent_text(appointment, what, by)
    _queue(appointment, appointment.agent.email, text, f"{text}\n")


def _agent_text(appointment: Appointment, what: str, by: Agent) -> str:
    texts = {
        BOOKED: _("%(by)s booked a viewing on your time: %(home)s with %(lead)s, %(when)s."),
        MOVED: _("%(by)s moved a viewing of yours: %(home)s with %(lead)s is now on %(when)s."),
        CANCELLED: _("%(by)s cancelled a viewing of yours: %(home)s with %(lead)s, %(when)s."),
    }
    when = local_words(appointment.starts_at, appointment.agent)
    return texts[what] % {"by": by, "home": appointment.listing, "lead": person(appointment.lead), "when": when}


def _queue(appointment: Appointment, to: str, subject: str, body: str) -> None:
    # Each time somebody asks for it is a message of its own.
    key = f"staff:{uuid4()}"
    queue_message(key=key, lead=appointment.lead, to=to, subject=subject, body=body, appointment=appointment)


def local_words(at: datetime, agent: Agent) -> str:
    """Return "Tue 24 Nov, 15:00 CST" on the clocks of the agent who shows the home, in the language in force."""
    local = at.astimezone(ZoneInfo(agent.timezone))
    day = date_format(local, _("D j M, H:i"))
    return f"{day} {local:%Z}"
