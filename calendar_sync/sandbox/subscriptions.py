"""Change notifications: subscriptions, the handshake, and the POSTs that follow."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from threading import Condition, Thread
from typing import Any
from urllib.parse import quote, urlsplit

import httpx

from calendar_sync.sandbox import bodies, zones
from calendar_sync.sandbox.mailbox import TENANT_ID, Change, Mailbox
from calendar_sync.sandbox.messages import GraphError, Request, Response

LONGEST = timedelta(minutes=10_080)
SHORTEST = timedelta(minutes=45)
HANDSHAKE_SECONDS = 10.0
DELIVERY_SECONDS = 3.0
ATTEMPTS = 3
_NAMES: dict[str, Any] = {
    **dict.fromkeys(("changeType", "clientState", "expirationDateTime", "latestSupportedTlsVersion")),
    **dict.fromkeys(("lifecycleNotificationUrl", "notificationUrl", "resource", "includeResourceData")),
}
# Sends (url, JSON or None, seconds) and returns (status, text); status 0 when nobody answered.
Post = Callable[[str, dict[str, Any] | None, float], tuple[int, str]]


def post_by_http(url: str, payload: dict[str, Any] | None, seconds: float) -> tuple[int, str]:
    """POST to a receiver of notifications."""
    try:
        answer = httpx.post(url, json=payload, timeout=seconds, trust_env=False)
    except httpx.HTTPError:
        return 0, ""
    return answer.status_code, answer.text


@dataclass(frozen=True)
class Subscription:
    """One subscription of one mailbox."""

    id: str
    address: str
    calendar_id: str | None
    values: dict[str, Any]
    expires_at: datetime

    def json(self) -> dict[str, Any]:
        unset = {"applicationId": str(uuid.NAMESPACE_URL), "creatorId": str(uuid.NAMESPACE_OID)}
        return {**unset, **self.values, "id": self.id, "expirationDateTime": zones.stamp(self.expires_at)}


@dataclass
class Delivery:
    """One POST that is due, or was made."""

    url: str
    payload: dict[str, Any]
    attempts: int = 0
    status: int | None = None


@dataclass
class Subscriptions:
    """All subscriptions, and the notifications they bring about.

    Nothing is sent until `deliver` is called, or `start` has begun a thread that does it. `echoes` is how many
    notifications one change gives, `duplicates` how often each is sent.
    """

    clock: Callable[[], datetime]
    post: Post = post_by_http
    echoes: int = 1
    duplicates: int = 1
    # Without it each notification is a POST of its own.
    coalesce: bool = False
    enabled: bool = True
    active: dict[str, Subscription] = field(default_factory=dict)
    due: list[Delivery] = field(default_factory=list)
    made: list[Delivery] = field(default_factory=list)
    _waiting: Condition = field(default_factory=Condition)
    _stopped: bool = False

    def create(self, mailbox: Mailbox, request: Request) -> Response:
        """POST /subscriptions. Both addresses must prove themselves first."""
        body = request.json()
        calendar_id = self._check(mailbox, body)
        expires_at = self._expiry(body)
        for name in ("notificationUrl", "lifecycleNotificationUrl"):
            if body.get(name):
                self._shake_hands(body[name])
        subscription = Subscription(str(uuid.uuid4()), mailbox.address, calendar_id, body, expires_at)
        with self._waiting:
            self.active[subscription.id] = subscription
        return Response(201, subscription.json())

    def _check(self, mailbox: Mailbox, body: dict[str, Any]) -> str | None:
        """Refuse a body that is not right; return the calendar it names, None for all of them."""
        bodies.check_names(body, _NAMES, "subscription")
        for name in ("changeType", "notificationUrl", "resource", "expirationDateTime"):
            if not body.get(name):
                raise GraphError(400, "InvalidRequest", f"{name} is a required property.")
        if set(body["changeType"].replace(" ", "").split(",")) - {"created", "updated", "deleted"}:
            raise GraphError(400, "InvalidRequest", "The changeType is not known.")
        if len(body.get("clientState") or "") > 128:
            raise GraphError(400, "InvalidRequest", "The clientState is longer than 128 characters.")
        return _calendar_of(mailbox, body["resource"])

    def _expiry(self, body: dict[str, Any]) -> datetime:
        expires_at = zones.parse_instant(body["expirationDateTime"], "expirationDateTime")
        if expires_at <= self.clock():
            raise GraphError(400, "InvalidRequest", "The expirationDateTime is in the past.")
        if expires_at > self.clock() + LONGEST:
            raise GraphError(400, "InvalidRequest", "Subscription expiration can only be 10080 minutes in the future.")
        return max(expires_at, self.clock() + SHORTEST)

    def _shake_hands(self, url: str) -> None:
        parts = urlsplit(url)
        # Microsoft takes https only. Receivers on the same machine may do without here.
        if parts.scheme != "https" and parts.hostname not in {"127.0.0.1", "localhost", "testserver"}:
            raise GraphError(400, "InvalidRequest", "The notification URL must be https.")
        token = f"Validation: Testing client application reachability for subscription Request-Id: {uuid.uuid4()}"
        separator = "&" if parts.query else "?"
        status, text = self.post(f"{url}{separator}validationToken={quote(token)}", None, HANDSHAKE_SECONDS)
        if status != 200 or text != token:
            message = f"Subscription validation request failed. The notification URL answered {status or 'nothing'}."
            raise GraphError(400, "ValidationError", message)

    def get(self, mailbox: Mailbox, subscription_id: str) -> Subscription:
        """Return one of the mailbox's own subscriptions that has not run out."""
        found = self.active.get(subscription_id)
        if found is None or found.address != mailbox.address or found.expires_at <= self.clock():
            raise GraphError(404, "ResourceNotFound", "The object was not found.")
        return found

    def listing(self, mailbox: Mailbox) -> Response:
        """GET /subscriptions."""
        own = [s for s in list(self.active.values()) if s.address == mailbox.address and s.expires_at > self.clock()]
        return Response(200, {"value": [subscription.json() for subscription in own]})

    def renew(self, mailbox: Mailbox, request: Request, subscription_id: str) -> Response:
        """PATCH /subscriptions/{id}."""
        body = request.json()
        found = self.get(mailbox, subscription_id)
        bodies.check_names(body, {"expirationDateTime": None}, "subscription")
        found = replace(found, expires_at=self._expiry(body))
        self.active[found.id] = found
        return Response(200, found.json())

    def remove(self, mailbox: Mailbox, subscription_id: str) -> Response:
        """DELETE /subscriptions/{id}."""
        del self.active[self.get(mailbox, subscription_id).id]
        return Response(204)

    def changed(self, mailbox: Mailbox, change: Change) -> None:
        """Queue the notifications of one change."""
        types = [change.change_type, *["updated"] * (self.echoes - 1)]
        for subscription in list(self.active.values()):
            wanted = subscription.values["changeType"]
            fits = subscription.address == mailbox.address and subscription.calendar_id in (None, change.calendar_id)
            if self.enabled and fits and subscription.expires_at > self.clock():
                for change_type in [change_type for change_type in types if change_type in wanted]:
                    self._queue(subscription, "notificationUrl", _notification(mailbox, change, change_type))

    def lifecycle(self, event: str, address: str = "") -> int:
        """Tell of reauthorizationRequired, subscriptionRemoved or missed; return how many were told.

        A removed subscription is gone before its owner hears of it.
        """
        told = [s for s in list(self.active.values()) if address in ("", s.address)]
        for subscription in told:
            if event == "subscriptionRemoved":
                del self.active[subscription.id]
            self._queue(subscription, "lifecycleNotificationUrl", {"lifecycleEvent": event})
        return len(told)

    def _queue(self, subscription: Subscription, url: str, entry: dict[str, Any]) -> None:
        if not subscription.values.get(url):
            return
        common = {
            "subscriptionId": subscription.id,
            "subscriptionExpirationDateTime": zones.stamp(subscription.expires_at),
            "tenantId": TENANT_ID,
        }
        if subscription.values.get("clientState"):
            common["clientState"] = subscription.values["clientState"]
        delivery = Delivery(subscription.values[url], {"value": [{**common, **entry}]})
        with self._waiting:
            self.due += [replace(delivery) for _ in range(self.duplicates)]
            self._waiting.notify_all()

    def deliver(self) -> int:
        """POST what is due, each up to three times; return how many were taken."""
        with self._waiting:
            deliveries, self.due = self.due, []
        taken = 0
        for delivery in _together(deliveries) if self.coalesce else deliveries:
            delivery.status, _ = self.post(delivery.url, delivery.payload, DELIVERY_SECONDS)
            delivery.attempts += 1
            self.made.append(delivery)
            if 200 <= delivery.status < 300:
                taken += len(delivery.payload["value"])
            elif delivery.attempts < ATTEMPTS:
                self.due.append(delivery)
        return taken

    def start(self) -> None:
        """Deliver in a thread from now on."""
        self._stopped = False
        Thread(target=self._run, name="sandbox-notifications", daemon=True).start()

    def stop(self) -> None:
        with self._waiting:
            self._stopped = True
            self._waiting.notify_all()

    def _run(self) -> None:
        while not self._stopped:
            with self._waiting:
                # What failed waits a little; what is new goes at once.
                self._waiting.wait_for(lambda: self._stopped or bool(self.due))
            if not self._stopped and not self.deliver():
                with self._waiting:
                    self._waiting.wait(0.2)


