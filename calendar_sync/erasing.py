"""What the calendars forget of a person: notices that name them. An event of the past lies in its agent's mailbox."""

from __future__ import annotations

from calendar_sync.models import Calendar, Connection, Notice
from crm import erasure, traces
from crm.models import Lead


def erase(lead: Lead) -> None:
    Notice.objects.filter(appointment__lead=lead).delete()


def connect() -> None:
    erasure.register(erase)
    traces.keep_names_in(Calendar, Connection)
