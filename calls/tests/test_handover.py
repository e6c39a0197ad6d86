"""A caller wants a person: whom they get, and what happens when nobody is there."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta

import pytest
from asgiref.sync import sync_to_async
from django.db import connection
from django.utils import timezone

from calls import board, handover, presence, tile_changes
from calls.models import Assistant, Call, PersonRequest, Phase, Presence, ToolCall, WebhookEvent, call_pk
from calls.tests.webhook.client import DoorClient, envelope
from calls.tests.webhook.conftest import _secret, client, touched  # noqa: F401
from calls.tools.answers import Caller
from calls.tools.run import run_tool
from calls.webhook.decode import decode
from crm.models import EntryKind, Lead, Task, TaskKind, TimelineEntry
from crm.tests import factories

TRANSFER, HANDOFF = "transfer-destination-request", "handoff-destination-request"
# A Tuesday, 15:00 in Chicago.
NOON = datetime(2026, 6, 9, 20, tzinfo=UTC)


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """Stop the clock at an office hour; `clock.now` moves it."""

    class Clock:
        now = NOON

    monkeypatch.setattr(timezone, "now", lambda: Clock.now)
    return Clock


@pytest.fixture
def team(db):
    return factories.team()


@pytest.fixture
def riley(team):
    return Assistant.objects.create(vapi_id="asst-1", name="Riley", team=team)


def colleague(team=None, *, seen=NOON, takes_calls=True, **fields):
    values = {"team": team, "hours": (9, 17), "phone": f"+1312555{1000 + Presence.objects.count():04d}"} | fields
    row = factories.agent(**values)
    if seen is not None:
        Presence.objects.create(agent=row, seen_at=seen, takes_calls=takes_calls)
    return row


def request(kind=TRANSFER, vapi_id="call-1", *, at=NOON, assistant="asst-1", number="+13125550142"):
    Call.objects.get_or_create(id=call_pk(vapi_id), defaults={"vapi_id": vapi_id, "status": "in-progress"})
    fields = {"timestamp": int(at.timestamp() * 1000), "assistant": {"id": assistant}}
    message = envelope(kind, vapi_id, **fields) | {"customer": {"number": number}}
    message["call"]["customer"] = {"number": number}
    return decode(json.dumps({"message": message}).encode())


def ask(kind=TRANSFER, vapi_id="call-1", **fields):
    answers = {TRANSFER: handover.answer_transfer, HANDOFF: handover.answer_handoff}
    return answers[kind](request(kind, vapi_id, **fields))


def number_of(answer):
    return answer["destination"]["number"] if "destination" in answer else None


def test_a_caller_is_put_through_to_somebody_at_the_desk(team, riley):
    ana = colleague(team, full_name="Ana Soto")

    assert ask() == {
        "destination": {
            "type": "number",
            "number": ana.phone,
            "message": "I'm putting you through to Ana now. One moment, please.",
        }
    }
    assert Task.objects.count() == 0


@pytest.mark.parametrize(
    "absence",
    [
        {"seen": None},
        {"seen": NOON - presence.PRESENT_FOR},
        {"takes_calls": False},
        {"phone": ""},
        {"is_active": False},
        {"hours": (8, 15)},
        {"hours": (16, 20)},
        {"timezone": "Europe/Berlin"},
    ],
    ids=str,
)
def test_nobody_is_put_through_to_who_is_not_there(team, riley, absence):
    colleague(team, **absence)

    assert "error" in ask()


def test_nobody_is_put_through_to_another_team(team, riley):
    colleague(factories.team())

    assert "error" in ask()


def test_without_anybody_of_its_own_a_call_is_the_whole_offices(db):
    ana = colleague()

    assert number_of(ask()) == ana.phone


def test_the_office_is_closed_on_a_closure(team, riley):
    colleague(team)
    factories.closure(NOON.date())

    assert "error" in ask()


@pytest.mark.parametrize("occupied", ["viewing", "busy", "talking"])
def test_who_is_occupied_is_not_disturbed(team, riley, occupied):
    ana = colleague(team)
    if occupied == "viewing":
        factories.appointment(ana, factories.listing(ana), NOON - timedelta(minutes=10))
    elif occupied == "busy":
        factories.busy_time(ana, NOON - timedelta(minutes=10), NOON + timedelta(minutes=10))
    else:
        assert number_of(ask(vapi_id="call-0")) == ana.phone

    assert "error" in ask()


def test_who_has_finished_talking_is_free_again(team, riley):
    ana = colleague(team)
    ask(vapi_id="call-0")
    Call.objects.filter(vapi_id="call-0").update(phase=Phase.ENDED)

    assert number_of(ask()) == ana.phone


def test_who_has_no_hours_shares_the_teams(team, riley, clock):
    head = colleague(team, hours=None)
    colleague(team, seen=None)

    assert number_of(ask()) == head.phone
    clock.now = NOON + timedelta(hours=4)
    Presence.objects.update(seen_at=clock.now)
    assert "error" in ask(vapi_id="call-2")


def test_the_closest_person_is_asked_first(team, riley):
    rest, shows, own, owner = (colleague(team) for _ in range(4))
    riley.agent, riley.listing = own, factories.listing(shows)
    riley.save()
    factories.lead(phone="+13125550142", owner=owner)

    chosen = [number_of(ask(vapi_id=f"call-{n}", number="+13125550142")) for n in range(4)]

    assert chosen == [owner.phone, own.phone, shows.phone, rest.phone]


def test_calls_go_round(team, riley, clock):
    first, second = colleague(team), colleague(team)
    assert number_of(ask(vapi_id="call-1")) == first.phone
    Call.objects.update(phase=Phase.ENDED)
    clock.now += timedelta(minutes=1)

    assert number_of(ask(vapi_id="call-2")) == second.phone


def test_the_same_delivery_gets_the_same_answer(team, riley):
    colleague(team)
    first = ask()
    colleague(team)

    assert ask() == first
    assert PersonRequest.objects.count() == 1


def test_asking_again_is_another_question(team, riley, clock):
    ana, ben = colleague(team), colleague(team)
    asked = [number_of(ask(at=NOON)), number_of(ask(at=NOON + timedelta(seconds=40)))]

    assert asked == [ana.phone, ben.phone]
    assert PersonRequest.objects.get().asked_at == NOON


# Nobody is there.


def test_a_colleague_calls_back_with_a_brief(team, riley):
    home = factories.listing(address="12 Oak Street", unit="4B")
    riley.listing = home
    riley.save()
    message = request()
    facts = {"full_name": "Maria Delgado", "budget": 1800, "bedrooms": 2, "appointment_id": 7}
    call = Call.objects.get()
    ToolCall.objects.create(call=call, tool_call_id="t", fingerprint=call.pk, name="save_lead", facts=facts)
    Call.objects.update(transcript=[{"role": "user", "text": "Can I talk to a human?", "at": ""}])

    answer = handover.answer_transfer(message)

    task = Task.objects.get()
    assert answer["error"].startswith("Nobody can take the call right now, but I have asked a colleague to call you")
    assert (task.kind, task.lead.phone, task.call_id) == (TaskKind.CALLBACK, "+13125550142", call.pk)
    assert task.text == (
        "Call back: Maria Delgado, +13125550142 asked for a person and nobody was free. Home: 12 Oak Street, 4B. "
        "Wants: budget $1,800 a month, bedrooms 2. Last words: “Can I talk to a human?”"
    )
    assert TimelineEntry.objects.filter(kind=EntryKind.TASK).count() == 1


def test_during_office_hours_somebody_calls_back_soon(team, riley):
    colleague(team, seen=None)

    assert ask()["error"].endswith("call you back as soon as possible.")
    assert Task.objects.get().due_at == NOON + timedelta(minutes=15)


def test_after_hours_somebody_calls_back_when_the_team_is_there_again(team, riley, clock):
    colleague(team, hours=(9, 17))
    clock.now = NOON + timedelta(hours=5)
    factories.closure(NOON.date() + timedelta(days=1))

    assert ask()["error"].endswith("call you back Thursday 11 June at 9 AM, in 2 days.")
    assert Task.objects.get().due_at == datetime(2026, 6, 11, 14, tzinfo=UTC)


def test_a_withheld_number_is_asked_for(team, riley):
    assert ask(number="")["error"].endswith("on which number?")
    assert Task.objects.get().lead.full_name in ("", "Unknown caller")


def test_one_callback_however_often_it_is_asked(team, riley):
    for second in range(3):
        ask(at=NOON + timedelta(seconds=second))
    ask(HANDOFF, at=NOON + timedelta(seconds=9))

    assert (Task.objects.count(), Lead.objects.count()) == (1, 1)


def test_the_tools_callback_is_enough(team, riley):
    message = request()
    call = Call.objects.get()
    caller = Caller(call.pk, call.vapi_id, "+13125550142", None, {}, NOON)
    run_tool("request_callback", {"reason": "about the deposit"}, caller)
    handover.answer_transfer(message)
    run_tool("request_callback", {}, caller)

    assert [task.text for task in Task.objects.all()] == ["Call back: about the deposit"]


def test_after_the_end_nothing_is_promised(team, riley):
    message = request()
    Call.objects.update(phase=Phase.ENDED)

    assert handover.answer_transfer(message) == {"error": handover.NOBODY}
    assert (Task.objects.count(), PersonRequest.objects.count()) == (0, 0)


def test_a_request_without_a_call_creates_nothing(db):
    message = decode(json.dumps({"message": {"type": TRANSFER}}).encode())

    assert handover.answer_transfer(message) == {"error": handover.NOBODY}
    assert (Task.objects.count(), Call.objects.count()) == (0, 0)


# Handing over to another assistant.


def test_a_call_is_handed_to_the_assistant_of_somebody_who_is_there(team, riley):
    ana = colleague(team)
    Assistant.objects.create(vapi_id="asst-ana", name="Ana's", agent=ana)

    assert ask(HANDOFF) == {"destination": {"type": "assistant", "assistantId": "asst-ana"}}
    assert Task.objects.count() == 0


def test_a_call_is_not_handed_to_the_assistant_it_has_or_one_that_is_off(team, riley):
    ana = colleague(team)
    riley.agent = ana
    riley.save()
    Assistant.objects.create(vapi_id="asst-off", name="Off", agent=ana, is_active=False)

    assert "error" in ask(HANDOFF)
    assert Task.objects.count() == 1


# What the board shows.


def shown(vapi_id="call-1"):
    tile_changes.show(call_pk(vapi_id))
    return next(call for call in board.snapshot()["calls"] if call["vapi_id"] == vapi_id)["waiting_for_person"]


def test_a_call_that_waits_for_a_person_is_seen(team, riley, clock):
    ask()
    assert shown() == {"since": NOON.isoformat(), "state": "callback", "agent": None, "name": ""}

    ana = colleague(team, full_name="Ana Soto")
    ask(at=NOON + timedelta(seconds=30))
    assert shown() == {"since": NOON.isoformat(), "state": "transfer", "agent": ana.pk, "name": "Ana Soto"}


def test_a_call_in_another_assistants_hands_waits_no_longer(team, riley):
    Assistant.objects.create(vapi_id="asst-ana", name="Ana's", agent=colleague(team))
    ask(HANDOFF)

    assert shown() is None


# Through the door, and at the same moment.


async def test_the_door_answers_and_keeps_the_question(client: DoorClient):  # noqa: F811
    reply = await client.message(TRANSFER, "call-1")

    assert reply.status == 200
    assert set(reply.json()) == {"error"}

    def kept():
        return Task.objects.count(), WebhookEvent.objects.filter(type=TRANSFER).count()

    assert await sync_to_async(kept)() == (1, 1)
    assert (await client.message(HANDOFF, "call-2")).json().keys() == {"error"}


@pytest.mark.django_db(transaction=True)
def test_two_callers_at_once_get_two_people():
    team = factories.team()
    Assistant.objects.create(vapi_id="asst-1", name="Riley", team=team)
    for _ in range(3):
        colleague(team)
    messages = [request(vapi_id=f"call-{n}") for n in range(5)]

    answers = at_once(messages)

    numbers = [number_of(answer) for answer in answers]
    assert sorted(number for number in numbers if number) == sorted({n for n in numbers if n})
    assert (numbers.count(None), Task.objects.count()) == (2, 2)


@pytest.mark.django_db(transaction=True)
def test_one_request_delivered_many_times_at_once_makes_one_callback():
    messages = [request() for _ in range(5)]

    answers = at_once(messages)

    assert all(answer == answers[0] for answer in answers)
    assert (Task.objects.count(), Lead.objects.count()) == (1, 1)


def at_once(messages):
    start, answers = threading.Barrier(len(messages)), []

    def run(message):
        start.wait()
        try:
            answers.append(handover.answer_transfer(message))
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(message,)) for message in messages]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers
