"""A stage change is committed as one row; the rows of its call and its tool call are made of that."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import msgspec
from asgiref.sync import sync_to_async

from calls import promotion, refold
from calls.models import Call, ToolCall, WebhookEvent, call_pk
from calls.stages import stage_store
from calls.tests.webhook.client import DoorClient, in_database, new_call, tool_call
from calls.webhook.decode import decode
from calls.webhook.door import door
from calls.webhook.rows import event_row


async def counted() -> tuple[int, int, int]:
    """Count without making any row."""
    return await sync_to_async(lambda: (WebhookEvent.objects.count(), Call.objects.count(), ToolCall.objects.count()))()


async def promote(call: str) -> None:
    await sync_to_async(promotion.promote)([call_pk(call)])


async def both(client: DoorClient, call: str, *asked: dict[str, Any]) -> list[str]:
    reply = await client.message("tool-calls", call, toolCallList=list(asked))
    return [result["result"] for result in reply.json()["results"]]


def moved(new_state: str, key: str, **context: Any) -> dict[str, Any]:
    return tool_call("update_system_prompt", {"new_state": new_state, "context": context}, key=key)


async def test_the_answer_waits_for_one_row_and_the_others_are_made_of_it(client):
    call = new_call()
    at = 1_795_000_000_000
    envelope = {
        "id": call,
        "type": "outboundPhoneCall",
        "assistantId": "asst-1",
        "customer": {"number": "+13125550142"},
    }
    asked = moved("BOOKING", "t1", budget=1800)
    body = {"message": {"type": "tool-calls", "timestamp": at, "call": envelope, "toolCallList": [asked]}}
    reply = await client.send(body)

    assert await counted() == (1, 0, 0)
    await promote(call)
    assert await counted() == (1, 1, 1)
    event = await in_database(WebhookEvent.objects.get)
    row = await in_database(Call.objects.get)
    assert (row.pk, row.vapi_id, row.direction) == (call_pk(call), call, "outbound")
    assert (row.customer_number, row.assistant_vapi_id) == ("+13125550142", "asst-1")
    assert row.created_at == row.last_event_at == event.received_at
    tool = await in_database(ToolCall.objects.get)
    assert (tool.call_id, tool.tool_call_id, tool.name) == (call_pk(call), "t1", "update_system_prompt")
    assert tool.fingerprint == UUID(bytes=decode(bytes(event.body)).tool_calls[0].fingerprint)
    assert (tool.arguments, tool.facts) == (asked["function"]["arguments"], {"budget": 1800})
    assert (tool.answer, tool.code, tool.stage, tool.at) == (reply.result, "", "BOOKING", event.at)
    (result,) = reply.json()["results"]
    assert tool.prompt == result["assistantOverride"]["model"]["messages"][0]["content"]


async def test_making_the_rows_twice_and_at_once_changes_nothing(client):
    calls = [new_call() for _ in range(5)]
    for call in calls:
        await client.stage(call, "BOOKING")
    making = sync_to_async(promotion.promote, thread_sensitive=False)
    await asyncio.gather(*(making([call_pk(call) for call in calls]) for _ in range(4)))
    made = await counted()
    await making([call_pk(call) for call in calls])

    assert made == await counted() == (5, 5, 5)


async def test_a_repetition_is_recognised_before_and_after_the_rows_are_made(client):
    call = new_call()
    first = await client.stage(call, "BOOKING", {"budget": 1800}, key="t1")
    await client.stage(call, "CONFIRMATION", {"budget": 2500}, key="t2")
    before = await client.stage(call, "BOOKING", {"budget": 1800}, key="t1")
    await promote(call)
    after = await client.stage(call, "BOOKING", {"budget": 1800}, key="t1")

    assert first.body == before.body == after.body
    assert await counted() == (2, 1, 2)


async def test_a_repetition_is_recognised_when_the_stage_state_is_lost_too(client):
    call = new_call()
    first = await client.stage(call, "BOOKING", {"budget": 1800}, key="t1")
    await client.stage(call, "CONFIRMATION", key="t2")
    await stage_store().forget(call_pk(call))
    again = await client.stage(call, "BOOKING", {"budget": 1800}, key="t1")
    back = await client.stage(call, "BOOKING", key="t3")

    assert again.body == first.body
    assert back.result.startswith("[stage_order] The stage stays CONFIRMATION")
    assert await in_database(ToolCall.objects.count) == 3


async def test_the_same_tool_call_acts_once_however_it_is_grouped(client):
    call = new_call()
    one, two = moved("BOOKING", "t1", budget=1500), moved("BOOKING", "t2", budget=2200)
    (first,) = await both(client, call, one)
    together = await both(client, call, one, two)
    await stage_store().forget(call_pk(call))
    # After this the store has forgotten on whom it has acted.
    await client.stage(call, "BOOKING", key="t3")
    (again,) = await both(client, call, two)

    assert together == [first, again]
    assert await in_database(ToolCall.objects.count) == 3
    assert (await stage_store().get(call_pk(call))).context == {"budget": 2200}


async def test_another_tool_comes_after_what_was_said_before(client):
    call = new_call()
    await client.stage(call, "BOOKING", {"budget": 1800})
    await client.tool(call, "search_rentals", {"max_rent": 2000})

    names = await sync_to_async(lambda: list(ToolCall.objects.order_by("pk").values_list("name", flat=True)))()
    assert names == ["update_system_prompt", "search_rentals"]


async def test_an_event_that_was_stored_without_an_answer_is_answered_when_it_comes_again(client):
    call = new_call()
    body = {"message": {"type": "tool-calls", "call": {"id": call}, "toolCallList": [moved("BOOKING", "t1")]}}
    raw = msgspec.json.encode(body)
    await door().inbox.commit(event_row(decode(raw)))
    reply = await client.send(raw)
    again = await client.send(raw)

    assert reply.result.startswith("The stage is now BOOKING")
    assert again.body == reply.body
    assert await counted() == (1, 1, 1)


async def test_a_call_that_was_deleted_comes_back_with_its_next_event(client):
    call = new_call()
    await client.message("status-update", call, status="in-progress")
    await sync_to_async(Call.objects.all().delete)()
    await client.message("speech-update", call, status="started", role="user")
    await client.stage(call, "BOOKING")
    await promote(call)

    assert await counted() == (2, 1, 1)


async def test_the_sweep_finds_a_call_that_has_no_row_yet(client):
    call = new_call()
    await client.stage(call, "BOOKING", {"budget": 1800})
    behind, _ = await sync_to_async(refold.stragglers)(0, 1000)
    await sync_to_async(refold.project_many)(behind)

    assert behind == [call_pk(call)]
    row = await sync_to_async(Call.objects.get)()
    assert (row.stage, row.context, row.projected_events) == ("BOOKING", {"budget": 1800}, 1)
    assert (await sync_to_async(refold.stragglers)(0, 1000))[0] == []
