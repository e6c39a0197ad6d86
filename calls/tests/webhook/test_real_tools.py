"""The tools as Vapi calls them: stored once, answered for ever, in time whatever happens."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection

from calls.models import ToolCall
from calls.stages import stage_store
from calls.tests.webhook.client import DoorClient, in_database, new_call, tool_call
from calls.tools import Answer, registry
from calls.webhook import tools
from crm.models import Appointment, Lead, Listing, Task
from crm.tests import factories

CHICAGO = ZoneInfo("America/Chicago")
CALLER = "+13125550142"
SAID = {"start_time": "Thursday at three", "attendee_name": "Jane Roe"}


@pytest.fixture
def home(transactional_db: None) -> Listing:
    return factories.listing(factories.agent(hours=(9, 17)), address="412 Oak Street")


def rows(model: Any) -> int:
    return model.objects.count()


async def test_a_viewing_is_booked_and_the_call_remembers_it(client: DoorClient, home: Listing) -> None:
    call = new_call()

    reply = await client.tool(call, "set_appointment", SAID)

    viewing = await in_database(Appointment.objects.select_related("lead").get)
    local = viewing.starts_at.astimezone(CHICAGO)
    assert reply.result.startswith(f"Booked: Thursday {local.day} {local:%B} at 3 PM")
    assert (viewing.status, viewing.lead.phone) == ("booked", CALLER)
    row = await in_database(ToolCall.objects.get)
    assert (row.name, row.answer, row.code) == ("set_appointment", reply.result, "")
    state = await stage_store().get(row.call_id)
    assert state is not None
    assert state.context["appointment_id"] == viewing.pk == row.facts["appointment_id"]
    assert state.context["selected_time"] == f"Thursday {local.day} {local:%B} at 3 PM"


async def test_a_repetition_gets_the_same_answer_and_acts_once(client: DoorClient, home: Listing) -> None:
    call = new_call()
    first = await client.tool(call, "set_appointment", SAID, key="tc-1")

    again = await client.tool(call, "set_appointment", dict(reversed(SAID.items())), key="tc-1")

    assert again.result == first.result
    assert await in_database(rows, Appointment) == 1


async def test_a_refusal_is_an_answer_for_ever_too(client: DoorClient, home: Listing) -> None:
    call, wish = new_call(), {"event_id": "1"}
    first = await client.tool(call, "cancel_appointment", wish, key="tc-1")
    await client.tool(call, "set_appointment", SAID)

    again = await client.tool(call, "cancel_appointment", wish, key="tc-1")

    assert first.result.startswith("[no_viewing] ")
    assert again.result == first.result
    assert await in_database(lambda: ToolCall.objects.get(tool_call_id="tc-1").code) == "no_viewing"


async def test_the_same_id_with_other_arguments_is_another_call(client: DoorClient, home: Listing) -> None:
    call = new_call()
    await client.tool(call, "set_appointment", SAID, key="tc-1")

    other = await client.tool(call, "set_appointment", SAID | {"start_time": "Friday at three"}, key="tc-1")

    assert other.result.startswith("Booked: Friday")
    assert await in_database(rows, Appointment) == 2


async def test_twins_at_the_same_time_act_once(client: DoorClient, home: Listing) -> None:
    call = new_call()

    replies = await asyncio.gather(*(client.tool(call, "set_appointment", SAID, key="tc-1") for _ in range(6)))

    assert len({reply.result for reply in replies}) == 1
    assert replies[0].result.startswith("Booked: ")
    assert await in_database(rows, Appointment) == 1
    assert await in_database(rows, ToolCall) == 1


async def test_two_callers_for_one_slot_are_one_booking_and_one_refusal(client: DoorClient, home: Listing) -> None:
    replies = await asyncio.gather(*(client.tool(new_call(), "set_appointment", SAID) for _ in range(2)))

    first, second = sorted(reply.result for reply in replies)
    assert first.startswith("Booked: ")
    # Both calls come from one number, so the second finds the caller's own viewing or the slot gone.
    assert second.startswith(("That viewing is booked already", "[slot_taken]"))
    assert await in_database(rows, Appointment) == 1
    assert await in_database(rows, Lead) == 1


async def test_two_tools_in_one_message_are_both_answered_in_order(client: DoorClient, home: Listing) -> None:
    calls = [tool_call("search_rentals", {}, key="a"), tool_call("set_appointment", SAID, key="b")]

    reply = await client.message("tool-calls", new_call(), toolCallList=calls)

    results = reply.json()["results"]
    assert [(each["toolCallId"], each["name"]) for each in results] == [
        ("a", "search_rentals"),
        ("b", "set_appointment"),
    ]
    assert results[0]["result"].startswith("1 home fits")
    assert results[1]["result"].startswith("Booked: ")


async def test_a_tool_after_the_end_is_answered_and_moves_nothing(client: DoorClient, home: Listing) -> None:
    call = new_call()
    await client.stage(call, "BOOKING")
    await client.message("status-update", call, status="ended")

    reply = await client.tool(call, "get_availability", {})

    assert reply.result.startswith("Free to see 412 Oak Street")
    assert await in_database(lambda: set(ToolCall.objects.values_list("stage", flat=True))) == {"BOOKING"}


async def test_without_a_call_reading_works_and_writing_refuses(client: DoorClient, home: Listing) -> None:
    calls = [tool_call("search_rentals", {}, key="a"), tool_call("set_appointment", SAID, key="b")]

    reply = await client.message("tool-calls", None, toolCallList=calls)

    read, written = (each["result"] for each in reply.json()["results"])
    assert read.startswith("1 home fits")
    assert written.startswith("[failed] ")
    assert [await in_database(rows, model) for model in (Appointment, ToolCall, Lead, Task)] == [0, 0, 0, 0]


@pytest.fixture
def replaced(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let a function stand in for what search_rentals does."""

    def replace(function: Any) -> None:
        tool = registry["search_rentals"]
        monkeypatch.setitem(registry, "search_rentals", tool.__class__(**{**tool.__dict__, "function": function}))

    return replace


