"""The rules of availability once more, minute by minute, slow and with nothing clever: what the query must agree with.

A world is plain values; `build` writes it into the database, `verdicts` says what must come out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from crm.models import Agent, Appointment, BusyTime, Closure, Lead, Listing, WorkingHours
from crm.tests import factories as make

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Person:
    """One agent. `hours` are (weekday, start minute, end minute)."""

    zone: str
    hours: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True)
class Promise:
    """A live appointment or a hold of agent number `person`, at the home asked for or elsewhere."""

    person: int
    starts_at: datetime
    minutes: int
    before: int
    after: int
    here: bool
    # None: booked.
    expires_at: datetime | None

    @property
    def ends_at(self) -> datetime:
        return self.starts_at + self.minutes * MINUTE


@dataclass(frozen=True)
class World:
    """Everything the rules look at."""

    now: datetime
    start: datetime
    end: datetime
    office: ZoneInfo
    people: tuple[Person, ...]
    busy: tuple[tuple[int, datetime, datetime], ...]
    promises: tuple[Promise, ...]
    closures: tuple[tuple[date, date], ...]
    length: int
    step: int
    before: int
    after: int
    notice: int
    horizon: int
    cap: int | None
    stacked: bool
    # Whether slots of the home are asked for, or of agents only.
    with_listing: bool = True
    agents: list[Agent] = field(default_factory=list, compare=False)


def build(world: World) -> Listing:
    """Write the world into the database; the listing overrides the office's rules, which are others."""
    make.office(slot_step_minutes=world.step, daily_cap=world.cap, **_rules(world, differ=world.with_listing))
    world.agents[:] = [make.agent(timezone=person.zone) for person in world.people]
    own = _rules(world) if world.with_listing else {}
    home = make.listing(*world.agents, allows_stacked_viewings=world.stacked, **own)
    elsewhere = make.listing(*world.agents, allows_stacked_viewings=True)
    someone = make.lead()
    WorkingHours.objects.bulk_create(
        WorkingHours(agent=agent, weekday=weekday, start_minute=first, end_minute=last)
        for agent, person in zip(world.agents, world.people, strict=True)
        for weekday, first, last in person.hours
    )
    BusyTime.objects.bulk_create(
        BusyTime(agent=world.agents[person], starts_at=first, ends_at=last) for person, first, last in world.busy
    )
    Closure.objects.bulk_create(Closure(starts_on=first, ends_on=last) for first, last in world.closures)
    Appointment.objects.bulk_create(
        _appointment(world, promise, home if promise.here else elsewhere, someone) for promise in world.promises
    )
    return home


def _rules(world: World, *, differ: bool = False) -> dict[str, int]:
    rules = {
        "viewing_minutes": world.length,
        "buffer_before_minutes": world.before,
        "buffer_after_minutes": world.after,
        "minimum_notice_minutes": world.notice,
        "horizon_days": world.horizon,
    }
    return {name: value + 7 for name, value in rules.items()} if differ else rules


def _appointment(world: World, promise: Promise, home: Listing, someone: Lead) -> Appointment:
    return make.new_appointment(
        world.agents[promise.person],
        home,
        promise.starts_at,
        lead=someone,
        ends_at=promise.ends_at,
        buffer_before_minutes=promise.before,
        buffer_after_minutes=promise.after,
        status="booked" if promise.expires_at is None else "held",
        expires_at=promise.expires_at,
    )


def verdicts(world: World) -> list[tuple[datetime, int, str | None]]:
    """Return (start, agent id, rule) of every step in the window, by start, then agent."""
    found = [
        (start, world.agents[number].pk, verdict(world, number, start))
        for number, person in enumerate(world.people)
        for start in _minutes(world.start, world.end)
        if start.astimezone(ZoneInfo(person.zone)).minute % world.step == 0
    ]
    return sorted(found, key=lambda row: row[:2])


def verdict(world: World, number: int, s: datetime) -> str | None:
    """Return the first rule that keeps agent `number` from beginning a viewing at `s`."""
    e = s + world.length * MINUTE
    tz = ZoneInfo(world.people[number].zone)
    busy = [(first, last) for person, first, last in world.busy if person == number]
    live = [p for p in world.promises if p.expires_at is None or p.expires_at > world.now]
    own = [p for p in live if p.person == number]
    in_the_way = own + [p for p in live if p.here and world.with_listing and not world.stacked]
    day = Counter(p.starts_at.astimezone(tz).date() for p in own)[s.astimezone(tz).date()]
    checks = {
        "outside_hours": not all(_is_open(world.people[number], m.astimezone(tz)) for m in _minutes(s, e)),
        "closure": any(
            first <= m.astimezone(world.office).date() <= last for m in _minutes(s, e) for first, last in world.closures
        ),
        "busy": any(first < e and s < last for first, last in busy),
        "appointment": any(p.starts_at < e and s < p.ends_at for p in in_the_way if p.expires_at is None),
        "hold": any(p.starts_at < e and s < p.ends_at for p in in_the_way if p.expires_at is not None),
        "buffer": any(not _apart(s, e, first, last, world, 0, 0) for first, last in busy)
        or any(not _apart(s, e, p.starts_at, p.ends_at, world, p.before, p.after) for p in own),
        "minimum_notice": s <= world.now + world.notice * MINUTE,
        "horizon": s >= world.now + world.horizon * timedelta(hours=24),
        "daily_cap": world.cap is not None and day >= world.cap,
    }
    return next((rule for rule, closed in checks.items() if closed), None)


def _apart(s: datetime, e: datetime, first: datetime, last: datetime, world: World, before: int, after: int) -> bool:
    """Whether [s, e) and its neighbour [first, last) keep the larger of the two buffers between them."""
    if e <= first:
        return first - e >= max(world.after, before) * MINUTE
    return s - last >= max(world.before, after) * MINUTE


def _is_open(person: Person, local: datetime) -> bool:
    minute = local.hour * 60 + local.minute
    return any(weekday == local.weekday() and first <= minute < last for weekday, first, last in person.hours)


def _minutes(start: datetime, end: datetime) -> Iterator[datetime]:
    """Yield the whole minutes of [start, end)."""
    minute = start.astimezone(UTC).replace(second=0, microsecond=0)
    if minute < start:
        minute += MINUTE
    while minute < end:
        yield minute
        minute += MINUTE
