"""What the proof remembers of each viewing: what callers were told, what was done in Outlook, what must come of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from calendar_sync import events
from calendar_sync.models import EventLink, Notice, Push, PushStatus
from calendar_sync.remote import TAG_ID
from calendar_sync.sandbox.mailbox import Event
from calendar_sync.tests.proof.office import Office
from crm.models import Agent, Appointment


@dataclass(frozen=True)
class Stand:
    """Where a viewing is; cancelled without times."""

    agent_id: int
    starts_at: datetime | None
    ends_at: datetime | None

    @property
    def is_cancelled(self) -> bool:
        return self.starts_at is None


class Rule(Enum):
    """What is certain about the end."""

    # As Pete acknowledged it last: nothing was under way in Outlook.
    EXACT = "exact"
    # As Outlook has it, or put back with a notice: nothing was under way in Pete.
    FOLLOWS = "follows"
    # Both sides changed it at once: one of them has its way.
    EITHER = "either"


@dataclass
class Entry:
    """One viewing. `promised` is what was acknowledged last, `seen` all that it may have become."""

    promised: Stand
    rule: Rule = Rule.EXACT
    wanted: Stand | None = None
    seen: set[Stand] = field(default_factory=set)
    is_touched: bool = False


def stand_of(row: Appointment) -> Stand:
    """Return where a viewing is in Pete."""
    if row.status == "cancelled":
        return Stand(row.agent_id, None, None)
    return Stand(row.agent_id, row.starts_at, row.ends_at)


def put_back_key(appointment_id: int) -> str:
    return f"put-back:{appointment_id}"


class Ledger:
    """The entries of all viewings that anybody was told of."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.entries: dict[int, Entry] = {}

    def acknowledged(self, row: Appointment) -> None:
        """Note a booking."""
        if row.pk not in self.entries:
            self.entries[row.pk] = Entry(stand_of(row))

    def changed_in_pete(self, before: Appointment, after: Appointment, *, is_unseen: bool) -> None:
        """Note a change that Pete acknowledged; `is_unseen`: something was done in Outlook that Pete had not read."""
        if stand_of(before) == stand_of(after):
            return
        entry = self.entries[after.pk]
        entry.seen |= {stand_of(before), stand_of(after)}
        entry.promised = stand_of(after)
        entry.rule = Rule.EITHER if is_unseen and not entry.promised.is_cancelled else Rule.EXACT

    def changed_in_outlook(self, appointment_id: int, event: Event, result: Event | None) -> None:
        """Note what is about to be done to an event in Outlook; without `result` it is deleted."""
        row, entry = Appointment.objects.get(pk=appointment_id), self.entries[appointment_id]
        starts_at, ends_at = (result.start, result.end) if result else (None, None)
        wanted = Stand(row.agent_id, starts_at, ends_at)
        entry.is_touched = True
        entry.seen |= {stand_of(row), wanted}
        if row.status != "booked":
            return
        if self._is_settled(row, event, entry):
            entry.rule, entry.wanted = Rule.FOLLOWS, wanted
            # Read and put away; the next one is news.
            Notice.objects.filter(key=put_back_key(row.pk)).update(resolved_at=self.office.now)
        elif entry.rule is not Rule.EXACT or self.is_live(row, event):
            entry.rule = Rule.EITHER

    def parted(self, agent: Agent) -> None:
        """Note that an agent is about to disconnect: what they did in Outlook and Pete has not read is lost."""
        for row in Appointment.objects.filter(agent=agent, pk__in=self.entries):
            entry = self.entries[row.pk]
            entry.seen.add(stand_of(row))
            if entry.rule is Rule.FOLLOWS:
                entry.rule = Rule.EITHER

    def is_live(self, row: Appointment, event: Event) -> bool:
        """Say whether an event may be the one that stands for the viewing: not one that is about to be removed."""
        agent = Agent.objects.get(pk=row.agent_id)
        return event.id in self.office.outlook(agent).mailbox.events

    def _is_settled(self, row: Appointment, event: Event, entry: Entry) -> bool:
        link = EventLink.objects.filter(appointment=row, connection__agent=row.agent_id, event_id=event.id).first()
        if link is None or Push.objects.filter(appointment=row).exclude(status=PushStatus.DONE).exists():
            return False
        return link.etag == event.etag or entry.rule is Rule.FOLLOWS

    def is_unseen(self, row: Appointment) -> bool:
        """Say whether Outlook has a version of one of the viewing's events that Pete does not know."""
        links = list(EventLink.objects.filter(appointment=row).select_related("connection__agent"))
        known = {link.event_id: link.etag for link in links}
        there = {
            event.id: event.etag
            for link in links
            for event in self.office.outlook(link.connection.agent).events()
            if (tag := events.read_tag(event.properties.get(TAG_ID))) and tag[0] == row.pk
        }
        return {pk: etag for pk, etag in known.items() if pk} != there and self.entries[row.pk].is_touched

    # --- At the end ---------------------------------------------------------------------------------------------------

    def complaints(self) -> list[str]:
        """Return what has not become of a viewing as it must."""
        rows = Appointment.objects.in_bulk(self.entries)
        lost = [f"viewing {pk} is lost" for pk in self.entries.keys() - rows.keys()]
        more = Appointment.objects.exclude(pk__in=self.entries).values_list("pk", flat=True)
        lost += [f"viewing {pk} was never asked for" for pk in more]
        put_back = set(
            Notice.objects.filter(key__startswith="put-back:", resolved_at=None).values_list("key", flat=True)
        )
        for pk, row in rows.items():
            entry, stand = self.entries[pk], stand_of(row)
            if not _is_right(entry, stand, is_put_back=put_back_key(pk) in put_back):
                lost.append(f"viewing {pk}: {stand}, by {entry}")
        return lost

    def certainty(self) -> Counter[str]:
        return Counter(entry.rule.value for entry in self.entries.values())


def _is_right(entry: Entry, stand: Stand, *, is_put_back: bool) -> bool:
    if entry.rule is Rule.EXACT:
        return stand == entry.promised
    if entry.rule is Rule.FOLLOWS:
        return stand == entry.wanted or (is_put_back and stand in entry.seen and not stand.is_cancelled)
    return stand in entry.seen | {entry.promised} and stand.agent_id == entry.promised.agent_id
