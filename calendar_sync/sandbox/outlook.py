"""What a person does in Outlook: the other side of every synchronisation."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from calendar_sync.sandbox import bodies, recurrence, zones
from calendar_sync.sandbox.mailbox import CalendarRecord, Event, Mailbox


class Outlook:
    """One mailbox in the hands of its owner. No token, no faults, no limits: it always works."""

    def __init__(self, mailbox: Mailbox, lock: AbstractContextManager[Any]) -> None:
        self.mailbox, self._lock = mailbox, lock

    def create(
        self, subject: str, start: datetime, end: datetime, *, calendar_id: str | None = None, **fields: Any
    ) -> str:
        """Add an event between two aware instants and return its id. `fields` are Graph's: showAs, sensitivity, ..."""
        body = {"subject": subject, **self._times(start, end), **fields}
        return self._add(body, calendar_id)

    def create_all_day(self, subject: str, first: date, days: int = 1, **fields: Any) -> str:
        """Add an event that fills whole days in the person's own zone."""
        ends = [self._midnight(first), self._midnight(first + timedelta(days=days))]
        return self._add({"subject": subject, "isAllDay": True, "start": ends[0], "end": ends[1], **fields})

    def create_series(
        self, subject: str, start: datetime, end: datetime, pattern: dict[str, Any], *, times: int = 0, **fields: Any
    ) -> str:
        """Add a recurring event. `pattern` is Graph's recurrencePattern; without `times` it goes on for ever."""
        first = start.astimezone(zones.zone(self.mailbox.timezone)).date()
        span: dict[str, Any] = {"type": "noEnd", "startDate": first.isoformat()}
        if times:
            span |= {"type": "numbered", "numberOfOccurrences": times}
        span["recurrenceTimeZone"] = self.mailbox.timezone
        pattern = {"interval": 1, **pattern}
        return self.create(subject, start, end, recurrence={"pattern": pattern, "range": span}, **fields)

    def weekdays(self, subject: str, start: datetime, end: datetime, **fields: Any) -> str:
        """Add an event that takes place from Monday to Friday."""
        return self.create_series(subject, start, end, {"type": "weekly", "daysOfWeek": recurrence.DAYS[:5]}, **fields)

    def move(self, event_id: str, start: datetime, end: datetime | None = None) -> None:
        """Drag an event, or one occurrence, elsewhere. Without `end` it keeps its length."""
        with self._lock:
            event = self.mailbox.event(event_id)
            end = end or start + (event.end.astimezone(UTC) - event.start.astimezone(UTC))
            self.mailbox.put(bodies.changed(event, self._times(start, end)))

    def edit(self, event_id: str, **fields: Any) -> None:
        """Change an event's other properties."""
        with self._lock:
            self.mailbox.put(bodies.changed(self.mailbox.event(event_id), fields))

    def delete(self, event_id: str) -> None:
        """Delete an event, a series or one occurrence."""
        with self._lock:
            self.mailbox.remove(event_id)

    def cancelled_by_organizer(self, event_id: str) -> None:
        """Let the organizer of a meeting cancel it: it stays in the calendar, marked so."""
        with self._lock:
            event = self.mailbox.event(event_id)
            words = {"isCancelled": True, "isOrganizer": False, "subject": f"Canceled: {event.fields['subject']}"}
            self.mailbox.put(replace(event, fields={**event.fields, **words, "showAs": "free"}))

    def strip_tags(self, event_id: str) -> None:
        """Take the extended properties off an event, as a copy made by hand has none."""
        with self._lock:
            self.mailbox.put(replace(self.mailbox.event(event_id), properties={}))

    def touch(self, event_id: str) -> None:
        """Let the server write the event again without a change: new etag, same content."""
        with self._lock:
            self.mailbox.touch(event_id)

    def events(self) -> list[Event]:
        """Return all events and series masters of the mailbox, by start."""
        with self._lock:
            return sorted(self.mailbox.events.values(), key=lambda event: event.start)

    def tagged(self, tag: str) -> dict[str, list[Event]]:
        """Return the events that carry an extended property, by its value."""
        found: dict[str, list[Event]] = {}
        for event in self.events():
            if tag in event.properties:
                found.setdefault(event.properties[tag], []).append(event)
        return found

    def add_calendar(self, name: str, *, can_edit: bool = True, owner: tuple[str, str] | None = None) -> CalendarRecord:
        """Add a calendar, with an `owner` (name, address) one that somebody shares."""
        with self._lock:
            return self.mailbox.add_calendar(name, can_edit=can_edit, owner=owner)

    def remove_calendar(self, calendar_id: str) -> None:
        """Remove a calendar and what is in it."""
        with self._lock:
            self.mailbox.remove_calendar(calendar_id)

    def import_events(self, rows: Iterable[tuple[str, datetime, datetime]]) -> list[str]:
        """Add many plain events at once."""
        return [self.create(subject, start, end) for subject, start, end in rows]

    def _add(self, body: dict[str, Any], calendar_id: str | None = None) -> str:
        with self._lock:
            calendar_id = calendar_id or self.mailbox.default_calendar.id
            return self.mailbox.add(bodies.new_event(body, self.mailbox.new_event_id(), calendar_id)).id

    def _times(self, start: datetime, end: datetime) -> dict[str, Any]:
        zone = self.mailbox.timezone
        return {"start": zones.write(start, zone), "end": zones.write(end, zone)}

    def _midnight(self, day: date) -> dict[str, str]:
        return {"dateTime": f"{day.isoformat()}T00:00:00", "timeZone": self.mailbox.timezone}
