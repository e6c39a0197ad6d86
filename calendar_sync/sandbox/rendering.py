"""Events and calendars as Graph writes them in its answers."""

from __future__ import annotations

from html import escape
from typing import Any

from calendar_sync.sandbox import zones
from calendar_sync.sandbox.mailbox import CalendarRecord, Event, Mailbox
from calendar_sync.sandbox.messages import GraphError, Request

NEVER = "0001-01-01T00:00:00Z"
_DEFAULTS: dict[str, Any] = {
    "categories": [],
    "reminderMinutesBeforeStart": 15,
    "isReminderOn": True,
    "hasAttachments": False,
    "subject": "",
    "importance": "normal",
    "sensitivity": "normal",
    "isCancelled": False,
    "isOrganizer": True,
    "responseRequested": True,
    "showAs": "busy",
    "isOnlineMeeting": False,
    "onlineMeetingProvider": "unknown",
    "onlineMeetingUrl": None,
    "onlineMeeting": None,
    "allowNewTimeProposals": True,
    "hideAttendees": False,
    "location": {"displayName": "", "locationType": "default", "uniqueIdType": "unknown"},
    "locations": [],
}


def event_json(event: Event, mailbox: Mailbox, request: Request) -> dict[str, Any]:
    """Write an event with every property the service sends by default, in the zone the caller prefers."""
    zone = request.prefers.get("outlook.timezone", "UTC")
    written = {
        "@odata.etag": event.etag,
        "id": event.id if asks_immutable(request) else event.changeable_id,
        "createdDateTime": zones.stamp(event.created_at),
        "lastModifiedDateTime": zones.stamp(event.modified_at),
        "changeKey": event.change_key,
        "originalStartTimeZone": event.start_zone,
        "originalEndTimeZone": event.end_zone,
        "iCalUId": f"040000008200E00074C5B7101A82E008{event.id[-36:]}",
        "isAllDay": event.is_all_day,
        "seriesMasterId": event.master_id,
        "type": event.kind,
        "webLink": f"https://outlook.office365.com/owa/?itemid={event.id}&exvsurl=1&path=/calendar/item",
        "recurrence": event.recurrence,
        **_DEFAULTS,
        "responseStatus": {"response": "organizer", "time": NEVER},
        "organizer": {"emailAddress": {"name": mailbox.name, "address": mailbox.address}},
        **event.fields,
        **_body(event, request),
        "attendees": [{"status": {"response": "none", "time": NEVER}, **a} for a in event.fields.get("attendees", [])],
        "start": _time(event, "start", zone),
        "end": _time(event, "end", zone),
    }
    return written if event.transaction_id is None else {**written, "transactionId": event.transaction_id}


def asks_immutable(request: Request) -> bool:
    return request.prefers.get("idtype", "").lower() == "immutableid"


def _time(event: Event, name: str, zone: str) -> dict[str, str]:
    """Write start or end. The ends of an all-day event are dates: midnight in whatever zone is asked for."""
    moment = event.start if name == "start" else event.end
    if not event.is_all_day:
        return zones.write(moment, zone)
    zones.zone(zone)
    local = moment.astimezone(zones.zone(event.start_zone if name == "start" else event.end_zone))
    return {"dateTime": f"{local.date().isoformat()}T00:00:00.0000000", "timeZone": zone}


def _body(event: Event, request: Request) -> dict[str, Any]:
    """Write the body: a text comes back as HTML unless the caller prefers text."""
    body = event.fields.get("body") or {}
    content, is_html = body.get("content") or "", str(body.get("contentType", "text")).lower() == "html"
    if request.prefers.get("outlook.body-content-type") == "text":
        sent = {"contentType": "text", "content": content}
    elif is_html:
        sent = {"contentType": "html", "content": content}
    else:
        lines = escape(content).replace("\n", "<br>\r\n")
        sent = {"contentType": "html", "content": f"<html><body><div>{lines}</div></body></html>" if content else ""}
    return {"body": sent, "bodyPreview": content[:255]}


def calendar_json(record: CalendarRecord) -> dict[str, Any]:
    """Write a calendar."""
    return {
        "id": record.id,
        "name": record.name,
        "color": "auto",
        "hexColor": "",
        "isDefaultCalendar": record.is_default,
        "changeKey": record.id[-24:],
        "canShare": record.is_default,
        "canViewPrivateItems": record.can_edit,
        "canEdit": record.can_edit,
        "allowedOnlineMeetingProviders": ["teamsForBusiness"],
        "defaultOnlineMeetingProvider": "teamsForBusiness",
        "isTallyingResponses": record.is_default,
        "isRemovable": not record.is_default,
        "owner": {"name": record.owner_name, "address": record.owner_address},
    }


def select(item: dict[str, Any], request: Request) -> dict[str, Any]:
    """Keep what $select names. The id and the etag always stay."""
    names = [name.strip() for name in request.query.get("$select", "").split(",") if name.strip()]
    if not names:
        return item
    for name in names:
        if name not in item and name not in _SOMETIMES:
            raise GraphError(400, "RequestBroker--ParseUri", f"Could not find a property named '{name}'.")
    return {name: value for name, value in item.items() if name in names or name in {"id", "@odata.etag"}}


# Properties an event has only when they were set.
_SOMETIMES = {"transactionId", "originalStart"}
