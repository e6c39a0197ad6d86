"""What every tool needs to know of the call it works for: who calls, the clock, the home, the caller's own viewings."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils import timezone

from calls.models import Assistant, Call
from calls.phrases import say_when
from calls.tools.answers import Caller
from crm.leads import apply_facts, lead_by_phone, lead_for_caller
from crm.models import Agent, Appointment, AppointmentStatus, Lead, Listing
from crm.phones import to_e164

# A message may be late, and the clocks of two machines differ; further off it says nothing about the caller's today.
MOST_SKEW = timedelta(days=1)
_LARGEST_ID = 2**63 - 1


@dataclass(frozen=True)
class Scope:
    """What was being looked for when a tool had to refuse: other times are sought in the same place."""

    listing: Listing | None = None
    agent: Agent | None = None


@dataclass
class Desk:
    """One tool call's view of the call. Nothing the model argues can change who is calling."""

    caller: Caller
    scope: Scope = field(default_factory=Scope)

    @property
    def tz(self) -> ZoneInfo:
        """The office's zone: spoken times are in it."""
        return settings.OFFICE_TZ

    @cached_property
    def now(self) -> datetime:
        """The call's clock, or ours when the call's is off."""
        ours = timezone.now()
        return self.caller.now if abs(self.caller.now - ours) < MOST_SKEW else ours

    @cached_property
    def number(self) -> str | None:
        """The caller's number in E.164, None when withheld."""
        return to_e164(self.caller.number) if self.caller.number else None

    @cached_property
    def assistant(self) -> Assistant | None:
        """The assistant on the line."""
        known = Assistant.objects.select_related("listing", "agent")
        return known.filter(vapi_id=self.caller.assistant_id).first() if self.caller.assistant_id else None

    def say(self, instant: datetime) -> str:
        """Return an instant as the caller is told it."""
        return say_when(instant, self.now, self.tz)

    def fact(self, name: str) -> str:
        """Return what the call has learnt under this name, "" for nothing."""
        value = self.caller.context.get(name)
        return value if isinstance(value, str) else ""

    def id_of(self, name: str) -> int | None:
        """Return the row the call has come to. The model may have put it there: it says which, never whose."""
        value = self.caller.context.get(name)
        is_id = isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _LARGEST_ID
        return value if is_id else None

    def known_lead(self) -> Lead | None:
        """Return the caller's lead if there is one: by number, else the one this call has been given."""
        if self.number:
            return lead_by_phone(self.number)
        lead = Lead.objects.filter(calls=self.caller.call_id).first()
        if lead is not None:
            return lead
        return Lead.objects.filter(appointments__call_id=self.caller.call_id).first()

    def lead(self, *, said_phone: str | None = None, facts: dict[str, Any] | None = None) -> Lead:
        """Return the caller's lead, made if needed, with what they have just said about themselves.

        `said_phone` counts only when the number is withheld: whose line it is, the line itself tells.
        """
        facts = facts or {}
        lead = self.known_lead()
        if lead is None:
            email = facts.get("email") or self.fact("email") or None
            lead = lead_for_caller(
                phone=self.number or said_phone,
                # Anybody can say an address; on a line with a number, the number alone tells who it is.
                email=None if self.number else email,
                full_name=facts.get("full_name") or self.fact("full_name") or None,
            )
            self._remember(lead)
        if facts:
            apply_facts(lead, facts, actor="assistant", call_id=self.caller.call_id)
        return lead

    def _remember(self, lead: Lead) -> None:
        """Let the rest of a call from a withheld number find the same lead."""
        if self.number is None:
            Call.objects.filter(pk=self.caller.call_id, lead=None).update(lead=lead)

    def own_viewings(self) -> QuerySet[Appointment]:
        """Return the caller's live viewings to come: of the lead with this very number, or made in this call."""
        own = Q(call_id=self.caller.call_id)
        if self.number:
            own |= Q(lead=lead_by_phone(self.number), lead__isnull=False)
        live = Q(status=AppointmentStatus.BOOKED) | Q(status=AppointmentStatus.HELD, expires_at__gt=timezone.now())
        viewings = Appointment.objects.filter(own, live, starts_at__gt=timezone.now())
        return viewings.select_related("listing", "agent", "lead").order_by("starts_at", "pk")
