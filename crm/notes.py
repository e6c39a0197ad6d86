"""Notes about leads."""

from __future__ import annotations

from django.db import transaction

from crm import signals
from crm.models import Agent, EntryKind, Lead, Note
from crm.timeline import add_timeline


@transaction.atomic
def write_note(*, lead: Lead, text: str, agent: Agent | None, actor: str = "staff") -> Note:
    """Keep `text` with the lead, and show it in the timeline."""
    note = Note.objects.create(lead=lead, agent=agent, text=text)
    add_timeline(lead, EntryKind.NOTE, text, data={"note": note.pk}, agent=agent, actor=actor, key=f"note:{note.pk}")
    signals.note_written.send_robust(sender=Note, note=note)
    return note
