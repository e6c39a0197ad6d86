"""An installation with connected agents, all in one process: Pete on one side, Outlook on the other, faults between.

Tasks are kept in a queue that forgets and mixes up, as a broker may. Time is `office.now`; nothing sleeps.
"""

from __future__ import annotations

import random
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from celery.app.task import Task
from django.db.models import Q
from django.test import Client
from django.utils import timezone

from calendar_sync import (
    adoption,
    choice,
    entra,
    mirror,
    outbox,
    pushing,
    readback,
    reconcile,
    resting,
    staleness,
    upkeep,
)
from calendar_sync.models import Calendar, Connection, ConnectionStatus, Notice, NoticeKind, Push, PushStatus
from calendar_sync.sandbox import Kind, Sandbox, mailbox
from calendar_sync.sandbox.graph import Exchange
from calendar_sync.sandbox.http_client import SandboxHttpClient
from calendar_sync.sandbox.outlook import Outlook
from calendar_sync.sandbox.signin import sign_in
from calendar_sync.tests.entra import AUTHORITY, CLIENT_ID
from crm.errors import PermanentError, TransientError
from crm.models import Agent
from crm.tests import factories as crm

ZONES = [
    "America/Chicago",
    "Europe/London",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "America/St_Johns",
    "Pacific/Auckland",
    "America/Sao_Paulo",
]
TRIES = 6


class Wire(httpx.BaseTransport):
    """The way to Microsoft without sockets. `meanwhile` is called while a request is under way."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._inner = sandbox.transport()
        self._late: set[str] = set()
        self.faults: Counter[str] = Counter()
        self.requests: Counter[str] = Counter()
        self.meanwhile: Callable[[], None] = lambda: None
        sandbox.graph.observers.append(self._note)

    def _note(self, exchange: Exchange) -> None:
        self.requests[exchange.request.method] += 1
        if exchange.fault is not None:
            self.faults[exchange.fault.kind] += 1
            if exchange.fault.kind is Kind.SLOW:
                self._late.add(exchange.request.headers["client-request-id"])

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        try:
            answer = self._inner.handle_request(request)
        finally:
            self.meanwhile()
        request_id = request.headers.get("client-request-id", "")
        if request_id in self._late:
            self._late.discard(request_id)
            raise httpx.ReadTimeout("The answer came too late.", request=request)
        return answer

    @property
    def writes(self) -> int:
        return sum(self.requests[method] for method in ("POST", "PATCH", "DELETE"))


class Office:
    """Everybody's doings, one after the other, as `dice` falls."""

    def __init__(self, sandbox: Sandbox, wire: Wire, dice: random.Random) -> None:
        self.sandbox, self.wire, self.dice = sandbox, wire, dice
        self.now = timezone.now().replace(microsecond=0)
        self.queue: list[tuple[str, tuple[Any, ...], int]] = []
        self.agents: list[Agent] = []
        self.clients: dict[int, Client] = {}
        self._at_work = {
            "calendar_sync.tasks.push": lambda pk: pushing.push_appointment(pk, now=self.now),
            "calendar_sync.tasks.read_back": lambda pk: readback.read_back(pk, now=self.now),
            "calendar_sync.tasks.sync_calendar": lambda pk: mirror.sync_calendar(pk, now=self.now),
            "calendar_sync.tasks.compare_first": lambda pk: reconcile.reconcile(pk, now=self.now),
        }

    def hire(self, number: int) -> None:
        """Add agents who work around the clock, each with a mailbox, and connect them by signing in."""
        for _ in range(number):
            zone = ZONES[len(self.agents) % len(ZONES)]
            address = f"agent{len(self.agents)}@proof.example"
            self.sandbox.add_person(address, timezone=zone)
            agent = crm.agent(hours=(0, 24), email=address, timezone=zone)
            self.agents.append(agent)
            self.clients[agent.pk] = Client(HTTP_ACCEPT="text/html")
            self.clients[agent.pk].force_login(agent)
            assert self.connect(agent) == 302

    def outlook(self, agent: Agent) -> Outlook:
        return self.sandbox.outlook(agent.email)

    def connect(self, agent: Agent) -> int:
        """Sign in at Microsoft and come back; return the status of the last page."""
        client = self.clients[agent.pk]
        begun = client.get("/calendar/auth/start")
        if begun.status_code != 302 or begun.headers["Location"].startswith("/login"):
            # Whoever is switched off is nobody here.
            return begun.status_code
        query = sign_in(self.sandbox.entra, begun.headers["Location"], agent.email)
        return client.get("/calendar/auth/callback", query).status_code

    def come_back(self) -> None:
        """Let everybody be at work and connected."""
        Agent.objects.update(is_active=True)
        for agent in self.agents:
            if not Connection.objects.filter(agent=agent).exists():
                self.connect(agent)

    def reconnect(self) -> None:
        """Let everybody whose connection is broken sign in again."""
        broken = Connection.objects.exclude(status=ConnectionStatus.CONNECTED).values_list("agent", flat=True)
        for agent in [agent for agent in self.agents if agent.pk in set(broken)]:
            self.connect(agent)

    # --- Work in the background ---------------------------------------------------------------------------------------

    def enqueue(self, name: str, args: Sequence[Any]) -> None:
        if name in self._at_work:
            self.queue.append((name, tuple(args), TRIES))

    def work_queue(self, most: int) -> None:
        """Let workers take tasks, in any order."""
        for _ in range(most):
            if not self.queue:
                return
            name, args, tries = self.queue.pop(self.dice.randrange(len(self.queue)))
            try:
                self._at_work[name](*args)
            except TransientError:
                if tries:
                    self.queue.append((name, args, tries - 1))
            except PermanentError:
                # Such a task fails, and the sweeps go on.
                continue

    def lose_tasks(self) -> None:
        """Let the broker forget what it had."""
        self.queue.clear()

    def sweep(self) -> None:
        resting.sweep()
        for pk in choice.unlisted().order_by("pk").values_list("pk", flat=True):
            choice.list_first(pk)
        adoption.settle()
        for pk in reconcile.awaited().values_list("pk", flat=True):
            self.enqueue("calendar_sync.tasks.compare_first", (pk,))
        pushing.push_due(self.now)

    def poll(self, most: int | None = None) -> None:
        waiting = list(mirror.due(self.now).order_by("pk").values_list("pk", flat=True))
        self.dice.shuffle(waiting)
        for pk in waiting[:most]:
            mirror.sync_calendar(pk, now=self.now)

    def hint(self) -> None:
        """Be told by Microsoft that something changed somewhere."""
        agent = self.dice.choice(self.agents)
        Calendar.objects.filter(connection__agent=agent, is_read=True).update(hinted_at=self.now)

    def look_after_connections(self) -> None:
        for pk in upkeep.due(self.now).order_by("pk").values_list("pk", flat=True):
            upkeep.attend(pk)

    def compare(self, connection: Connection) -> list[reconcile.Drift]:
        return reconcile.reconcile(connection.pk, now=self.now)

    def pass_time(self, **more: float) -> None:
        self.now += timedelta(**more)
        # What MSAL was told not to ask again for a while.
        entra._memory.__dict__.clear()

    # --- The dust settles ---------------------------------------------------------------------------------------------

    def settle(self, rounds: int = 12) -> int:
        """Let everything go well until nothing is written any more; return how many rounds that took."""
        self.wire.meanwhile = lambda: None
        self.sandbox.faults.clear()
        self.sandbox.entra.faults.clear()
        for number in range(1, rounds + 1):
            writes = self.wire.writes
            self._one_quiet_round()
            if self.wire.writes == writes and not self.queue and not self._is_anything_left():
                return number
        raise AssertionError(f"After {rounds} rounds there is still something to do")

    def _one_quiet_round(self) -> None:
        self.pass_time(minutes=20)
        self.come_back()
        self.reconnect()
        self.look_after_connections()
        # Whoever is told that something could not be written presses the button.
        for pk in Push.objects.filter(status=PushStatus.FAILED).order_by("pk").values_list("pk", flat=True):
            outbox.retry(pk)
        self.sweep()
        self.poll()
        self.work_queue(10_000)
        staleness.sweep(now=self.now)

    def _is_anything_left(self) -> bool:
        broken = Connection.objects.exclude(status=ConnectionStatus.CONNECTED)
        unread = Calendar.objects.filter(is_read=True).filter(Q(last_synced_at__lt=self.now) | Q(last_synced_at=None))
        undone = Push.objects.exclude(status=PushStatus.DONE)
        if choice.unlisted().exists():
            return True
        return broken.exists() or unread.exists() or undone.exists() or reconcile.awaited().exists()

    def drifts(self) -> list[reconcile.Drift]:
        """Compare everybody's viewings with Outlook, as every night."""
        return [drift for row in reconcile.comparable() for drift in self.compare(row)]

    def repair(self) -> None:
        """Press every "repair" there is."""
        for notice in Notice.objects.filter(kind=NoticeKind.DRIFT, resolved_at=None):
            reconcile.repair(notice.pk, now=self.now)


