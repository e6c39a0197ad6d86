"""Graph's calendar calls: calendars, their views, their events."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from calendar_sync.sandbox import bodies, paging, rendering, zones
from calendar_sync.sandbox.mailbox import Event, Mailbox
from calendar_sync.sandbox.messages import GraphError, Request, Response

_TAG_FILTER = re.compile(
    r"^singleValueExtendedProperties/any\(\s*(\w+)\s*:\s*\1/id eq '([^']+)' and \1/value eq '([^']*)'\s*\)$",
    re.IGNORECASE,
)
_TAG_EXPAND = re.compile(r"^singleValueExtendedProperties\(\$filter=id eq '([^']+)'\)$", re.IGNORECASE)
_ORDERS = {"start/dateTime": False, "start/dateTime asc": False, "start/dateTime desc": True}
_ME: dict[str, Any] = {
    "businessPhones": [],
    "givenName": None,
    "jobTitle": "Leasing agent",
    "mobilePhone": None,
    "officeLocation": None,
    "preferredLanguage": "en-US",
    "surname": None,
}


def me(mailbox: Mailbox, request: Request) -> Response:
    """GET /me."""
    person = {
        "@odata.context": f"{request.origin}/v1.0/$metadata#users/$entity",
        **_ME,
        "id": mailbox.object_id,
        "displayName": mailbox.name,
        "mail": mailbox.mail or None,
        "userPrincipalName": mailbox.address,
    }
    return Response(200, rendering.select(person, request))


def settings(mailbox: Mailbox, request: Request) -> Response:
    """GET /me/mailboxSettings."""
    payload = {"timeZone": mailbox.timezone, "workingHours": mailbox.working_hours}
    return Response(200, {k: v for k, v in payload.items() if v})


def list_calendars(mailbox: Mailbox, request: Request) -> Response:
    """GET /me/calendars."""
    items = [rendering.select(rendering.calendar_json(record), request) for record in mailbox.calendars.values()]
    return paging.listing(items, request, "me/calendars")


def get_calendar(mailbox: Mailbox, request: Request, calendar_id: str) -> Response:
    """GET /me/calendars/{id}."""
    return Response(200, rendering.select(rendering.calendar_json(mailbox.calendar(calendar_id)), request))


def window(request: Request) -> tuple[datetime, datetime]:
    """Read the window [startDateTime, endDateTime) of a view; names in any case."""
    query = {name.lower(): value for name, value in request.query.items()}
    ends = []
    for name in ("startDateTime", "endDateTime"):
        if name.lower() not in query:
            message = (
                f"This request requires a time window specified by the query string parameters. {name} is missing."
            )
            raise GraphError(400, "ErrorInvalidParameter", message)
        ends.append(zones.parse_instant(query[name.lower()], name))
    if ends[1] < ends[0]:
        raise GraphError(400, "ErrorInvalidParameter", "endDateTime must not be before startDateTime.")
    return ends[0], ends[1]


def view(mailbox: Mailbox, request: Request, calendar_id: str) -> Response:
    """GET …/calendarView: what the calendar shows in a window, series expanded."""
    if "$filter" in request.query:
        raise GraphError(400, "ErrorInvalidUrlQueryFilter", "The query filter contains one or more invalid nodes.")
    shown = mailbox.view(mailbox.calendar(calendar_id).id, *window(request))
    return _listed(mailbox, request, shown)


def list_events(mailbox: Mailbox, request: Request, calendar_id: str | None) -> Response:
    """GET …/events: single events and series masters, all of them or those with one extended property."""
    events = [e for e in mailbox.events.values() if calendar_id in (None, e.calendar_id)]
    if "$filter" in request.query:
        found = _TAG_FILTER.match(request.query["$filter"])
        if found is None:
            raise GraphError(400, "ErrorInvalidUrlQueryFilter", "The query filter contains one or more invalid nodes.")
        _, tag, value = found.groups()
        events = [event for event in events if event.properties.get(tag) == value]
    return _listed(mailbox, request, events)


def _listed(mailbox: Mailbox, request: Request, events: list[Event]) -> Response:
    order = request.query.get("$orderby")
    if order is not None and order not in _ORDERS:
        raise GraphError(400, "ErrorInvalidUrlQuery", f"The $orderby '{order}' is not supported.")
    if order is not None:
        events = sorted(events, key=lambda event: event.start, reverse=_ORDERS[order])
    return paging.listing([_written(event, mailbox, request) for event in events], request, "me/events")


def _written(event: Event, mailbox: Mailbox, request: Request) -> dict[str, Any]:
    """Write one event with what $select and $expand ask for."""
    item = rendering.select(rendering.event_json(event, mailbox, request), request)
    if "$expand" not in request.query:
        return item
    asked = _TAG_EXPAND.match(request.query["$expand"])
    if asked is None:
        raise GraphError(400, "RequestBroker--ParseUri", "That $expand is not supported.")
    # Without the property the answer does not even have an empty list.
    value = event.properties.get(asked[1])
    return item if value is None else {**item, "singleValueExtendedProperties": [{"id": asked[1], "value": value}]}


def create(mailbox: Mailbox, request: Request, calendar_id: str) -> Response:
    """POST …/events. The same transactionId again answers with the event that is there already."""
    record = mailbox.calendar(calendar_id)
    if not record.can_edit:
        raise GraphError(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
    event = bodies.new_event(request.json(), mailbox.new_event_id(), calendar_id)
    known = mailbox.transactions.get(event.transaction_id or "")
    if known is not None and known not in mailbox.events:
        # Not documented: the strictest answer that callers may meet, because the event was deleted since.
        raise GraphError(409, "ErrorIrresolvableConflict", "The transactionId was used for an event that was deleted.")
    event = mailbox.events[known] if known is not None else mailbox.add(event)
    return _one(event, mailbox, request, 201)


def get_event(mailbox: Mailbox, request: Request, event_id: str) -> Response:
    """GET …/events/{id}."""
    event = mailbox.event(event_id)
    return Response(200, _written(event, mailbox, request), {"ETag": event.etag})


def update(mailbox: Mailbox, request: Request, event_id: str) -> Response:
    """PATCH …/events/{id}."""
    event = mailbox.event(event_id)
    body = request.json()
    if "transactionId" in body:
        raise GraphError(400, "ErrorInvalidRequest", "The transactionId cannot be changed.")
    _check_writable(mailbox, event, request)
    return _one(mailbox.put(bodies.changed(event, body)), mailbox, request, 200)


def delete(mailbox: Mailbox, request: Request, event_id: str) -> Response:
    """DELETE …/events/{id}."""
    event = mailbox.event(event_id)
    _check_writable(mailbox, event, request)
    mailbox.remove(event.id)
    return Response(204)


def cancel(mailbox: Mailbox, request: Request, event_id: str) -> Response:
    """POST …/events/{id}/cancel: as a deletion, with a word to those invited."""
    bodies.check_names(request.json(), {"comment": None, "Comment": None}, "cancel")
    event = mailbox.event(event_id)
    if event.fields.get("isOrganizer") is False:
        message = "Your request can't be completed. You need to be an organizer to cancel a meeting."
        raise GraphError(400, "ErrorInvalidRequest", message)
    mailbox.remove(event.id)
    return Response(202)


def instances(mailbox: Mailbox, request: Request, event_id: str) -> Response:
    """GET …/events/{id}/instances."""
    return _listed(mailbox, request, list(mailbox.event(event_id).instances(*window(request))))


def _check_writable(mailbox: Mailbox, event: Event, request: Request) -> None:
    if not mailbox.calendar(event.calendar_id).can_edit or event.fields.get("isOrganizer") is False:
        raise GraphError(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
    if request.headers.get("if-match", "*") not in ("*", event.etag):
        message = "The send or update operation could not be performed because the change key passed does not match."
        raise GraphError(412, "ErrorIrresolvableConflict", message)


def _one(event: Event, mailbox: Mailbox, request: Request, status: int) -> Response:
    """Answer with one event; extended properties are stored but not told."""
    context = f"{request.origin}/v1.0/$metadata#users('{mailbox.object_id}')/events/$entity"
    payload = {"@odata.context": context, **rendering.event_json(event, mailbox, request)}
    headers = {"ETag": event.etag}
    if status == 201:
        headers["Location"] = f"{request.origin}/v1.0/me/events/{payload['id']}"
    return Response(status, payload, headers)
