"""Everything together: people, their mailboxes, sign-in, Graph and the faults."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import httpx

from calendar_sync.sandbox import control, rendering, signin
from calendar_sync.sandbox.entra import Entra
from calendar_sync.sandbox.faults import FaultScript
from calendar_sync.sandbox.graph import Graph
from calendar_sync.sandbox.mailbox import Mailbox
from calendar_sync.sandbox.messages import ConnectionLostError, GraphError, Request, Response
from calendar_sync.sandbox.outlook import Outlook
from calendar_sync.sandbox.subscriptions import Subscriptions


def utc_now() -> datetime:
    """Return the present instant."""
    return datetime.now(UTC)


class Sandbox:
    """A small Microsoft 365. `clock` is asked for the time whenever it matters."""

    def __init__(self, clock: Callable[[], datetime] = utc_now) -> None:
        self.clock = clock
        self.mailboxes: dict[str, Mailbox] = {}
        self.faults = FaultScript()
        self.entra = Entra(self.mailboxes, clock)
        self.graph = Graph(self.mailboxes, self.entra, self.faults, clock)
        # Called after each request that may have changed something, before its answer leaves.
        self.keep: Callable[[], None] = lambda: None

    @property
    def subscriptions(self) -> Subscriptions:
        return self.graph.subscriptions

    def add_person(self, address: str, name: str = "", *, timezone: str = "UTC", **values: Any) -> Outlook:
        """Give somebody a mailbox with one calendar, and return it as they see it in Outlook."""
        name = name or address.split("@")[0].replace(".", " ").title()
        mailbox = Mailbox(address.lower(), name, timezone, clock=self.clock, **values)
        mailbox.listeners.append(self.graph.subscriptions.changed)
        self.mailboxes[mailbox.address] = mailbox
        return self.outlook(mailbox.address)

    def outlook(self, address: str) -> Outlook:
        """Return a mailbox as its owner sees it."""
        return Outlook(self.mailboxes[address.lower()], self.graph.lock)

    def close_mailbox(self, address: str, code: str = "ErrorAccessDenied") -> None:
        """Refuse everything at a mailbox with 403: no licence, on premises, a policy. "" opens it again."""
        self.mailboxes[address.lower()].closed_with = code

    def revoke_consent(self, address: str) -> None:
        """Withdraw the person's consent: Graph answers 403, a refresh AADSTS65001, until they sign in again."""
        self.entra.revoke(address.lower(), 65001)
        self.entra.account(address.lower()).consent = "withdrawn"

    def answer(self, request: Request) -> Response:
        """Answer any request to the sandbox, by the first part of its path."""
        try:
            return self._answer(request)
        finally:
            # Signing in changes something by GET, too.
            if request.method != "GET" or request.path.startswith("/login/"):
                self.keep()

    def _answer(self, request: Request) -> Response:
        first = next((part for part in request.path.split("/") if part), "")
        if first == "login":
            return self._login(request)
        if first in {"", "_sandbox"}:
            return self._control(request)
        return self.graph.answer(request)

    def _login(self, request: Request) -> Response:
        if request.segments[-1] in {"authorize", "adminconsent"}:
            return signin.answer(self.entra, request)
        # The client on the other side says which of Microsoft's hosts it was asked for.
        origin = request.headers.get("x-sandbox-origin", request.origin)
        path = request.path.removeprefix("/login")
        return self.entra.answer(Request(request.method, path, request.query, request.headers, request.body, origin))

    def _control(self, request: Request) -> Response:
        try:
            return control.answer(self, request)
        except GraphError as refusal:
            return Response(refusal.status, {"error": {"code": refusal.code, "message": refusal.message}})
        except (KeyError, TypeError, ValueError) as exc:
            return Response(400, {"error": {"code": "BadRequest", "message": repr(exc)}})

    def transport(self) -> httpx.MockTransport:
        """Return a transport for httpx that reaches the sandbox without a socket."""
        return httpx.MockTransport(self._over_httpx)

    def _over_httpx(self, request: httpx.Request) -> httpx.Response:
        headers = dict(request.headers)
        try:
            answer = self.answer(Request.build(request.method, str(request.url), headers, request.content))
        except ConnectionLostError as exc:
            raise httpx.ReadError("The sandbox broke the connection.", request=request) from exc
        if answer.cut:
            raise httpx.RemoteProtocolError("The sandbox broke the connection.", request=request)
        headers = {"Content-Type": answer.content_type, **answer.headers}
        return httpx.Response(answer.status, headers=headers, content=answer.content)

    def state(self) -> dict[str, Any]:
        """Return everything there is, for people and for tests in another process."""
        plain = Request("GET", "/", {}, {"prefer": 'IdType="ImmutableId"'})
        with self.graph.lock:
            return {
                "mailboxes": {
                    mailbox.address: {
                        "name": mailbox.name,
                        "timezone": mailbox.timezone,
                        "closed_with": mailbox.closed_with,
                        "calendars": [asdict(record) for record in mailbox.calendars.values()],
                        "events": [
                            {
                                **rendering.event_json(event, mailbox, plain),
                                "calendarId": event.calendar_id,
                                "properties": event.properties,
                            }
                            for event in mailbox.events.values()
                        ],
                    }
                    for mailbox in self.mailboxes.values()
                },
                "subscriptions": [subscription.json() for subscription in self.graph.subscriptions.active.values()],
                "faults": {name: [asdict(f) for f in faults] for name, faults in self.faults.pending().items()},
            }
