"""Microsoft Graph's door: who asks, may they, does a fault strike, and which call is it."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from threading import Lock, RLock

from calendar_sync.sandbox import calendars, paging, schedule
from calendar_sync.sandbox.delta import DeltaStates
from calendar_sync.sandbox.entra import Entra
from calendar_sync.sandbox.faults import Fault, FaultScript, Kind
from calendar_sync.sandbox.mailbox import Mailbox
from calendar_sync.sandbox.messages import ConnectionLostError, GraphError, Request, Response
from calendar_sync.sandbox.subscriptions import Subscriptions

CONCURRENT_REQUESTS = 4
LOG_LENGTH = 20_000
CONTENT_TYPE = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"
GATEWAY_PAGE = "<html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>"


@dataclass(frozen=True)
class Exchange:
    """One request and what became of it. Without an answer the connection was broken."""

    request: Request
    response: Response | None
    mailbox: str
    fault: Fault | None
    at: datetime


class Graph:
    """Answers requests to /v1.0. Safe to call from many threads."""

    def __init__(
        self, mailboxes: dict[str, Mailbox], entra: Entra, faults: FaultScript, clock: Callable[[], datetime]
    ) -> None:
        self.mailboxes, self.entra, self.faults, self.clock = mailboxes, entra, faults, clock
        self.subscriptions = Subscriptions(clock)
        self.delta = DeltaStates()
        # Seconds that each answer takes, counted as "in flight".
        self.latency = 0.0
        self.log: list[Exchange] = []
        self.observers: list[Callable[[Exchange], None]] = []
        self.peak: Counter[str] = Counter()
        self.lock = RLock()
        self._in_flight: Counter[str] = Counter()
        self._counting = Lock()

    def answer(self, request: Request) -> Response:
        """Answer one request. Raises ConnectionLostError where the connection is to break."""
        mailbox, fault, response = None, None, None
        try:
            mailbox = self._authenticate(request)
            with self._turn(mailbox):
                fault = self.faults.take(mailbox.address, request)
                if self.latency:
                    time.sleep(self.latency)
                response = self._under_fault(mailbox, request, fault)
        except GraphError as refusal:
            response = self._refusal(refusal, request)
        finally:
            self._note(Exchange(request, response, mailbox.address if mailbox else "", fault, self.clock()))
        return self._dressed(response, request)

    def _authenticate(self, request: Request) -> Mailbox:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        grant = self.entra.access_tokens.get(token)
        if scheme != "Bearer" or grant is None:
            raise GraphError(401, "InvalidAuthenticationToken", "Access token is empty or not valid.", _CHALLENGE)
        if grant.expires_at <= self.clock():
            message = "Lifetime validation failed, the token is expired."
            raise GraphError(401, "InvalidAuthenticationToken", message, _CHALLENGE)
        mailbox = self.mailboxes[grant.address]
        withdrawn = self.entra.account(mailbox.address).consent == "withdrawn"
        if mailbox.closed_with or withdrawn:
            code = mailbox.closed_with or "ErrorAccessDenied"
            raise GraphError(403, code, "Access is denied. Check credentials and try again.")
        needed = _scopes_for(request)
        if needed and not needed & set(grant.scopes):
            raise GraphError(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
        return mailbox

    @contextmanager
    def _turn(self, mailbox: Mailbox) -> Iterator[None]:
        """Let four requests at a time at a mailbox; the fifth is turned away."""
        with self._counting:
            if self._in_flight[mailbox.address] >= CONCURRENT_REQUESTS:
                message = "Application is over its MailboxConcurrency limit."
                raise GraphError(429, "ApplicationThrottled", message, {"Retry-After": "1"})
            self._in_flight[mailbox.address] += 1
            self.peak[mailbox.address] = max(self.peak[mailbox.address], self._in_flight[mailbox.address])
        try:
            yield
        finally:
            with self._counting:
                self._in_flight[mailbox.address] -= 1

    def _under_fault(self, mailbox: Mailbox, request: Request, fault: Fault | None) -> Response:
        if fault is None:
            return self._perform(mailbox, request)
        if fault.kind is Kind.DROP_BEFORE:
            raise ConnectionLostError
        if fault.kind is Kind.HTML:
            return Response(502, text=GATEWAY_PAGE, headers={"Content-Type": "text/html"})
        if fault.kind is Kind.EMPTY_PAGE:
            return paging.empty_page(request)
        if fault.seconds:
            time.sleep(fault.seconds)
        fault.before()
        answer = self._perform(mailbox, request, replay=fault.kind is Kind.REPLAY)
        if fault.kind is Kind.DROP:
            raise ConnectionLostError
        return fault.after(answer)

    def _perform(self, mailbox: Mailbox, request: Request, *, replay: bool = False) -> Response:
        # The handshake calls the receiver, who may be calling Graph at that moment: it waits for nobody.
        shakes_hands = request.method == "POST" and request.segments == ["subscriptions"]
        with nullcontext() if shakes_hands else self.lock:
            match request.segments:
                case ["subscriptions", *rest]:
                    return self._subscriptions(mailbox, request, rest)
                case ["me", *rest]:
                    return self._me(mailbox, request, rest, replay)
        raise _no_such(request)

    def _me(self, mailbox: Mailbox, request: Request, rest: list[str], replay: bool) -> Response:
        match request.method, rest:
            case "GET", []:
                return calendars.me(mailbox, request)
            case "GET", ["mailboxSettings"]:
                return calendars.settings(mailbox, request)
            case "GET", ["calendars"]:
                return calendars.list_calendars(mailbox, request)
            case "GET", ["events"]:
                return calendars.list_events(mailbox, request, None)
            case _, ["events", event_id, *action]:
                return self._event(mailbox, request, event_id, action)
            case _, ["calendars", calendar_id, *inner]:
                return self._calendar(mailbox, request, mailbox.calendar(calendar_id).id, inner, replay)
            case _, ["calendar", *inner]:
                return self._calendar(mailbox, request, mailbox.default_calendar.id, inner, replay)
            case _, ["events" | "calendarView", *_]:
                return self._calendar(mailbox, request, mailbox.default_calendar.id, rest, replay)
        raise _no_such(request)

    def _calendar(
        self, mailbox: Mailbox, request: Request, calendar_id: str, rest: list[str], replay: bool
    ) -> Response:
        match request.method, rest:
            case "GET", []:
                return calendars.get_calendar(mailbox, request, calendar_id)
            case "GET", ["calendarView"]:
                return calendars.view(mailbox, request, calendar_id)
            case "GET", ["calendarView", "delta" | "delta()"]:
                return self.delta.answer(mailbox, request, calendar_id, replay=replay)
            case "GET", ["events"]:
                return calendars.list_events(mailbox, request, calendar_id)
            case "POST", ["events"]:
                return calendars.create(mailbox, request, calendar_id)
            case "POST", ["getSchedule" | "microsoft.graph.getSchedule"]:
                return schedule.answer(self.find, mailbox, request)
            case _, ["events", event_id, *action]:
                if mailbox.event(event_id).calendar_id != calendar_id:
                    raise GraphError(404, "ErrorItemNotFound", "The specified object was not found in the store.")
                return self._event(mailbox, request, event_id, action)
        raise _no_such(request)

    def _event(self, mailbox: Mailbox, request: Request, event_id: str, action: list[str]) -> Response:
        match request.method, action:
            case "GET", []:
                return calendars.get_event(mailbox, request, event_id)
            case "PATCH", []:
                return calendars.update(mailbox, request, event_id)
            case "DELETE", []:
                return calendars.delete(mailbox, request, event_id)
            case "POST", ["cancel"]:
                return calendars.cancel(mailbox, request, event_id)
            case "GET", ["instances"]:
                return calendars.instances(mailbox, request, event_id)
        raise _no_such(request)

    def _subscriptions(self, mailbox: Mailbox, request: Request, rest: list[str]) -> Response:
        match request.method, rest:
            case "GET", []:
                return self.subscriptions.listing(mailbox)
            case "POST", []:
                return self.subscriptions.create(mailbox, request)
            case "GET", [subscription_id]:
                return Response(200, self.subscriptions.get(mailbox, subscription_id).json())
            case "PATCH", [subscription_id]:
                return self.subscriptions.renew(mailbox, request, subscription_id)
            case "DELETE", [subscription_id]:
                return self.subscriptions.remove(mailbox, subscription_id)
            case "POST", [subscription_id, "reauthorize"]:
                self.subscriptions.get(mailbox, subscription_id)
                return Response(204)
        raise _no_such(request)

    def find(self, address: str) -> Mailbox | None:
        """Return the mailbox of an address, in any case."""
        return self.mailboxes.get(address.lower())

    def _refusal(self, refusal: GraphError, request: Request) -> Response:
        inner = {"date": self.clock().strftime("%Y-%m-%dT%H:%M:%S"), "request-id": str(uuid.uuid4())}
        if "client-request-id" in request.headers:
            inner["client-request-id"] = request.headers["client-request-id"]
        error = {"code": refusal.code, "message": refusal.message, "innerError": inner}
        return Response(refusal.status, {"error": error}, dict(refusal.headers))

    def _dressed(self, response: Response, request: Request) -> Response:
        """Add the headers that every answer has."""
        headers = response.headers
        headers.setdefault("Content-Type", CONTENT_TYPE)
        headers["request-id"] = str(uuid.uuid4())
        headers["Date"] = self.clock().strftime("%a, %d %b %Y %H:%M:%S GMT")
        if "client-request-id" in request.headers:
            headers["client-request-id"] = request.headers["client-request-id"]
        if "outlook.timezone" in request.prefers:
            headers["Preference-Applied"] = f'outlook.timezone="{request.prefers["outlook.timezone"]}"'
        return response

    def _note(self, exchange: Exchange) -> None:
        self.log.append(exchange)
        # A demo may run for weeks.
        if len(self.log) > LOG_LENGTH:
            del self.log[: LOG_LENGTH // 2]
        for observer in self.observers:
            observer(exchange)


_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common"'}


def _scopes_for(request: Request) -> set[str]:
    """Return the scopes of which a call needs one; none for those that need no particular one."""
    if request.segments[:1] != ["me"] or request.segments == ["me"]:
        return set()
    writes = request.method != "GET" and not request.segments[-1].endswith("getSchedule")
    return {"Calendars.ReadWrite"} if writes else {"Calendars.ReadWrite", "Calendars.Read"}


def _no_such(request: Request) -> GraphError:
    message = f"Resource not found for the segment '{request.segments[-1] if request.segments else ''}'."
    return GraphError(400 if request.segments else 404, "BadRequest", message)
