"""Which version of a prompt spoke through the proxy, the office's or an assistant's own."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from calls.models import Assistant, PromptUse, StagePrompt, WebhookEvent
from calls.stages import prompts, uses


@pytest.fixture
def written(transactional_db: None) -> Any:
    oak = Assistant.objects.create(vapi_id="asst-oak", name="Oak")
    office = StagePrompt.objects.create(stage="QUALIFICATION", version=70, text="The office asks.")
    own = StagePrompt.objects.create(stage="QUALIFICATION", version=1, text="Oak asks.", assistant=oak)
    prompts.refresh()
    uses._known.clear()
    yield office, own
    prompts.install({})


async def noted(count: int) -> list[tuple[str, int]]:
    """Return what is noted, when it is as much as is expected or time is up: it happens behind the answer."""
    rows = PromptUse.objects.order_by("call__vapi_id").values_list("call__vapi_id", "prompt")
    for _ in range(100):
        found = await sync_to_async(list)(rows.all())
        if len(found) >= count:
            break
        await asyncio.sleep(0.02)
    return found


async def test_the_version_that_spoke_is_noted_with_the_first_turn_of_each_call(llm, model, written):
    office, own = written
    for _ in range(2):
        await llm.chat("call-1")
    of_oak = {"id": "call-2", "assistantId": "asst-oak"}
    await llm.post({"messages": [{"role": "user", "content": "Hi"}], "stream": True, "call": of_oak})

    assert [seen.system.split("\n")[0] for seen in model.seen] == ["The office asks.", "The office asks.", "Oak asks."]
    assert await noted(2) == [("call-1", office.pk), ("call-2", own.pk)]
    body = await sync_to_async(lambda: bytes(WebhookEvent.objects.filter(call__vapi_id="call-2").get().body))()
    assert f'"promptVersion":{own.pk}'.encode() in body
