"""One person's mailbox: calendars, events, and the log of what changed."""

from __future__ import annotations

import base64
import hashlib
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from calendar_sync.sandbox import recurrence, zones
from calendar_sync.sandbox.messages import GraphError

TENANT_ID = "5d1f0c1e-8f0a-4c55-9a5e-2f6f6f1c7a10"


def new_id(prefix: str, seed: str) -> str:
    """Return an id as long and as awkward as Exchange's: upper and lower case matter, and it ends in "="."""
    digest = hashlib.sha512(seed.encode()).digest()
    return prefix + base64.urlsafe_b64encode(digest[:61]).decode()[:-3] + "AAA="


@dataclass(frozen=True)
class Event:
    """An event, or one occurrence of a series. Never changed in place: a new version takes its place."""

    id: str
    calendar_id: str
    start: datetime
    end: datetime
    start_zone: str = "UTC"
    end_zone: str = "UTC"
    is_all_day: bool = False
    fields: dict[str, Any] = field(default_factory=dict)
    properties: dict[str, str] = field(default_factory=dict)
    transaction_id: str | None = None
    recurrence: dict[str, Any] | None = None
    # Days of the series that are not as the pattern says: the event of that day, or None when it was removed.
    exceptions: dict[date, Event | None] = field(default_factory=dict)
    kind: str = "singleInstance"
    master_id: str | None = None
    version: int = 1
    created_at: datetime = datetime(2000, 1, 1, tzinfo=UTC)
    modified_at: datetime = datetime(2000, 1, 1, tzinfo=UTC)

    @property
    def change_key(self) -> str:
        return base64.b64encode(hashlib.sha256(f"{self.id}:{self.version}".encode()).digest()[:15]).decode()

    @property
    def etag(self) -> str:
        return f'W/"{self.change_key}"'

    @property
    def changeable_id(self) -> str:
        """The id for those who do not ask for immutable ones: it follows the calendar the event lies in."""
        return new_id("AAMkAGVm", f"{self.calendar_id}/{self.id}")

    def meets(self, start: datetime, end: datetime) -> bool:
        """Tell whether the event and the window [start, end) have a moment in common."""
        return self.start < end and (self.end > start or self.start == self.end >= start)

    def occurrence_id(self, day: date) -> str:
        return f"{self.id[:-4]}.{day:%Y%m%d}AAA="

    def instances(self, start: datetime, end: datetime) -> Iterator[Event]:
        """Yield what a calendar shows between two instants: the event itself, or a series' occurrences."""
        if self.recurrence is None:
            if self.meets(start, end):
                yield self
            return
        for day in recurrence.days(self.recurrence, (end + timedelta(days=1)).date()):
            event = self.exceptions[day] if day in self.exceptions else self.occurrence(day)
            if event is not None and event.meets(start, end):
                yield event
        # An occurrence that was moved here from a day after the window.
        for day, moved in self.exceptions.items():
            if moved is not None and day > (end + timedelta(days=1)).date() and moved.meets(start, end):
                yield moved

    def occurrence(self, day: date) -> Event:
        """Return the occurrence of one day as the pattern has it, at the series' local time."""
        local = self.start.astimezone(zones.zone(self.start_zone))
        start = zones.at_local(day, local.time(), self.start_zone)
        length = self.end.astimezone(UTC) - self.start.astimezone(UTC)
        if self.is_all_day:
            end = zones.at_local(day + timedelta(days=round(length / timedelta(days=1))), local.time(), self.start_zone)
        else:
            end = (start.astimezone(UTC) + length).astimezone(start.tzinfo)
        event_id = self.occurrence_id(day)
        return replace(
            self,
            id=event_id,
            start=start,
            end=end,
            kind="occurrence",
            master_id=self.id,
            recurrence=None,
            exceptions={},
        )


@dataclass
class CalendarRecord:
    """One calendar as the mailbox lists it."""

    id: str
    name: str
    is_default: bool = False
    can_edit: bool = True
    owner_name: str = ""
    owner_address: str = ""


@dataclass(frozen=True)
class Change:
    """One line of a mailbox's log."""

    number: int
    calendar_id: str
    event_id: str
    change_type: str


