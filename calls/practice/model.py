"""The language model on a practice line, asked through Pete's own LLM proxy as Vapi asks it."""

from __future__ import annotations

import json
from typing import Any

import httpx
from django.conf import settings
from django.core.cache import cache

from calls.llm.app import chat_completions
from calls.practice.line import Line
from calls.simulator.reading import Answer
from calls.tools import tool_definitions

MOST_ROUNDS = 5
PROBE_SECONDS = 1.0
PROBE_KEPT_SECONDS = 30
_PROBE_KEY = "practice:model-answers"
NOTHING = "I'm sorry, could you say that again?"


def is_there() -> bool:
    """Say whether a model server answers at LLM_URL; asked at most every half minute."""
    known = cache.get(_PROBE_KEY)
    if known is None:
        known = _probe()
        cache.set(_PROBE_KEY, known, PROBE_KEPT_SECONDS)
    return bool(known)


def _probe() -> bool:
    headers = {"Authorization": f"Bearer {settings.LLM_API_KEY}"} if settings.LLM_API_KEY else {}
    try:
        url = f"{settings.LLM_URL.rstrip('/')}/models"
        return httpx.get(url, headers=headers, timeout=PROBE_SECONDS, trust_env=False).is_success
    except httpx.HTTPError:
        return False


class ModelAssistant:
    """One call's assistant: the model decides, tools run over the webhook. `messages` is the conversation so far."""

    def __init__(self, line: Line, messages: list[dict[str, Any]]) -> None:
        self.line = line
        self.messages = messages

    async def answer(self, text: str) -> None:
        """Let the model answer a line of the caller, with as many tools as it asks for."""
        self.messages.append({"role": "user", "content": text})
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=chat_completions)) as client:
            for _ in range(MOST_ROUNDS):
                reply = await self._ask(client)
                self.messages.append(reply)
                if not reply.get("tool_calls"):
                    return await self.line.say(reply.get("content") or NOTHING)
                await self._run(reply["tool_calls"])
        return await self.line.say(NOTHING)

    async def _ask(self, client: httpx.AsyncClient) -> dict[str, Any]:
        envelope = self.line.envelope
        call = {"id": envelope.call_id, "type": envelope.kind, "assistantId": envelope.persona.vapi_id}
        tools = [{"type": "function", "function": each["function"]} for each in tool_definitions()]
        body = {"model": settings.LLM_MODEL, "messages": self.messages, "tools": tools, "stream": False, "call": call}
        headers = {"Authorization": f"Bearer {settings.VAPI_WEBHOOK_SECRET}"}
        url = "http://practice/llm/chat/completions"
        # The proxy bounds each gap itself and says a sentence when the model is late.
        response = await client.post(url, json=body, headers=headers, timeout=None)
        response.raise_for_status()
        message: dict[str, Any] = response.json()["choices"][0]["message"]
        return {name: value for name, value in message.items() if value is not None}

    async def _run(self, tool_calls: list[dict[str, Any]]) -> None:
        answers = await self.line.tools([_request(each) for each in tool_calls])
        for asked, answer in zip(tool_calls, answers, strict=True):
            self.messages.append({"role": "tool", "tool_call_id": asked["id"], "content": _result(answer)})


def _request(asked: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    function = asked.get("function", {})
    try:
        arguments = json.loads(function.get("arguments") or "{}")
    except ValueError:
        arguments = {}
    return function.get("name", ""), arguments if isinstance(arguments, dict) else {}


def _result(answer: Answer) -> str:
    return answer.text or "No result returned."
