"""A worker is killed with SIGKILL at every point of the protocol; the sweep finishes, with exactly one event."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connections

from calendar_sync import outbox, pushing, states, writing
from calendar_sync.graph import Graph
from calendar_sync.models import Push
from calendar_sync.sandbox import Fault, Kind
from calendar_sync.tests.conftest import ADA
from calendar_sync.tests.outbox.conftest import BOB, ELEVEN, HALF_HOUR, TEN, open_notices, reassign
from crm import booking
from crm.lead_editing import edit_lead

pytestmark = pytest.mark.django_db(transaction=True)

BEFORE, AFTER = "before", "after"


def killed(owner: Any, name: str, when: str, work: Callable[[], object]) -> None:
    """Do `work` in a process of its own, which kills itself before or after `owner.name` is called."""
    connections.close_all()
    pid = os.fork()
    if pid == 0:
        try:
            original = getattr(owner, name)

            def dying(*args: Any, **kwargs: Any) -> Any:
                if when == AFTER:
                    original(*args, **kwargs)
                os.kill(os.getpid(), signal.SIGKILL)

            setattr(owner, name, dying)
            work()
        finally:
            os._exit(1)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status)
    assert os.WTERMSIG(status) == signal.SIGKILL


def once_the_claim_has_run_out() -> int:
    assert pushing.push_due() == 0
    return pushing.push_due(datetime.now(TEN.tzinfo) + outbox.CLAIM + timedelta(seconds=1))


# In the order in which a worker passes them.
ANY = [
    (outbox, "claim", BEFORE),
    (outbox, "_job", AFTER),
    (outbox, "claim", AFTER),
    (writing, "carry_out", AFTER),
    (outbox, "finish", BEFORE),
    (states, "show", AFTER),
]
CREATE = [(Graph, "create_event", BEFORE), (Graph, "create_event", AFTER)]
CHANGE = [(Graph, "update_event", BEFORE), (Graph, "update_event", AFTER)]
REMOVE = [(Graph, "delete_event", BEFORE), (Graph, "delete_event", AFTER), (Graph, "get_event", AFTER)]


def finish_after(point: tuple[Any, str, str]) -> None:
    if point[0] is outbox and point[1] in ("claim", "_job") and (point[1], point[2]) != ("claim", AFTER):
        # Nothing was committed: the row is free.
        assert pushing.push_due() == 1
    else:
        assert once_the_claim_has_run_out() == 1


@pytest.mark.parametrize("point", ANY + CREATE)
def test_killed_while_creating(desk, point):
    appointment = desk.book()

    killed(*point, lambda: pushing.push_appointment(appointment.pk))
    assert desk.state(appointment)[0] == "pending"
    finish_after(point)

    assert desk.event().start == TEN
    assert desk.state(appointment) == ("synced", desk.event().id)


@pytest.mark.parametrize("point", ANY + CHANGE)
def test_killed_while_changing(desk, point):
    appointment = desk.booked()
    booking.reschedule(appointment.pk, starts_at=ELEVEN)

    killed(*point, lambda: pushing.push_appointment(appointment.pk))
    finish_after(point)

    assert (desk.event().start, desk.event().end) == (ELEVEN, ELEVEN + HALF_HOUR)
    assert desk.state(appointment) == ("synced", desk.event().id)
    assert desk.fresh(appointment).starts_at == ELEVEN


@pytest.mark.parametrize("point", ANY + REMOVE)
def test_killed_while_removing(desk, point):
    appointment = desk.booked()
    booking.cancel(appointment.pk)

    killed(*point, lambda: pushing.push_appointment(appointment.pk))
    finish_after(point)

    assert desk.events() == []
    assert desk.state(appointment) == ("synced", "")


@pytest.mark.parametrize("point", [*CREATE, *REMOVE, (outbox, "look_soon", BEFORE)])
def test_killed_while_moving_to_another_agent(desk, bob, point):
    appointment = desk.booked()
    reassign(appointment, bob)

    killed(*point, lambda: pushing.push_appointment(appointment.pk))
    pushing.push_due(datetime.now(TEN.tzinfo) + outbox.CLAIM + timedelta(seconds=1))

    assert desk.events() == []
    assert desk.state(appointment) == ("synced", desk.event(BOB).id)
    assert set(Push.objects.values_list("status", flat=True)) == {"done"}


@pytest.mark.parametrize(
    "point",
    [
        (Graph, "find_by_tag", BEFORE),
        (Graph, "find_by_tag", AFTER),
        (writing, "_next_generation", BEFORE),
        (writing, "_next_generation", AFTER),
    ],
)
def test_killed_while_looking_up_an_event_that_was_deleted_meanwhile(desk, point):
    desk.sandbox.faults.add(Fault(Kind.DROP, method="POST"))
    appointment = desk.book()
    pushing.push_due()
    desk.sandbox.outlook(ADA).delete(desk.event().id)
    Push.objects.update(next_attempt_at=datetime.now(TEN.tzinfo))

    killed(*point, lambda: pushing.push_appointment(appointment.pk))
    assert once_the_claim_has_run_out() == 1

    assert desk.state(appointment) == ("synced", desk.event().id)


def test_a_row_that_kills_every_worker_is_given_up_and_told(desk, monkeypatch):
    monkeypatch.setattr(outbox, "MOST_ATTEMPTS", 2)
    appointment = desk.book()
    for _ in range(2):
        Push.objects.update(claimed_until=None)
        killed(writing, "carry_out", BEFORE, lambda: pushing.push_appointment(appointment.pk))

    assert once_the_claim_has_run_out() == 0

    assert desk.state(appointment)[0] == "failed"
    assert [notice.kind for notice in open_notices()] == ["push_failed"]


@pytest.mark.parametrize("point", [(Graph, "get_event", BEFORE), (Graph, "get_event", AFTER), *CHANGE])
def test_killed_while_writing_other_words_the_agents_own_stay(desk, point):
    appointment = desk.booked()
    notes = f"{desk.event().fields['body']['content']}\nBring the second key."
    desk.sandbox.outlook(ADA).edit(desk.event().id, body={"contentType": "text", "content": notes})
    edit_lead(lead=desk.lead, values={"full_name": "Jane Smith"}, agent=desk.agent, actor="staff")

    killed(*point, lambda: pushing.push_appointment(appointment.pk))
    finish_after(point)

    body = desk.event().fields["body"]["content"]
    assert (body.count("Lead: Jane Smith"), body.count("Bring the second key.")) == (1, 1)
    assert "Jane Doe" not in body