def _together(deliveries: list[Delivery]) -> list[Delivery]:
    """Put the entries for one address into one POST."""
    together: dict[str, Delivery] = {}
    for delivery in deliveries:
        post = together.setdefault(delivery.url, Delivery(delivery.url, {"value": []}))
        post.payload["value"] += delivery.payload["value"]
        post.attempts = max(post.attempts, delivery.attempts)
    return list(together.values())


def _notification(mailbox: Mailbox, change: Change, change_type: str) -> dict[str, Any]:
    resource = f"Users/{mailbox.object_id}/Events/{change.event_id}"
    data: dict[str, Any] = {"@odata.type": "#Microsoft.Graph.Event", "@odata.id": resource, "id": change.event_id}
    if change.event_id in mailbox.events:
        data["@odata.etag"] = mailbox.events[change.event_id].etag
    return {"changeType": change_type, "resource": resource, "resourceData": data}


def _calendar_of(mailbox: Mailbox, resource: str) -> str | None:
    parts = resource.strip("/").split("/")
    if parts == ["me", "events"]:
        return None
    if len(parts) == 4 and parts[:2] == ["me", "calendars"] and parts[3] == "events":
        return mailbox.calendar(parts[2]).id
    raise GraphError(400, "InvalidRequest", f"The resource '{resource}' is not supported.")