def build(monkeypatch: pytest.MonkeyPatch, settings: Any, *, seed: int, secret: str = "sandbox-secret") -> Office:
    """Return an office that speaks to a sandbox of its own, with everything that is random taken from `seed`."""
    sandbox = Sandbox()
    sandbox.entra.clients[CLIENT_ID] = secret
    wire = Wire(sandbox)
    settings.GRAPH_URL, settings.MS_AUTHORITY = "https://graph.microsoft.com/v1.0", AUTHORITY
    settings.MS_CLIENT_ID, settings.MS_CLIENT_SECRET = CLIENT_ID, secret
    settings.MS_SANDBOX_URL = "http://sandbox.invalid"
    http = httpx.Client(transport=wire)
    monkeypatch.setattr("calendar_sync.graph.shared_http", lambda: http)
    sign_in_client = SandboxHttpClient(settings.MS_SANDBOX_URL)
    sign_in_client._http = httpx.Client(transport=sandbox.transport())
    monkeypatch.setattr(entra, "_sandbox_client", lambda url: sign_in_client)
    # The waits between attempts are random, too, and so are the ids of events.
    random.seed(seed)
    ids = random.Random(seed)
    names = SimpleNamespace(**vars(uuid) | {"uuid4": lambda: uuid.UUID(int=ids.getrandbits(128), version=4)})
    monkeypatch.setattr(mailbox, "uuid", names)
    office = Office(sandbox, wire, random.Random(seed))

    def apply_async(task: Any, args: Sequence[Any] = (), *_args: Any, **_options: Any) -> None:
        office.enqueue(task.name, args or ())

    monkeypatch.setattr(Task, "apply_async", apply_async)
    entra._memory.__dict__.clear()
    return office
