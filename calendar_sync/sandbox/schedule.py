"""getSchedule: the free/busy of several people's default calendars."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from calendar_sync.sandbox import bodies, zones
from calendar_sync.sandbox.mailbox import Event, Mailbox
from calendar_sync.sandbox.messages import GraphError, Request, Response

_DIGITS = {"free": "0", "tentative": "1", "busy": "2", "oof": "3", "workingElsewhere": "4", "unknown": "2"}
# When several events share a slot the strongest one gives its digit.
_STRENGTH = "04123"
_NAMES = dict.fromkeys(("schedules", "availabilityViewInterval"))
_TIME = dict.fromkeys(("dateTime", "timeZone"))
LONGEST = timedelta(days=62)
MOST_PEOPLE = 20
MOST_ENTRIES = 1_000


def answer(find: Callable[[str], Mailbox | None], mailbox: Mailbox, request: Request) -> Response:
    """POST …/getSchedule. An unknown address is an error in its own entry, not of the whole answer."""
    body = {name[:1].lower() + name[1:]: value for name, value in request.json().items()}
    bodies.check_names(body, {**_NAMES, "startTime": _TIME, "endTime": _TIME}, "getSchedule")
    start, _ = zones.read(body.get("startTime"), "startTime")
    end, _ = zones.read(body.get("endTime"), "endTime")
    minutes = body.get("availabilityViewInterval") or 30
    people = body.get("schedules") or []
    if not timedelta() < end - start < LONGEST or not 5 <= minutes <= 1440 or not 0 < len(people) <= MOST_PEOPLE:
        raise GraphError(400, "ErrorInvalidParameter", "The window, the interval or the number of people is not right.")
    zone = request.prefers.get("outlook.timezone", "UTC")
    entries = [_entry(find(name), name, mailbox, (start, end), timedelta(minutes=minutes), zone) for name in people]
    context = f"{request.origin}/v1.0/$metadata#Collection(microsoft.graph.scheduleInformation)"
    return Response(200, {"@odata.context": context, "value": entries})


def _entry(
    person: Mailbox | None, name: str, asker: Mailbox, window: tuple[datetime, datetime], slot: timedelta, zone: str
) -> dict[str, Any]:
    if person is None:
        error = {"message": "Unable to resolve mailbox.", "responseCode": "ErrorMailRecipientNotFound"}
        return {"scheduleId": name, "availabilityView": "", "error": error}
    events = person.view(person.default_calendar.id, *window)
    if len(events) > MOST_ENTRIES:
        return {"scheduleId": name, "error": {"message": "Too many entries.", "responseCode": "5006"}}
    return {
        "scheduleId": name,
        "availabilityView": _availability(events, window, slot),
        "scheduleItems": [_item(event, zone, with_words=person is asker) for event in events],
        "workingHours": person.working_hours or _working_hours(person.timezone),
    }


def _availability(events: list[Event], window: tuple[datetime, datetime], slot: timedelta) -> str:
    digits, start, end = "", *(moment.astimezone(UTC) for moment in window)
    while start < end:
        found = [_DIGITS[event.fields.get("showAs", "busy")] for event in events if event.meets(start, start + slot)]
        digits += max(found, key=_STRENGTH.index, default="0")
        start += slot
    return digits


def _item(event: Event, zone: str, *, with_words: bool) -> dict[str, Any]:
    item: dict[str, Any] = {
        "status": event.fields.get("showAs", "busy"),
        "start": zones.write(event.start, zone),
        "end": zones.write(event.end, zone),
    }
    if with_words:
        item["isPrivate"] = event.fields.get("sensitivity") == "private"
        item["subject"] = event.fields.get("subject", "")
        item["location"] = (event.fields.get("location") or {}).get("displayName", "")
    return item


def _working_hours(zone: str) -> dict[str, Any]:
    return {
        "daysOfWeek": ["monday", "tuesday", "wednesday", "thursday", "friday"],
        "startTime": "08:00:00.0000000",
        "endTime": "17:00:00.0000000",
        "timeZone": {"name": zone},
    }
