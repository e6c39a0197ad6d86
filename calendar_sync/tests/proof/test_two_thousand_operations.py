"""Two thousand random operations on both sides, over twenty agents, while all goes wrong that can; then both agree.

Six hundred of them in every run of the suite, which has minutes; PETE_PROOF_OPERATIONS=2000 is the whole proof, which
must also have been wild enough. PETE_PROOF_SEED chooses another run. The same seed gives the same run on the same day.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from calendar_sync.models import EventLink, Notice, NoticeKind, Push
from calendar_sync.tests import factories
from calendar_sync.tests.proof import checks, disclosure, office
from calendar_sync.tests.proof.days import Days
from calendar_sync.tests.proof.office import Office
from crm.models import Appointment, BusyTime

SEED = int(os.environ.get("PETE_PROOF_SEED", "20261121"))
OPERATIONS = int(os.environ.get("PETE_PROOF_OPERATIONS", "600"))
AGENTS = 20


@pytest.mark.django_db(transaction=True)
def test_two_thousand_operations(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    how = f"PETE_PROOF_SEED={SEED} PETE_PROOF_OPERATIONS={OPERATIONS}"
    settings.TOKEN_ENCRYPTION_KEYS = [f"key-of-the-proof-{SEED}-x7Lk0ZpVb3nYc6Hd"]
    desk = office.build(monkeypatch, settings, seed=SEED, secret=f"secret-of-the-proof-{SEED}-Qz8wX2eR5")
    with disclosure.listening() as log:
        desk.hire(AGENTS)
        days = Days(desk, chance=0.06)
        days.go(OPERATIONS)
        desk.settle()
        # The night's comparison finds nothing: what is said to agree does so without any repair.
        assert desk.drifts() == [], how
        pages = list(shown(desk))

    assert checks.everything(desk, days.ledger) == [], how
    assert log.bugs == [], how
    secrets = [
        *desk.sandbox.entra.secrets_issued(),
        *settings.TOKEN_ENCRYPTION_KEYS,
        settings.MS_CLIENT_SECRET,
    ]
    for place in (log.lines, disclosure.stored(), disclosure.in_valkey(), pages):
        assert disclosure.found(secrets, place) == [], how
    if OPERATIONS >= 1000:
        happened(desk, days)


def shown(desk: Office) -> Iterator[str]:
    """Yield what people and programs are told of everybody's connections."""
    for agent in desk.agents:
        client = desk.clients[agent.pk]
        for path in (f"/users/{agent.pk}/calendar", f"/calendar/auth/status?user_id={agent.pk}"):
            answer = client.get(path)
            assert answer.status_code == 200, path
            yield answer.content.decode()
    yield client.get("/users").content.decode()


def happened(desk: Office, days: Days) -> None:
    """Fail when the run was too tame to prove anything."""
    faults, done = desk.wire.faults, days.done
    assert done.total() >= OPERATIONS
    assert len(done) == len(days.in_pete) + len(days.in_outlook), done
    assert len(faults) > 18, faults
    assert min(faults[kind] for kind in ("drop", "unavailable_after", "throttled", "token_expired", "html")) > 2, faults
    assert {refusal.split(": ")[1] for refusal in days.refused} >= {"slot_taken"}
    certain = days.ledger.certainty()
    assert certain["exact"] + certain["follows"] > 0.8 * certain.total(), certain
    assert Appointment.objects.filter(cancel_reason__startswith="Deleted in Outlook").count() > 10
    assert Notice.objects.filter(kind=NoticeKind.MOVED).count() > 5
    assert Notice.objects.filter(kind=NoticeKind.CLASH).count() > 5
    assert Notice.objects.filter(kind=NoticeKind.CONNECTION).count() > 2


# --- The checks can fail ---------------------------------------------------------------------------------------------


@pytest.fixture
def agreed(db: None, monkeypatch: pytest.MonkeyPatch, settings: Any) -> tuple[Office, Days]:
    """Three agents after a few quiet operations; both sides agree."""
    desk = office.build(monkeypatch, settings, seed=7)
    desk.hire(3)
    desk.settle()
    days = Days(desk, chance=0.0)
    while Appointment.objects.filter(status="booked").count() < 6:
        days.book()
    for _ in range(6):
        days.create_foreign()
    desk.settle()
    assert desk.drifts() == checks.everything(desk, days.ledger) == []
    return desk, days


def _own(desk: Office) -> Any:
    return next(checks.own_events(desk))


def _agent(desk: Office) -> Any:
    return desk.outlook(_own(desk)[0])


def _twice(desk: Office) -> None:
    outlook, event = _agent(desk), _own(desk)[1]
    tag = [{"id": name, "value": value} for name, value in event.properties.items()]
    outlook.create("x", event.start, event.end, singleValueExtendedProperties=tag, transactionId=event.transaction_id)


def _lose(desk: Office) -> None:
    row = Appointment.objects.filter(status="booked").latest("pk")
    Push.objects.filter(appointment=row).delete()
    EventLink.objects.filter(appointment=row).delete()
    row.requests.all().delete()
    row.delete()


BREAKAGES: dict[str, Callable[[Office], object]] = {
    "an event is missing": lambda desk: _agent(desk).delete(_own(desk)[1].id),
    "an event is moved": lambda desk: _agent(desk).move(_own(desk)[1].id, _own(desk)[1].start + timedelta(minutes=5)),
    "an event is there twice": _twice,
    "an event is another version": lambda desk: _agent(desk).touch(_own(desk)[1].id),
    "a viewing is lost": _lose,
    "a viewing is cancelled by nobody": lambda desk: Appointment.objects.filter(
        pk=Appointment.objects.filter(status="booked").first().pk  # type: ignore[union-attr]
    ).update(status="cancelled"),
    "a viewing says it is pending": lambda desk: Appointment.objects.filter(status="booked").update(
        calendar_state="pending"
    ),
    "a viewing names no event": lambda desk: Appointment.objects.filter(status="booked").update(external_id=""),
    "a busy time is missing": lambda desk: factories.busy_times().filter(pk=factories.busy_times().first().pk).delete(),  # type: ignore[union-attr]
    "a busy time is too much": lambda desk: BusyTime.objects.create(
        agent=desk.agents[0], starts_at=desk.now, ends_at=desk.now + timedelta(hours=1)
    ),
    "a notice has no cause": lambda desk: Notice.objects.create(
        agent=desk.agents[0], kind=NoticeKind.UNREADABLE, key="x", text="x"
    ),
}


@pytest.mark.parametrize("name", BREAKAGES)
def test_the_checks_find_what_is_wrong(agreed, name):
    desk, days = agreed
    BREAKAGES[name](desk)
    assert checks.everything(desk, days.ledger) != []


def test_double_bookings_are_found_in_outlook(agreed):
    desk, _ = agreed
    assert checks.nothing_is_double_booked(desk) == []
    _twice(desk)
    assert len(checks.nothing_is_double_booked(desk)) == 1
    assert len(checks.nothing_is_there_twice(desk)) == 2
