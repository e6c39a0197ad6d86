"""Random doings: callers and staff in Pete, agents in Outlook, and what goes wrong between the two."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from email.utils import format_datetime
from itertools import count
from zoneinfo import ZoneInfo

from django.db import connection as database

from calendar_sync import choice, events, tokens, upkeep
from calendar_sync.models import Connection
from calendar_sync.remote import TAG_ID
from calendar_sync.sandbox import Fault, Kind, zones
from calendar_sync.sandbox.faults import PASSING
from calendar_sync.sandbox.mailbox import Event
from calendar_sync.tests.proof.ledger import Ledger
from calendar_sync.tests.proof.office import Office
from crm import booking
from crm.errors import CrmError, PermanentError, TransientError
from crm.models import Agent, Appointment, Lead, Listing
from crm.slots import Offer
from crm.tests import factories as crm

HALF_HOUR = timedelta(minutes=30)
DAY = timedelta(days=1)
DAYS, SLOTS_A_DAY = 12, 20
BY_CHANCE = (*PASSING, Kind.SLOW, Kind.DELTA_GONE, Kind.REPLAY, Kind.EMPTY_PAGE)
SHOWS = ["busy", "busy", "tentative", "oof", "free", "workingElsewhere"]


class Days:
    """Does one thing after the other, and keeps the ledger."""

    def __init__(self, office: Office, *, chance: float) -> None:
        self.office, self.dice, self.ledger = office, office.dice, Ledger(office)
        self.chance = chance
        self.first = (office.now + 4 * DAY).replace(hour=0, minute=0, second=0, microsecond=0)
        self.leads: list[Lead] = [crm.lead(email=f"lead{n}@example.com" if n % 4 else "") for n in range(40)]
        self.homes: list[Listing] = [crm.listing(*office.agents) for _ in range(15)]
        self.keys: list[tuple[str, dict[str, object], int]] = []
        self.numbers = count(1)
        self.done: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.is_nested = False
        self.in_pete: list[tuple[Callable[[], None], int]] = [
            (self.book, 22),
            (self.book_again, 2),
            (self.reschedule, 9),
            (self.reassign, 8),
            (self.cancel, 5),
            (self.part, 1),
            (self.switch, 1),
        ]
        self.in_outlook: list[tuple[Callable[[], None], int]] = [
            (self.drag, 12),
            (self.stretch, 3),
            (self.fill_the_day, 2),
            (self.delete, 5),
            (self.edit, 6),
            (self.create_foreign, 12),
            (self.change_foreign, 12),
        ]

    # --- One step -----------------------------------------------------------------------------------------------------

    def go(self, operations: int) -> None:
        """Do so many operations, with troubles and work in between."""
        self.office.sandbox.faults.by_chance(self.chance, seed=self.dice.randrange(2**32), kinds=BY_CHANCE)
        self.office.wire.meanwhile = self._meanwhile
        while self.done.total() < operations:
            self.office.pass_time(seconds=self.dice.choice([1, 10, 30, 60]))
            self.operate()
            if self.dice.random() < 0.04:
                self.trouble()
            if self.dice.random() < 0.4:
                self.work()

    def operate(self) -> None:
        """Do one operation. Being refused is an answer, too."""
        doings = self.in_pete + self.in_outlook
        do = self.dice.choices([do for do, _ in doings], [weight for _, weight in doings])[0]
        try:
            do()
        except CrmError as refusal:
            self.refused[f"{do.__name__}: {refusal.code}"] += 1
        self.done[do.__name__] += 1

    def _meanwhile(self) -> None:
        """Now and then let something else happen while a request to Microsoft is under way."""
        if self.is_nested or database.in_atomic_block or self.dice.random() > 0.03:
            return
        self.is_nested = True
        try:
            self.dice.choice([self.operate, self.operate, self.office.sweep, lambda: self.office.work_queue(2)])()
        finally:
            self.is_nested = False

    def work(self) -> None:
        """Let workers do some of what there is to do."""
        office, roll = self.office, self.dice.random()
        office.work_queue(self.dice.choice([0, 1, 1, 2]))
        if roll < 0.1:
            office.sweep()
        elif roll < 0.25:
            office.poll(most=2)
        elif roll < 0.27:
            office.hint()
        elif roll < 0.28:
            office.lose_tasks()
        elif roll < 0.31:
            office.reconnect()

    # --- In Pete ------------------------------------------------------------------------------------------------------

    def moment(self) -> datetime:
        return self.first + self.dice.randrange(DAYS) * DAY + self.dice.randrange(SLOTS_A_DAY) * HALF_HOUR

    def book(self) -> None:
        arguments = {
            "lead": self.dice.choice(self.leads),
            "listing": self.dice.choice(self.homes),
            "agent": self.dice.choice([None, self.dice.choice(self.office.agents)]),
            "starts_at": self.moment(),
            "now": self.office.now,
        }
        key = f"booking {next(self.numbers)}"
        row = booking.book(**arguments, idempotency_key=key)
        self.keys.append((key, arguments, row.pk))
        self.ledger.acknowledged(row)

    def book_again(self) -> None:
        """Send a request once more whose answer was lost."""
        if self.keys:
            key, arguments, pk = self.dice.choice(self.keys)
            assert booking.book(**arguments, idempotency_key=key).pk == pk  # type: ignore[arg-type]

    def _some_viewing(self) -> Appointment | None:
        rows = list(Appointment.objects.filter(status="booked").order_by("pk").values_list("pk", flat=True))
        return Appointment.objects.get(pk=self.dice.choice(rows)) if rows else None

    def _change(self, do: Callable[[Appointment], Appointment]) -> None:
        before = self._some_viewing()
        if before is not None:
            is_unseen = self.ledger.is_unseen(before)
            after = do(before)
            self.ledger.changed_in_pete(before, after, is_unseen=is_unseen)

    def reschedule(self) -> None:
        self._change(lambda row: booking.reschedule(row.pk, starts_at=self.moment(), now=self.office.now))

    def reassign(self) -> None:
        def do(row: Appointment) -> Appointment:
            starts_at = self.dice.choice([row.starts_at, self.moment()])
            agent = self.dice.choice(self.office.agents)
            offer = Offer(agent.pk, row.listing_id, starts_at, starts_at + HALF_HOUR)
            return booking.reschedule(row.pk, slot=offer, now=self.office.now)

        self._change(do)

    def cancel(self) -> None:
        self._change(lambda row: booking.cancel(row.pk))

    def part(self) -> None:
        """Let somebody disconnect, or whoever did come back."""
        away = [agent for agent in self.office.agents if not Connection.objects.filter(agent=agent).exists()]
        if away and self.dice.random() < 0.6:
            self.office.connect(self.dice.choice(away))
            return
        agent = self.dice.choice(self.office.agents)
        self.ledger.parted(agent)
        choice.disconnect(agent)

    def switch(self) -> None:
        """Switch somebody off, or whoever is off on again."""
        off = list(Agent.objects.filter(is_active=False).order_by("pk"))
        agent = self.dice.choice(off if off and self.dice.random() < 0.6 else self.office.agents)
        is_active = Agent.objects.get(pk=agent.pk).is_active
        Agent.objects.filter(pk=agent.pk).update(is_active=not is_active)

    # --- In Outlook ---------------------------------------------------------------------------------------------------

    def _some_event(self, *, is_own: bool) -> tuple[Agent, Event] | None:
        agent = self.dice.choice(self.office.agents)
        found = [event for event in self.office.outlook(agent).events() if (TAG_ID in event.properties) == is_own]
        return (agent, self.dice.choice(found)) if found else None

    def _do_to_own(self, change: Callable[[Agent, Event], Event | None]) -> None:
        """Move or delete an event of Pete's."""
        found = self._some_event(is_own=True)
        if found is None:
            return
        agent, event = found
        outlook, result = self.office.outlook(agent), change(agent, event)
        tag = events.read_tag(event.properties[TAG_ID])
        assert tag is not None
        self.ledger.changed_in_outlook(tag[0], event, result)
        if result is None:
            outlook.delete(event.id)
            return
        # Written in UTC: on the night clocks are put back a local time says too little.
        zone = agent.timezone if result.is_all_day else "UTC"
        start, end = zones.write(result.start, zone), zones.write(result.end, zone)
        outlook.edit(event.id, start=start, end=end, isAllDay=result.is_all_day)

    def drag(self) -> None:
        starts_at = self.moment() + self.dice.choice([0, 0, 0, 7, 15]) * timedelta(minutes=1)

        def change(_agent: Agent, event: Event) -> Event:
            length = event.end.astimezone(UTC) - event.start.astimezone(UTC)
            return replace(event, start=starts_at, end=starts_at + length, is_all_day=False)

        self._do_to_own(change)

    def stretch(self) -> None:
        minutes = self.dice.choice([15, 45, 60, 90])

        def change(_agent: Agent, event: Event) -> Event:
            return replace(event, end=event.start.astimezone(UTC) + timedelta(minutes=minutes), is_all_day=False)

        self._do_to_own(change)

    def fill_the_day(self) -> None:
        def change(agent: Agent, event: Event) -> Event:
            zone = ZoneInfo(agent.timezone)
            day = event.start.astimezone(zone).date()
            ends = [datetime.combine(of, time(), zone) for of in (day, day + DAY)]
            return replace(event, start=ends[0], end=ends[1], is_all_day=True)

        self._do_to_own(change)

    def delete(self) -> None:
        self._do_to_own(lambda _agent, _event: None)

    def edit(self) -> None:
        found = self._some_event(is_own=True)
        if found is not None:
            words = self.dice.choice([{"subject": "My words"}, {"showAs": "tentative"}, {"isReminderOn": False}])
            self.office.outlook(found[0]).edit(found[1].id, **words)

    def create_foreign(self) -> None:
        outlook = self.office.outlook(self.dice.choice(self.office.agents))
        starts_at, shows = self.moment(), {"showAs": self.dice.choice(SHOWS)}
        roll = self.dice.random()
        if roll < 0.7:
            outlook.create("Mine", starts_at, starts_at + self.dice.randrange(1, 9) * HALF_HOUR / 2, **shows)
        elif roll < 0.85:
            outlook.create_all_day("Mine", starts_at.date(), self.dice.randrange(1, 3), **shows)
        else:
            outlook.create_series("Mine", starts_at, starts_at + HALF_HOUR, {"type": "daily"}, times=4, **shows)

    def change_foreign(self) -> None:
        found = self._some_event(is_own=False)
        if found is None:
            return
        outlook, event = self.office.outlook(found[0]), found[1]
        roll = self.dice.random()
        if roll < 0.3:
            outlook.delete(event.id)
        elif roll < 0.7 and not event.is_all_day and event.recurrence is None:
            outlook.move(event.id, self.moment())
        else:
            outlook.edit(event.id, showAs=self.dice.choice(SHOWS))

    # --- Troubles -----------------------------------------------------------------------------------------------------

    def trouble(self) -> None:
        """Let something go wrong that chance alone does not bring."""
        address = self.dice.choice(self.office.agents).email
        sandbox = self.office.sandbox
        troubles: dict[str, Callable[[], object]] = {
            "throttled": lambda: sandbox.faults.add(
                Fault(Kind.THROTTLED, retry_after=self._retry_after()), mailbox=address, times=self.dice.randrange(1, 4)
            ),
            "token expired": lambda: sandbox.entra.expire_access(address),
            "places forgotten": lambda: sandbox.graph.delta.forget(self.dice.choice(["", address])),
            "sign-in throttled": lambda: self._sign_in_fails(429, retry_after=self._retry_after()),
            "sign-in down": lambda: self._sign_in_fails(503),
            "sign-in in HTML": lambda: self._sign_in_fails(200, text="<html>Service unavailable</html>"),
            "sign-in broken off": sandbox.entra.drop_next,
            "consent revoked": lambda: sandbox.revoke_consent(address),
            "sessions revoked": lambda: self._revoke(address),
            "kept alive": lambda: self._keep_alive(address),
        }
        name = self.dice.choice(list(troubles))
        troubles[name]()
        self.office.wire.faults[name] += 1

    def _retry_after(self) -> str | None:
        """Return a Retry-After in each of its forms."""
        date = format_datetime(datetime.now(UTC) + timedelta(seconds=40), usegmt=True)
        return self.dice.choice(["7", "2.128", "0", date, None])

    def _sign_in_fails(self, status: int, *, text: str = "", retry_after: str | None = None) -> None:
        self.office.sandbox.entra.fail_next(status, text=text, retry_after=retry_after)
        # Somebody will need a token now.
        self.office.sandbox.entra.expire_access(self.dice.choice(self.office.agents).email)

    def _revoke(self, address: str) -> None:
        self.office.sandbox.entra.revoke(address, self.dice.choice([50173, 700082, 50076]))
        self.office.sandbox.entra.expire_access(address)

    def _keep_alive(self, address: str) -> None:
        connection = Connection.objects.filter(agent__email=address).first()
        if connection is None:
            return
        try:
            tokens.renew(connection.pk, force=True)
        except (TransientError, PermanentError):
            upkeep.attend(connection.pk)
