"""The state manager that the source documents describe: FastAPI, Pydantic, everything in one dict, nothing stored.

It reads Vapi's nested `function` and does what the documents do with it; neither they nor it authenticate.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

PROMPTS = {
    "QUALIFICATION": "You qualify leads. Ask for budget, timeline, property type and location.\nContext: {{CONTEXT}}",
    "BOOKING": "You schedule viewings. Offer three times and confirm one.\nContext: {{CONTEXT}}",
    "CONFIRMATION": "You confirm the viewing. Read back date, time and contact.\nContext: {{CONTEXT}}",
}
ALLOWED = {
    "QUALIFICATION": {"QUALIFICATION", "BOOKING"},
    "BOOKING": {"BOOKING", "CONFIRMATION"},
    "CONFIRMATION": {"CONFIRMATION"},
}


class CallContext(BaseModel):
    state: str
    context: dict[str, Any]
    last_activity: datetime


class WebhookRequest(BaseModel):
    message: dict[str, Any]


class StateManager:
    """Call states in a dict, for as long as the process lives."""

    def __init__(self) -> None:
        self.states: dict[str, CallContext] = {}

    def init_call(self, call_id: str) -> CallContext:
        if call_id not in self.states:
            self.states[call_id] = CallContext(state="QUALIFICATION", context={}, last_activity=datetime.now(UTC))
        return self.states[call_id]

    def transition(self, call_id: str, new_state: str, update: dict[str, Any]) -> bool:
        call = self.init_call(call_id)
        if new_state not in ALLOWED[call.state]:
            return False
        call.state = new_state
        call.context.update(update)
        call.last_activity = datetime.now(UTC)
        return True


app = FastAPI(title="State manager")
manager = StateManager()


@app.post("/vapi/webhook")
async def webhook(request: WebhookRequest) -> dict[str, Any]:
    call_id = request.message.get("call", {}).get("id")
    if request.message.get("type") != "tool-calls":
        return {"status": "ignored"}
    return {"results": [answer(call_id, call) for call in request.message.get("toolCallList", [])]}


def answer(call_id: str, tool_call: dict[str, Any]) -> dict[str, Any]:
    arguments = tool_call["function"]["arguments"]
    new_state = arguments.get("new_state")
    if not manager.transition(call_id, new_state, arguments.get("context", {})):
        return {"toolCallId": tool_call["id"], "result": json.dumps({"status": "error"})}
    context = json.dumps(manager.states[call_id].context)
    prompt = PROMPTS[new_state].replace("{{CONTEXT}}", context)
    return {
        "toolCallId": tool_call["id"],
        "result": json.dumps({"status": "success", "new_state": new_state}),
        "assistantOverride": {"model": {"messages": [{"role": "system", "content": prompt}]}},
    }