@dataclass
class Mailbox:
    """A person and what lies in their mailbox. Guarded by the sandbox's lock."""

    address: str
    name: str
    timezone: str = "UTC"
    object_id: str = ""
    tenant_id: str = TENANT_ID
    # None: mail is not known, as Graph answers for some accounts.
    mail: str | None = None
    working_hours: dict[str, Any] = field(default_factory=dict)
    # Every request for it is refused with this code until it is empty again.
    closed_with: str = ""
    calendars: dict[str, CalendarRecord] = field(default_factory=dict)
    events: dict[str, Event] = field(default_factory=dict)
    log: list[Change] = field(default_factory=list)
    transactions: dict[str, str] = field(default_factory=dict)
    listeners: list[Callable[[Mailbox, Change], None]] = field(default_factory=list)
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    def __post_init__(self) -> None:
        self.object_id = self.object_id or str(uuid.uuid5(uuid.NAMESPACE_DNS, self.address))
        self.mail = self.mail if self.mail is not None else self.address
        if not self.calendars:
            self.add_calendar("Calendar", is_default=True)

    def add_calendar(
        self, name: str, *, is_default: bool = False, can_edit: bool = True, owner: tuple[str, str] | None = None
    ) -> CalendarRecord:
        """Add a calendar. `owner` is (name, address) of the person who shares it, when it is not the mailbox's own."""
        calendar_id = new_id("AAMkAGVmMDEz", f"{self.address}/calendars/{len(self.calendars)}/{name}")
        owner_name, owner_address = owner or (self.name, self.address)
        record = CalendarRecord(calendar_id, name, is_default, can_edit, owner_name, owner_address)
        self.calendars[calendar_id] = record
        return record

    def remove_calendar(self, calendar_id: str) -> None:
        """Remove a calendar with its events."""
        for event in [event for event in self.events.values() if event.calendar_id == calendar_id]:
            self.remove(event.id)
        del self.calendars[calendar_id]

    @property
    def default_calendar(self) -> CalendarRecord:
        return next(record for record in self.calendars.values() if record.is_default)

    def calendar(self, calendar_id: str) -> CalendarRecord:
        try:
            return self.calendars[calendar_id]
        except KeyError:
            raise GraphError(404, "ErrorItemNotFound", "The specified object was not found in the store.") from None

    def event(self, event_id: str) -> Event:
        """Return an event, a series or one occurrence, by either kind of id."""
        found = self.events.get(event_id) or self._occurrence(event_id) or self._by_changeable_id(event_id)
        if found is None:
            raise GraphError(404, "ErrorItemNotFound", "The specified object was not found in the store.")
        return found

    def _by_changeable_id(self, event_id: str) -> Event | None:
        return next((event for event in self.events.values() if event.changeable_id == event_id), None)

    def _occurrence(self, event_id: str) -> Event | None:
        stem, _, tail = event_id.rpartition(".")
        master = self.events.get(f"{stem}AAA=")
        if master is None or master.recurrence is None or not tail[:8].isdigit():
            return None
        day = datetime.strptime(tail[:8], "%Y%m%d").replace(tzinfo=UTC).date()
        if day in master.exceptions:
            return master.exceptions[day]
        return master.occurrence(day) if day in recurrence.days(master.recurrence, day) else None

    def calendar_events(self, calendar_id: str) -> list[Event]:
        """Return the events and series masters of one calendar, oldest first."""
        return [event for event in self.events.values() if event.calendar_id == calendar_id]

    def view(self, calendar_id: str, start: datetime, end: datetime) -> list[Event]:
        """Return what one calendar shows in [start, end), series expanded, by start."""
        shown = (item for event in self.calendar_events(calendar_id) for item in event.instances(start, end))
        return sorted(shown, key=lambda event: event.start)

    def new_event_id(self) -> str:
        return new_id("AAkALgAAAAAAHYQDEapmEc2byACqAC-EWg0A", f"{self.address}/events/{uuid.uuid4()}")

    def add(self, event: Event) -> Event:
        """Store a new event."""
        now = self.clock()
        event = replace(event, created_at=now, modified_at=now)
        self.events[event.id] = event
        if event.transaction_id:
            self.transactions[event.transaction_id] = event.id
        self._changed(event, "created")
        return event

    def put(self, event: Event) -> Event:
        """Store a new version of an event; one of an occurrence becomes an exception of its series."""
        event = replace(event, version=event.version + 1, modified_at=self.clock())
        if event.master_id is None:
            self.events[event.id] = event
            self._changed(event, "updated")
            return event
        event = replace(event, kind="exception")
        self._except(event, event)
        return event

    def remove(self, event_id: str) -> None:
        """Remove an event, a series or one occurrence. Nothing is left of it but a line in the log."""
        event = self.event(event_id)
        if event.master_id is not None:
            self._except(event, None)
            return
        del self.events[event.id]
        self._changed(event, "deleted")

    def _except(self, occurrence: Event, instead: Event | None) -> None:
        master = self.events[occurrence.master_id or ""]
        day = datetime.strptime(occurrence.id[-12:-4], "%Y%m%d").replace(tzinfo=UTC).date()
        self.put(replace(master, exceptions={**master.exceptions, day: instead}))

    def touch(self, event_id: str) -> Event:
        """Give an event a new version without any change, as the server's own writes do."""
        return self.put(self.events[event_id])

    def _changed(self, event: Event, change_type: str) -> None:
        change = Change(len(self.log) + 1, event.calendar_id, event.id, change_type)
        self.log.append(change)
        for listener in self.listeners:
            listener(self, change)
