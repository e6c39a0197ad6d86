"""What Graph knows of calendars and events, as plain values: read from its JSON, written into it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django.conf import settings
from tzlocal.windows_tz import win_tz

# Marks an event as Pete's. One GUID for the product, for ever; the value is "<appointment id>:<generation>".
TAG_ID = "String {7d3f0c52-2a0e-4b8e-9a77-5d0c1be0a4f1} Name PeteBooking"


@dataclass(frozen=True)
class RemoteCalendar:
    """A calendar as the mailbox lists it. Of one that somebody shares, `owner_address` is that person's."""

    id: str
    name: str
    is_default: bool
    can_edit: bool
    owner_address: str


@dataclass(frozen=True)
class RemoteEvent:
    """An event. Instants are UTC; those of an all-day event mean nothing, its dates do: [start_date, end_date).

    An occurrence in a delta round says little: then `show_as` is "" and what it lacks stands on its series' master.
    `tag`, `subject` and `body`, which is HTML, are only known where they were asked for.
    """

    id: str
    starts_at: datetime
    ends_at: datetime
    start_date: date
    end_date: date
    etag: str = ""
    is_all_day: bool = False
    show_as: str = ""
    is_cancelled: bool = False
    type: str = "singleInstance"
    series_master_id: str = ""
    transaction_id: str = ""
    tag: str | None = None
    subject: str = ""
    body: str | None = None


class Part(StrEnum):
    """What of an event can be written by itself."""

    TIMES = "times"
    SUBJECT = "subject"
    BODY = "body"
    PLACE = "place"
    TAG = "tag"


@dataclass(frozen=True)
class EventDraft:
    """What Pete writes into an event. Both instants are aware; the body is plain text unless it `is_html`."""

    subject: str
    body: str
    starts_at: datetime
    ends_at: datetime
    place: str
    tag: str
    transaction_id: str
    reminder_minutes: int = 30
    is_html: bool = False


@dataclass(frozen=True)
class DeltaPage:
    """One page of a delta round. Only the last has a `delta_link`, from which the next round goes on."""

    events: list[RemoteEvent]
    removed_ids: list[str]
    delta_link: str | None


@dataclass(frozen=True)
class RemoteSubscription:
    """A subscription to the changes of one calendar."""

    id: str
    resource: str
    notification_url: str
    expires_at: datetime


def read_calendar(item: Mapping[str, Any]) -> RemoteCalendar:
    owner = item.get("owner") or {}
    return RemoteCalendar(
        id=item["id"],
        name=item.get("name") or "",
        is_default=item.get("isDefaultCalendar") is True,
        can_edit=item.get("canEdit") is True,
        owner_address=owner.get("address") or "",
    )


def read_event(item: Mapping[str, Any]) -> RemoteEvent:
    """Read an event. Raises KeyError, TypeError or ValueError for what is none."""
    start, end = item["start"], item["end"]
    return RemoteEvent(
        id=item["id"],
        starts_at=_instant(start),
        ends_at=_instant(end),
        start_date=date.fromisoformat(start["dateTime"][:10]),
        end_date=date.fromisoformat(end["dateTime"][:10]),
        etag=item.get("@odata.etag") or "",
        is_all_day=item.get("isAllDay") is True,
        show_as=item.get("showAs") or "",
        is_cancelled=item.get("isCancelled") is True,
        type=item.get("type") or "singleInstance",
        series_master_id=item.get("seriesMasterId") or "",
        transaction_id=item.get("transactionId") or "",
        tag=_tag(item),
        subject=item.get("subject") or "",
    )


def _tag(item: Mapping[str, Any]) -> str | None:
    properties = item.get("singleValueExtendedProperties") or []
    return next((p["value"] for p in properties if p["id"].lower() == TAG_ID.lower()), None)


def read_subscription(item: Mapping[str, Any]) -> RemoteSubscription:
    return RemoteSubscription(
        id=item["id"],
        resource=item.get("resource") or "",
        notification_url=item.get("notificationUrl") or "",
        expires_at=datetime.fromisoformat(_short(item["expirationDateTime"])).astimezone(UTC),
    )


def write_event(draft: EventDraft, parts: Collection[Part]) -> dict[str, Any]:
    """Return these parts of an event as both a create and a change send them."""
    written: dict[Part, dict[str, Any]] = {
        Part.SUBJECT: {"subject": draft.subject},
        Part.BODY: {"body": {"contentType": "html" if draft.is_html else "text", "content": draft.body}},
        Part.TIMES: {"start": _written(draft.starts_at), "end": _written(draft.ends_at), "isAllDay": False},
        Part.PLACE: {"location": {"displayName": draft.place}},
        Part.TAG: {"singleValueExtendedProperties": [{"id": TAG_ID, "value": draft.tag}]},
    }
    return {name: value for part, values in written.items() if part in parts for name, value in values.items()}


def write_new_event(draft: EventDraft) -> dict[str, Any]:
    return {
        **write_event(draft, list(Part)),
        "showAs": "busy",
        "isReminderOn": True,
        "reminderMinutesBeforeStart": draft.reminder_minutes,
        "transactionId": draft.transaction_id,
    }


def stamp(instant: datetime) -> str:
    """Write an aware instant for a query or a subscription, with no plus sign in it."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _written(instant: datetime) -> dict[str, str]:
    return {"dateTime": instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S"), "timeZone": "UTC"}


def _instant(value: Mapping[str, str]) -> datetime:
    """Read a dateTimeTimeZone. UTC was asked for; whatever zone comes back is taken at its word."""
    local = datetime.fromisoformat(_short(value["dateTime"]))
    if local.tzinfo is None:
        local = local.replace(tzinfo=_zone(value.get("timeZone") or "UTC"))
    return local.astimezone(UTC)


def _short(text: str) -> str:
    """Return an ISO time without fractions of a second: Graph writes seven digits, one more than Python reads."""
    head, dot, rest = text.partition(".")
    return head + rest.lstrip("0123456789") if dot else text


@cache
def _zone(name: str) -> ZoneInfo:
    """Return a zone by Windows' name or IANA's. One that nobody knows, such as a custom one, is the office's."""
    iana = win_tz.get(name, name)
    return ZoneInfo(iana) if iana in available_timezones() else settings.OFFICE_TZ
