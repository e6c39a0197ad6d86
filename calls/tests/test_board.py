from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import redis
from django.conf import settings
from django.utils import timezone

from calls import board
from calls.board import Entry
from calls.models import Call
from calls.refold import project_many
from calls.tests.ledger import call, conversation, report

pytestmark = pytest.mark.django_db

A, B = UUID(int=1), UUID(int=2)


def entry(call_id: UUID, version: int = 1, *, leaves_at: datetime | None = None, **fields: Any) -> Entry:
    return Entry(call_id, version, {"id": str(call_id), "created_at": f"2027-0{call_id.int}", **fields}, leaves_at)


def shown() -> list[str]:
    return [shape["id"] for shape in board.snapshot()["calls"]]


def wipe() -> None:
    with redis.from_url(settings.REDIS_URL) as client:
        client.flushdb()


def test_a_snapshot_has_every_call_in_the_order_in_which_they_began():
    board.publish([entry(B), entry(A)])
    board.publish([entry(A, 2, phase="THINKING")])

    assert [(shape["id"], shape.get("phase")) for shape in board.snapshot()["calls"]] == [
        (str(A), "THINKING"),
        (str(B), None),
    ]


def test_the_sequence_number_grows_with_every_change_and_is_the_clock_s_at_first():
    before = time.time() * 1_000_000
    numbers = [board.publish([entry(A, version)]) for version in range(1, 6)]

    assert numbers == [numbers[0] + n for n in range(5)]
    assert abs(numbers[0] - before) < 60_000_000
    assert board.snapshot()["seq"] == numbers[-1]


def test_changes_since_a_number_are_those_after_it_each_call_once():
    board.snapshot()
    first = board.publish([entry(A), entry(B)])
    board.publish([entry(A, 2)])
    last = board.publish([entry(A, 3, phase="ENDED")])

    view = board.changes_since(first)

    assert (view.seq, view.is_gap) == (last, False)
    assert [(seq, shape["id"], shape["phase"]) for seq, shape in view.calls] == [(last, str(A), "ENDED")]
    assert board.changes_since(last).calls == []


def test_an_older_version_does_not_overwrite_a_newer_one():
    board.publish([entry(A, 5, phase="ENDED")])
    seq = board.publish([entry(A, 4, phase="THINKING")])

    assert board.snapshot() == {"seq": seq, "calls": [entry(A, phase="ENDED").shape]}


@pytest.mark.parametrize("seq", [0, 5, 2**52])
def test_a_number_the_board_never_gave_is_a_gap(seq):
    board.snapshot()
    board.publish([entry(A)])

    assert board.changes_since(seq).is_gap


def test_ended_calls_stay_until_their_time_and_then_leave():
    board.snapshot()
    now = timezone.now()
    board.publish([entry(A, leaves_at=now + timedelta(seconds=0.3)), entry(B, leaves_at=now + board.ENDED_STAYS)])
    assert shown() == [str(A), str(B)]

    time.sleep(0.4)
    assert board.drop_ended() == 1
    assert board.drop_ended() == 0
    assert shown() == [str(B)]


def test_a_call_that_has_left_does_not_come_back_with_a_late_message():
    board.snapshot()
    board.publish([entry(A, 7, leaves_at=timezone.now() - timedelta(seconds=1))])

    assert shown() == []


def test_a_call_that_goes_on_after_all_stays():
    board.snapshot()
    board.publish([entry(A, 1, leaves_at=timezone.now() + timedelta(seconds=0.2))])
    board.publish([entry(A, 2)])
    time.sleep(0.3)
    board.drop_ended()

    assert shown() == [str(A)]


def test_a_lost_board_is_filled_from_postgresql_and_its_number_still_grows():
    live, ended, over = call(), call(), call()
    for row in (live, ended, over):
        conversation(row)
    report(ended)
    report(over)
    project_many([live.pk, ended.pk, over.pk])
    Call.objects.filter(pk=over.pk).update(last_event_at=timezone.now() - timedelta(minutes=3))
    board.show(project_many([]).entries)
    before = board.snapshot()["seq"]

    wipe()

    after = board.snapshot()
    assert after["seq"] > before
    assert {shape["id"] for shape in after["calls"]} == {str(live.pk), str(ended.pk)}
    assert board.changes_since(before).is_gap
    # The first to notice may also be a writer.
    wipe()
    board.publish([entry(A)])
    assert {shape["id"] for shape in board.snapshot()["calls"]} == {str(live.pk), str(ended.pk), str(A)}


def test_without_valkey_the_snapshot_comes_from_postgresql(monkeypatch):
    row = call()
    conversation(row)
    project_many([row.pk])
    seq = board.snapshot()["seq"]
    monkeypatch.setattr(settings, "REDIS_URL", "redis://127.0.0.1:9/0")

    snapshot = board.snapshot()

    assert [shape["id"] for shape in snapshot["calls"]] == [str(row.pk)]
    assert snapshot["seq"] >= seq
    assert board.show([entry(A)]) is False


def test_an_ended_call_leaves_two_minutes_after_its_end_was_known():
    row = call()
    conversation(row)
    report(row)
    known_at = row.events.get(type="end-of-call-report").received_at

    (item,) = project_many([row.pk]).entries

    assert item.leaves_at == known_at + timedelta(minutes=2)
