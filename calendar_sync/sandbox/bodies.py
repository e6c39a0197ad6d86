"""Bodies that callers send: known names only, known words only, times that make sense."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Any

from calendar_sync.sandbox import recurrence, zones
from calendar_sync.sandbox.mailbox import Event
from calendar_sync.sandbox.messages import GraphError

_MAIL = {"emailAddress": {"address", "name"}}
_ADDRESS = {"city", "countryOrRegion", "postalCode", "state", "street"}
_LOCATION: dict[str, Any] = {
    **dict.fromkeys(("displayName", "locationEmailAddress", "locationType", "locationUri", "uniqueId", "uniqueIdType")),
    "address": dict.fromkeys(_ADDRESS),
    "coordinates": dict.fromkeys(("accuracy", "altitude", "altitudeAccuracy", "latitude", "longitude")),
}
_TIME = dict.fromkeys(("dateTime", "timeZone"))
_EVENT: dict[str, Any] = {
    **dict.fromkeys(("allowNewTimeProposals", "categories", "hideAttendees", "importance", "isAllDay", "isReminderOn")),
    **dict.fromkeys(("isOnlineMeeting", "onlineMeetingProvider", "recurrence", "reminderMinutesBeforeStart")),
    **dict.fromkeys(("responseRequested", "sensitivity", "showAs", "subject", "transactionId")),
    "attendees": {"emailAddress": dict.fromkeys(("address", "name")), "type": None},
    "body": dict.fromkeys(("content", "contentType")),
    "end": _TIME,
    "location": _LOCATION,
    "locations": _LOCATION,
    "singleValueExtendedProperties": dict.fromkeys(("id", "value")),
    "start": _TIME,
}
_WORDS = {
    "showAs": ["unknown", "free", "tentative", "busy", "oof", "workingElsewhere"],
    "sensitivity": ["normal", "personal", "private", "confidential"],
    "importance": ["low", "normal", "high"],
    "onlineMeetingProvider": ["unknown", "skypeForBusiness", "skypeForConsumer", "teamsForBusiness"],
}
_OWN = {"start", "end", "isAllDay", "recurrence", "transactionId", "singleValueExtendedProperties"}


def check_names(value: Any, known: dict[str, Any] | None, type_name: str = "event") -> None:
    """Refuse property names that Graph does not know, at any depth. Annotations ("@odata.type") are left alone."""
    if known is None:
        return
    for item in value if isinstance(value, list) else [value]:
        for name, inner in item.items() if isinstance(item, dict) else ():
            if name not in known and "@" not in name:
                message = f"The property '{name}' does not exist on type 'microsoft.graph.{type_name}'."
                raise GraphError(400, "RequestBodyRead", message)
            check_names(inner, known.get(name), name)


def word(name: str, value: Any) -> Any:
    """Return an enumeration's value as Graph spells it; any case is taken."""
    spelled = {known.lower(): known for known in _WORDS[name]}
    if not isinstance(value, str) or value.lower() not in spelled:
        raise GraphError(400, "RequestBodyRead", f"Requested value '{value}' of '{name}' was not found.")
    return spelled[value.lower()]


def new_event(body: dict[str, Any], event_id: str, calendar_id: str) -> Event:
    """Build an event from the body of a create request."""
    check_names(body, _EVENT)
    for name in ("start", "end"):
        if name not in body:
            raise GraphError(400, "ErrorPropertyValidationFailure", f"At least one property failed validation: {name}.")
    start, end = (zones.read(body[name], name)[0] for name in ("start", "end"))
    blank = Event(event_id, calendar_id, start, end)
    transaction_id = body.get("transactionId")
    series = body.get("recurrence")
    if series is not None:
        recurrence.check(series)
    event = replace(blank, transaction_id=transaction_id, recurrence=series)
    return changed(replace(event, kind="seriesMaster" if series else "singleInstance"), body)


def changed(event: Event, body: dict[str, Any]) -> Event:
    """Return the event with what the body says. Places and extended properties are replaced whole, one by one."""
    check_names(body, _EVENT)
    fields = {name: _field(name, value) for name, value in body.items() if name not in _OWN and "@" not in name}
    if "location" in fields or "locations" in fields:
        fields |= _places(fields)
    tags = {tag["id"]: tag["value"] for tag in body.get("singleValueExtendedProperties", [])}
    start, start_zone = _moment(body, "start", event.start, event.start_zone)
    end, end_zone = _moment(body, "end", event.end, event.end_zone)
    event = replace(
        event,
        fields={**event.fields, **fields},
        properties={**event.properties, **tags},
        start=start,
        end=end,
        start_zone=start_zone,
        end_zone=end_zone,
        is_all_day=bool(body.get("isAllDay", event.is_all_day)),
    )
    _check_times(event)
    return event


def _field(name: str, value: Any) -> Any:
    if name in _WORDS:
        return word(name, value)
    if name == "body" and str(value.get("contentType", "text")).lower() not in {"text", "html"}:
        raise GraphError(400, "RequestBodyRead", "The contentType of a body is text or html.")
    if name in {"subject"} and not isinstance(value, str | None):
        raise GraphError(400, "RequestBodyRead", f"'{name}' must be a string.")
    return value


def _places(fields: dict[str, Any]) -> dict[str, Any]:
    """Let location and locations mirror each other, as the service does."""
    if "location" in fields:
        place = fields["location"]
        return {"location": place, "locations": [place] if place and place.get("displayName") else []}
    places = fields["locations"]
    names = "; ".join(place.get("displayName", "") for place in places)
    return {"location": {"displayName": names}, "locations": places}


def _moment(body: dict[str, Any], name: str, moment: datetime, zone: str) -> tuple[datetime, str]:
    return zones.read(body[name], name) if name in body else (moment, zone)


def _check_times(event: Event) -> None:
    if event.end < event.start:
        raise GraphError(400, "ErrorPropertyValidationFailure", "The start must not be after the end.")
    if not event.is_all_day:
        return
    ends = [event.start.astimezone(zones.zone(event.start_zone)), event.end.astimezone(zones.zone(event.end_zone))]
    if any(moment.time() != time(0) for moment in ends) or ends[1].date() - ends[0].date() < timedelta(days=1):
        message = "The Event.Start and Event.End of an all-day event must be midnight, a day or more apart."
        raise GraphError(400, "ErrorInvalidRequest", message)