async def failed_politely(client: DoorClient) -> None:
    call = new_call()
    started = time.monotonic()

    reply = await client.tool(call, "search_rentals", {}, key="tc-1")

    assert time.monotonic() - started < tools.BUDGET_SECONDS + 1
    assert reply.status == 200
    assert reply.result.startswith("[failed] ")
    await asyncio.sleep(0.5)  # the thread stores what was said
    again = await client.tool(call, "search_rentals", {}, key="tc-1")
    assert again.result == reply.result
    task = await in_database(Task.objects.select_related("lead").get)
    assert (task.kind, task.lead.phone, task.call_id) == (
        "callback",
        CALLER,
        (await in_database(ToolCall.objects.get)).call_id,
    )


async def test_a_tool_that_postgresql_refuses_answers_and_asks_for_a_callback(
    client: DoorClient, replaced: Any
) -> None:
    def divide_by_zero(*args: Any, **kwargs: Any) -> Answer:
        Lead.objects.create(full_name="Never")
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")
        return Answer("never")

    replaced(divide_by_zero)

    await failed_politely(client)
    assert not await in_database(Lead.objects.filter(full_name="Never").exists)


async def test_a_tool_with_a_bug_answers_and_asks_for_a_callback(client: DoorClient, replaced: Any) -> None:
    def stumble(*args: Any, **kwargs: Any) -> Answer:
        raise ZeroDivisionError

    replaced(stumble)

    await failed_politely(client)


async def test_a_tool_that_waits_for_postgresql_too_long_leaves_nothing_behind(
    client: DoorClient, replaced: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wait(*args: Any, **kwargs: Any) -> Answer:
        Lead.objects.create(full_name="Never")
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(30)")
        return Answer("never")

    replaced(wait)
    monkeypatch.setattr(tools, "BUDGET_SECONDS", 0.5)

    await failed_politely(client)
    assert not await in_database(Lead.objects.filter(full_name="Never").exists)


async def test_a_tool_that_hangs_in_python_is_rolled_back(
    client: DoorClient, replaced: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()

    def hang(*args: Any, **kwargs: Any) -> Answer:
        Lead.objects.create(full_name="Never")
        go_on.wait(0.8)
        return Answer("too late")

    replaced(hang)
    monkeypatch.setattr(tools, "BUDGET_SECONDS", 0.5)

    await failed_politely(client)
    assert not await in_database(Lead.objects.filter(full_name="Never").exists)


async def test_a_locked_row_does_not_keep_the_caller_waiting(
    client: DoorClient, home: Listing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tools, "BUDGET_SECONDS", 0.5)
    locked, release = threading.Event(), threading.Event()

    def hold_the_agents() -> None:
        from django.db import transaction

        from crm.models import Agent

        try:
            with transaction.atomic():
                list(Agent.objects.select_for_update())
                locked.set()
                release.wait(5)
        finally:
            connection.close()

    thread = threading.Thread(target=hold_the_agents)
    thread.start()
    await asyncio.to_thread(locked.wait, 5)
    try:
        reply = await client.tool(new_call(), "set_appointment", SAID)
    finally:
        release.set()
        thread.join()

    assert reply.result.startswith("[failed] ")
    await asyncio.sleep(0.3)
    assert await in_database(rows, Appointment) == 0
    assert await in_database(rows, Task) == 1


async def test_the_calls_own_clock_is_the_messages(client: DoorClient, home: Listing) -> None:
    now = datetime.now(CHICAGO)
    long_ago = int(datetime(2019, 1, 1, tzinfo=CHICAGO).timestamp() * 1000)
    calls = [tool_call("set_appointment", SAID | {"start_time": "tomorrow at noon"})]

    reply = await client.message("tool-calls", new_call(), timestamp=long_ago, toolCallList=calls)

    assert reply.result.startswith("Booked: ")
    viewing = await in_database(Appointment.objects.get)
    assert (viewing.starts_at.astimezone(CHICAGO).date() - now.date()).days == 1
