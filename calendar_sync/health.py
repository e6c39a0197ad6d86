"""How each agent's calendar stands, in words: what the pages about people show."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, F, Min, Prefetch, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from calendar_sync.diagnosis import diagnose
from calendar_sync.models import (
    Calendar,
    Connection,
    ConnectionStatus,
    Notice,
    NoticeKind,
    Push,
    PushStatus,
)
from crm.models import Agent

# A round that somebody asked for is looked out for this long.
ROUND_PATIENCE = timedelta(seconds=45)
MOST_PUSHES = 100


@dataclass(frozen=True)
class State:
    """A calendar's state: the word, how it looks, and whether somebody should do something."""

    key: str
    word: Any
    icon: str
    tone: str = ""
    is_trouble: bool = False


LOCAL = State("local", _("Pete's calendar"), "calendar-days")
READING = State("reading", _("First reading"), "loader", "live")
CONNECTED = State("connected", _("Connected"), "circle-check", "ok")
ATTENTION = State("attention", _("Needs a look"), "circle-alert", "warn", is_trouble=True)
CHOOSE = State("choose", _("No calendar chosen"), "circle-alert", "warn", is_trouble=True)
STALE = State("stale", _("Cannot be read"), "triangle-alert", "bad", is_trouble=True)
RECONNECT = State("needs_reconnect", _("Sign in again"), "unlink", "bad", is_trouble=True)
ADMIN = State("admin_action", _("Needs an administrator"), "shield-alert", "bad", is_trouble=True)
BROKEN = State("error", _("Not working"), "triangle-alert", "bad", is_trouble=True)
OFF = State("switched_off", _("Switched off"), "pause")
# Notices in the order in which somebody should look at them.
URGENCY = [
    NoticeKind.CONNECTION,
    NoticeKind.UNREADABLE,
    NoticeKind.PUSH_FAILED,
    NoticeKind.CLASH,
    NoticeKind.DRIFT,
    NoticeKind.MOVED,
]
_OF_STATUS = {
    ConnectionStatus.NEEDS_RECONNECT: RECONNECT,
    ConnectionStatus.ADMIN_ACTION: ADMIN,
    ConnectionStatus.ERROR: BROKEN,
}


@dataclass(frozen=True)
class Trouble:
    """One thing that is wrong, and what helps."""

    text: str
    cure: str = ""


@dataclass
class Person:
    """One member of staff and everything the pages say about the calendar behind them."""

    agent: Agent
    connection: Connection | None
    now: datetime
    calendars: list[Calendar] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    waiting: int = 0
    failed: int = 0
    failed_since: datetime | None = None

    @property
    def read(self) -> list[Calendar]:
        return [calendar for calendar in self.calendars if calendar.is_read]

    @property
    def written(self) -> Calendar | None:
        return next((calendar for calendar in self.calendars if calendar.is_written), None)

    @property
    def can_sync(self) -> bool:
        """Say whether a round may succeed without the person's signing in again."""
        is_signed_in = self.connection and self.connection.status != ConnectionStatus.NEEDS_RECONNECT
        return bool(is_signed_in and self.agent.is_active and self.read)

    @property
    def synced_at(self) -> datetime | None:
        """Return since when the oldest of the read calendars is known; None while one was never read."""
        times = [calendar.last_synced_at for calendar in self.read]
        return None if None in times else min((at for at in times if at), default=None)

    @property
    def is_stale(self) -> bool:
        """Say whether nothing is offered on this agent's time because a calendar was not read for long."""
        return self.synced_at is not None and self.synced_at < self.now - _stale_after()

    @property
    def is_reading(self) -> bool:
        """Say whether a round was asked for and has not come back yet."""
        asked = [calendar.hinted_at for calendar in self.read if calendar.hinted_at]
        return any(at > self.now - ROUND_PATIENCE for at in asked)

    @property
    def subscribed_until(self) -> datetime | None:
        """Return until when Microsoft tells of changes in all that is read; None when polling alone finds them."""
        ends = [calendar.subscription_expires_at for calendar in self.read if calendar.subscription_id]
        live = [at for at in ends if at and at > self.now]
        return min(live) if live and len(live) == len(self.read) else None

    @property
    def concerns(self) -> list[Notice]:
        """Return the open notices that something is to be done about; the others are news."""
        return [notice for notice in self.notices if notice.kind != NoticeKind.MOVED]

    @property
    def drift(self) -> list[Notice]:
        return [notice for notice in self.notices if notice.kind == NoticeKind.DRIFT]

    @property
    def state(self) -> State:
        if self.connection is None:
            return LOCAL
        if not self.agent.is_active:
            return OFF
        if self.connection.status != ConnectionStatus.CONNECTED:
            return _OF_STATUS[ConnectionStatus(self.connection.status)]
        if not self.read or self.written is None:
            return CHOOSE
        if self.synced_at is None:
            return READING if self.connection.created_at > self.now - _stale_after() else STALE
        if self.is_stale:
            return STALE
        return ATTENTION if self.concerns or self.failed else CONNECTED

    @property
    def own_troubles(self) -> list[Trouble]:
        """Return what is wrong with the connection itself, which stands above the notices."""
        return list(self._of_connection())

    @property
    def told(self) -> list[Notice]:
        """Return the open notices that `own_troubles` does not say already."""
        known = {NoticeKind.CONNECTION, NoticeKind.UNREADABLE} if self.own_troubles else set()
        return [notice for notice in self.notices if notice.kind not in known]

    @property
    def troubles(self) -> list[Trouble]:
        """Return what is wrong, worst first, each once."""
        found = self.own_troubles
        found += [Trouble(*row.said) for row in self.told if row.kind != NoticeKind.MOVED]
        if self.failed and not any(row.kind == NoticeKind.PUSH_FAILED for row in self.notices):
            found.append(Trouble(str(_("A viewing could not be written to Outlook.")), str(_("Try again."))))
        return found

    def _of_connection(self) -> Iterable[Trouble]:
        if self.connection is None:
            return
        if self.state is OFF:
            yield Trouble(
                str(_("This person is switched off, so Pete neither reads nor writes their Outlook.")),
                str(_("Nothing is to be done. Once they are switched on again, everything is read anew.")),
            )
        elif self.connection.status != ConnectionStatus.CONNECTED:
            told = [row for row in self.notices if row.kind == NoticeKind.CONNECTION]
            meaning = diagnose(self.connection.status_code)
            yield Trouble(*told[0].said) if told else Trouble(meaning.text, meaning.cure)
        elif self.state is CHOOSE:
            yield Trouble(
                str(_("Pete does not know which calendars to read, or where to write viewings.")),
                str(_("Choose them: only the person themselves can.")),
            )
        elif self.state is STALE:
            yield Trouble(
                str(_("The calendar was not read for too long, so no time of this person is offered.")),
                str(_("Sync now. If it stays, look at the calendar's last error.")),
            )


