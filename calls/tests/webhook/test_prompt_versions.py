"""Which version of a prompt went with an answer is committed with that answer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from calls.models import Assistant, PromptUse, StagePrompt, ToolCall, call_pk
from calls.stages import prompts, uses
from calls.tests.webhook.client import DoorClient, in_database, tool_call


@pytest.fixture
def written(transactional_db: None) -> Any:
    """The office's prompt for booking, and Oak's own."""
    oak = Assistant.objects.create(vapi_id="asst-oak", name="Oak")
    office = StagePrompt.objects.create(stage="BOOKING", version=70, text="Office {{budget}}")
    own = StagePrompt.objects.create(stage="BOOKING", version=1, text="Oak {{budget}}", assistant=oak)
    prompts.refresh()
    yield office, own
    prompts.install({})


def spoken() -> list[tuple[str, int | None, str]]:
    rows = ToolCall.objects.order_by("call__vapi_id", "pk")
    return list(rows.values_list("call__vapi_id", "stage_prompt", "prompt"))


async def test_the_version_is_on_the_tool_call(client: DoorClient, written: Any) -> None:
    office, own = written
    asked = [tool_call("update_system_prompt", {"new_state": "BOOKING", "context": {"budget": 2000}})]
    await client.stage("c1", "BOOKING", {"budget": 2000})
    call = {"id": "c2", "assistantId": "asst-oak"}
    await client.send({"message": {"type": "tool-calls", "call": call, "toolCallList": asked}})
    # A refusal speaks no prompt.
    await client.stage("c3", "CONFIRMATION")

    assert await in_database(spoken) == [
        ("c1", office.pk, "Office 2,000"),
        ("c2", own.pk, "Oak 2,000"),
        ("c3", None, ""),
    ]


async def test_a_version_that_is_gone_by_then_does_not_refuse_the_answer(client: DoorClient, written: Any) -> None:
    office, _ = written
    await sync_to_async(StagePrompt.objects.filter(pk=office.pk).delete)()

    reply = await client.stage("c1", "BOOKING")

    assert reply.status == 200
    assert "The stage is now BOOKING" in reply.result
    assert await in_database(spoken) == [("c1", office.pk, "Office not known yet")]


async def test_a_whole_assistant_speaks_the_first_prompt(client: DoorClient, written: Any) -> None:
    first = await StagePrompt.objects.acreate(stage="QUALIFICATION", version=70, text="Hello {{budget}}")
    await sync_to_async(prompts.refresh)()
    uses._known.clear()

    reply = await client.message("assistant-request", "c1")

    assert "Hello" in reply.json()["assistant"]["model"]["messages"][0]["content"]
    assert [use async for use in PromptUse.objects.values_list("call", "prompt")] == [(call_pk("c1"), first.pk)]


async def test_a_use_is_noted_in_the_background(client: DoorClient, written: Any) -> None:
    office, _ = written
    uses._known.clear()
    await client.message("status-update", "c1", status="in-progress")

    uses.record_soon(call_pk("c1"), office.pk)
    uses.record_soon(call_pk("c1"), 0)
    await asyncio.gather(*uses._writing)

    assert await PromptUse.objects.acount() == 1
