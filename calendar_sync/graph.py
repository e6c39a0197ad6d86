"""Microsoft Graph: only the calendar calls that Pete makes, for one mailbox, plain values in and out.

Reference: https://learn.microsoft.com/en-us/graph/api/resources/calendar
"""

from __future__ import annotations

import logging
import os
import uuid
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime
from functools import cache
from operator import itemgetter
from typing import Any, Protocol, TypeVar
from urllib.parse import quote, urlsplit

import httpx
from django.conf import settings

from calendar_sync import limits, refusals
from calendar_sync.errors import Gone, Refused, Unavailable
from calendar_sync.remote import (
    TAG_ID,
    DeltaPage,
    EventDraft,
    Part,
    RemoteCalendar,
    RemoteEvent,
    RemoteSubscription,
    read_calendar,
    read_event,
    read_subscription,
    stamp,
    write_event,
    write_new_event,
)

__all__ = [
    "TAG_ID",
    "DeltaPage",
    "EventDraft",
    "Graph",
    "RemoteCalendar",
    "RemoteEvent",
    "RemoteSubscription",
]

logger = logging.getLogger(__name__)
Item = TypeVar("Item")

TIMEOUT_SECONDS = 10.0
PAGE_SIZE = 100
# A list that goes on for longer than this leads in circles.
MOST_PAGES = 1_000
PREFER = f'IdType="ImmutableId", outlook.timezone="UTC", odata.maxpagesize={PAGE_SIZE}'
# Longer than any access token lives: what is asked for with it is always a new one.
RENEWED = 10 * 24 * 3600
_BUSY_FIELDS = "id,changeKey,type,seriesMasterId,start,end,isAllDay,isCancelled,showAs,transactionId"
_CALENDAR_FIELDS = "id,name,isDefaultCalendar,canEdit,owner"
_WITH_TAG = f"singleValueExtendedProperties($filter=id eq '{TAG_ID}')"


class TokenSource(Protocol):
    """Gives the access token of a connection, with at least so many seconds left."""

    def __call__(self, connection_id: int, *, min_seconds: int = 300) -> str: ...


@cache
def shared_http() -> httpx.Client:
    """Return this process's one pool of connections to Graph."""
    return httpx.Client(limits=httpx.Limits(max_connections=None, max_keepalive_connections=64))


# A forked worker must not speak over its parent's connections.
os.register_at_fork(after_in_child=shared_http.cache_clear)


def stored_token(connection_id: int, *, min_seconds: int = 300) -> str:
    """Return the connection's token from the vault."""
    from calendar_sync import tokens

    return tokens.access_token(connection_id, min_seconds=min_seconds)