def _stale_after() -> timedelta:
    return timedelta(minutes=settings.CALENDAR_STALE_MINUTES)


def staff() -> QuerySet[Agent]:
    """Return the people who work here, with what `persons` needs; and who left but is still connected."""
    open_notices = Notice.objects.filter(resolved_at=None).select_related("appointment", "push")
    # The encrypted columns are of no use to a page.
    calendars = Calendar.objects.defer("delta_link")
    connections = Connection.objects.defer("blob").prefetch_related(Prefetch("calendars", calendars))
    return (
        Agent.objects.filter(Q(is_active=True) | Q(calendar_connection__isnull=False))
        .select_related("team")
        .prefetch_related(
            Prefetch("calendar_connection", connections),
            Prefetch("calendar_notices", open_notices, to_attr="open_notices"),
        )
        .order_by(F("team__name").asc(nulls_last=True), "full_name", "pk")
    )


def persons(agents: Iterable[Agent], now: datetime | None = None) -> list[Person]:
    """Return what there is to say about agents that `staff` found, with one query more for all."""
    found = [_person(agent, now or timezone.now()) for agent in agents]
    connected = {person.connection.pk: person for person in found if person.connection}
    for row in _push_counts(connected):
        person = connected[row["connection"]]
        person.waiting, person.failed, person.failed_since = row["waiting"], row["failed"], row["since"]
    return found


def person(agent_id: int) -> Person | None:
    """Return one person, None when nobody of that id works here."""
    return next(iter(persons(staff().filter(pk=agent_id))), None)


def _person(agent: Any, now: datetime) -> Person:
    connection = getattr(agent, "calendar_connection", None)
    calendars = list(connection.calendars.all()) if connection else []
    notices = sorted(agent.open_notices, key=lambda row: URGENCY.index(row.kind))
    return Person(agent, connection, now, calendars, notices)


def _push_counts(connections: Iterable[int]) -> Iterable[Any]:
    waiting, failed = Q(status=PushStatus.WAITING), Q(status=PushStatus.FAILED)
    rows = Push.objects.filter(waiting | failed, connection__in=list(connections)).order_by().values("connection")
    return rows.annotate(
        waiting=Count("pk", filter=waiting), failed=Count("pk", filter=failed), since=Min("created_at", filter=failed)
    )


def pushes_of(subject: Person) -> list[Push]:
    """Return what is still to be written to this person's Outlook, failed ones first."""
    if subject.connection is None:
        return []
    rows = Push.objects.filter(connection=subject.connection).exclude(status=PushStatus.DONE)
    return list(rows.select_related("appointment__lead", "appointment__listing").order_by("status", "pk")[:MOST_PUSHES])