class Graph:
    """Speaks to Graph for one connection. Raises TransientError or PermanentError and nothing else; never retries.

    Each request waits its turn in `limits`. A token that Graph does not take is renewed, once.
    """

    def __init__(
        self,
        connection_id: int,
        *,
        timeout: float = TIMEOUT_SECONDS,
        token_source: TokenSource | None = None,
        http: httpx.Client | None = None,
        turn: Callable[[int], AbstractContextManager[None]] | None = None,
    ) -> None:
        self.connection_id = connection_id
        self._timeout = timeout
        self._token_source = token_source or stored_token
        self._http = http or shared_http()
        self._turn = turn or limits.turn
        self._token = ""

    def list_calendars(self) -> list[RemoteCalendar]:
        """Return the person's calendars, shared ones among them."""
        return self._all(f"/me/calendars?$select={_CALENDAR_FIELDS}&$top=50", read_calendar)

    def calendar_view(
        self, calendar_id: str, starts_at: datetime, ends_at: datetime, *, with_tags: bool = False
    ) -> list[RemoteEvent]:
        """Return what a calendar shows in [starts_at, ends_at), series expanded."""
        query = f"{_window(starts_at, ends_at)}&$select={_BUSY_FIELDS}&$top={PAGE_SIZE}"
        query += f"&$expand={_escaped(_WITH_TAG)}" if with_tags else ""
        return self._all(f"/me/calendars/{_id(calendar_id)}/calendarView?{query}", read_event)

    def delta_pages(
        self,
        calendar_id: str,
        *,
        starts_at: datetime | None = None,
        ends_at: datetime | None = None,
        link: str | None = None,
    ) -> Iterator[DeltaPage]:
        """Yield the pages of a round: over the window [starts_at, ends_at), or of what changed since `link`.

        Raises ResyncNeeded when `link` is forgotten.
        """
        if link is None:
            assert starts_at is not None, "a round needs a window or a link"
            assert ends_at is not None, "a window has two ends"
            link = f"/me/calendars/{_id(calendar_id)}/calendarView/delta?{_window(starts_at, ends_at)}"
        for payload in self._pages(link):
            items = payload["value"]
            removed = _read(itemgetter("id"), [item for item in items if "@removed" in item])
            kept = [item for item in items if "@removed" not in item]
            yield DeltaPage(_read(read_event, kept), removed, payload.get("@odata.deltaLink"))
            if "@odata.deltaLink" in payload:
                return
        raise Unavailable("delta: the last page has no deltaLink")

    def create_event(self, calendar_id: str, draft: EventDraft) -> RemoteEvent:
        """Create an event. Raises AlreadyThere when its transactionId was used before: look it up."""
        path = f"/me/calendars/{_id(calendar_id)}/events"
        return _read_one(self._send("POST", path, json=write_new_event(draft)))

    def get_event(self, event_id: str, *, with_body: bool = False) -> RemoteEvent | None:
        """Return an event of this mailbox with its tag, None when there is none."""
        more = ",body" if with_body else ""
        query = f"$select={_BUSY_FIELDS},subject{more}&$expand={_escaped(_WITH_TAG)}"
        try:
            payload = self._send("GET", f"/me/events/{_id(event_id)}?{query}")
        except Gone:
            return None
        return replace(_read_one(payload), body=_body(payload) if with_body else None)

    def find_by_tag(self, tag: str) -> list[RemoteEvent]:
        """Return the events of this mailbox that carry exactly this tag."""
        condition = f"singleValueExtendedProperties/Any(ep: ep/id eq '{TAG_ID}' and ep/value eq '{tag}')"
        query = f"$filter={_escaped(condition)}&$expand={_escaped(_WITH_TAG)}&$select={_BUSY_FIELDS},subject"
        return self._all(f"/me/events?{query}&$top=50", read_event)

    def update_event(
        self, event_id: str, draft: EventDraft, parts: Collection[Part] = tuple(Part), *, etag: str | None = None
    ) -> RemoteEvent:
        """Bring these parts of an event up to date.

        Raises Changed when `etag` is not its etag any more, Gone when it is not there.
        """
        headers = {"If-Match": etag} if etag else {}
        body = write_event(draft, parts)
        return _read_one(self._send("PATCH", f"/me/events/{_id(event_id)}", json=body, headers=headers))

    def delete_event(self, event_id: str) -> None:
        """Delete an event; one that is not there is deleted."""
        try:
            self._send("DELETE", f"/me/events/{_id(event_id)}")
        except Gone:
            logger.info("Event of connection %s was gone before it was deleted", self.connection_id)

    def create_subscription(
        self, resource: str, *, notification_url: str, client_state: str, expires_at: datetime
    ) -> RemoteSubscription:
        """Ask to be told of changes. Graph calls `notification_url` before it answers."""
        body = {
            "changeType": "created,updated,deleted",
            "notificationUrl": notification_url,
            "lifecycleNotificationUrl": notification_url,
            "resource": resource,
            "expirationDateTime": stamp(expires_at),
            "clientState": client_state,
        }
        return _read_subscription(self._send("POST", "/subscriptions", json=body))

    def renew_subscription(self, subscription_id: str, *, expires_at: datetime) -> RemoteSubscription:
        """Let a subscription live longer, which reauthorises it too. Raises Gone when it ran out."""
        body = {"expirationDateTime": stamp(expires_at)}
        return _read_subscription(self._send("PATCH", f"/subscriptions/{_id(subscription_id)}", json=body))

    def delete_subscription(self, subscription_id: str) -> None:
        """Delete a subscription; one that is not there is deleted."""
        try:
            self._send("DELETE", f"/subscriptions/{_id(subscription_id)}")
        except Gone:
            logger.info("Subscription %s was gone before it was deleted", subscription_id)

    def list_subscriptions(self) -> list[RemoteSubscription]:
        """Return this application's subscriptions of the mailbox."""
        return self._all("/subscriptions", read_subscription)

    def _all(self, path: str, read: Callable[[Any], Item]) -> list[Item]:
        return [item for payload in self._pages(path) for item in _read(read, payload["value"])]

    def _pages(self, link: str) -> Iterator[dict[str, Any]]:
        """Yield the pages of a list to the end. A page may be empty and still not be the last."""
        for _ in range(MOST_PAGES):
            payload = self._send("GET", link)
            items, following = payload.get("value"), payload.get("@odata.nextLink", "")
            if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
                raise Unavailable(f"GET {_path(link)}: a list without its values")
            if not isinstance(following, str):
                raise Unavailable(f"GET {_path(link)}: a link that is none")
            yield payload
            if not following:
                return
            link = following
        raise Unavailable(f"GET {_path(link)}: no end after {MOST_PAGES} pages")

    def _send(self, method: str, path: str, **kwargs: Any) -> dict[str, Any]:
        """Send one request, a second one when the token was not taken, and return the answer's JSON."""
        url = self._address(path)
        self._token = self._token or self._token_source(self.connection_id)
        response = self._once(method, url, **kwargs)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            self._token = self._token_source(self.connection_id, min_seconds=RENEWED)
            response = self._once(method, url, **kwargs)
        return refusals.payload_of(response, f"{method} {_path(url)}")

    def _once(self, method: str, url: str, *, headers: dict[str, str] | None = None, **kwargs: Any) -> httpx.Response:
        request_id = str(uuid.uuid4())
        own = {"Authorization": f"Bearer {self._token}", "Prefer": PREFER, "client-request-id": request_id}
        try:
            with self._turn(self.connection_id):
                response = self._http.request(
                    method, url, headers={**own, **(headers or {})}, timeout=self._timeout, **kwargs
                )
        except (httpx.RequestError, httpx.InvalidURL) as exc:
            raise Unavailable(f"{method} {_path(url)}: {type(exc).__name__} ({request_id})") from exc
        logger.debug("%s %s: %s, request %s", method, _path(url), response.status_code, request_id)
        return response

    def _address(self, path: str) -> str:
        """Return the whole address. Where Graph leads is followed on Graph's own host only: the token goes along."""
        root = settings.GRAPH_URL.rstrip("/")
        if path.startswith("/"):
            return f"{root}{path}"
        if not path.startswith(f"{root}/"):
            raise Refused(f"A link leads away from {root}", code="ForeignLink")
        return path


def _id(text: str) -> str:
    return quote(text, safe="")


def _escaped(text: str) -> str:
    return quote(text, safe="$()='{}/:,")


def _window(starts_at: datetime, ends_at: datetime) -> str:
    return f"startDateTime={stamp(starts_at)}&endDateTime={stamp(ends_at)}"


def _path(url: str) -> str:
    """Return what a log may hold of an address: no tokens of rounds, no host, ids cut short."""
    parts = urlsplit(url).path.removeprefix("/v1.0").split("/")
    return "/".join(part if len(part) < 20 else f"{part[:6]}…" for part in parts)


def _read(read: Callable[[Any], Item], items: list[Any]) -> list[Item]:
    """Read all of a list, or none of it: what cannot be read is not free."""
    try:
        return [read(item) for item in items]
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as exc:
        raise Unavailable(f"An item cannot be read: {type(exc).__name__}") from exc


def _read_one(payload: dict[str, Any]) -> RemoteEvent:
    return _read(read_event, [payload])[0]


def _body(payload: dict[str, Any]) -> str:
    body = payload.get("body")
    content = body.get("content") if isinstance(body, dict) else None
    return content if isinstance(content, str) else ""


def _read_subscription(payload: dict[str, Any]) -> RemoteSubscription:
    return _read(read_subscription, [payload])[0]
