"""The state manager of the source documents (the implementation): FastAPI, Pydantic, one dict, nothing stored.

Its handler, prompts and answers are theirs, also that it declares no response model. It reads Vapi's nested `function`,
which they do not, begins a call with its first tool call, and allows staying in a stage; it does not authenticate.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

STATE_PROMPTS = {
    "QUALIFICATION": """You are a real estate lead qualifier. Your goal is to extract:

- Budget range (convert to number)
- Timeline ("3 months", "6 months", etc.)
- Property type preference (house, condo, etc.)
- Location preference

Ask ONE question at a time. When you have budget AND timeline, call update_system_prompt(new_state="BOOKING").

Current context: {{CONTEXT}}""",
    "BOOKING": """You are a real estate appointment scheduler. Offer 3 specific time slots:

- Tuesday 3pm, Wednesday 10am, Thursday 2pm (or similar)
- Confirm availability before booking

When user confirms a time, call update_system_prompt(new_state="CONFIRMATION") with {selected_time: "Tuesday 3pm"}.

Lead context: {{CONTEXT}}""",
    "CONFIRMATION": """You are confirming a real estate showing appointment. Read back:

- Date and time
- Property preferences
- Contact information

Be concise and professional. Do not transition to other states.

Lead details: {{CONTEXT}}""",
}
TRANSITIONS = {
    "QUALIFICATION": {"QUALIFICATION", "BOOKING"},
    "BOOKING": {"BOOKING", "CONFIRMATION"},
    "CONFIRMATION": {"CONFIRMATION"},
}


class CallContext(BaseModel):
    state: str
    context: dict[str, Any]
    timestamp: datetime
    last_activity: datetime


class WebhookRequest(BaseModel):
    message: dict[str, Any]


class StateManager:
    """Call states in a dict, for as long as the process lives."""

    def __init__(self) -> None:
        self.states: dict[str, CallContext] = {}

    def init_call(self, call_id: str) -> CallContext:
        if call_id not in self.states:
            now = datetime.now(UTC)
            self.states[call_id] = CallContext(state="QUALIFICATION", context={}, timestamp=now, last_activity=now)
        return self.states[call_id]

    def transition_state(self, call_id: str, new_state: str, context_update: dict[str, Any]) -> bool:
        call = self.init_call(call_id)
        if new_state not in TRANSITIONS[call.state]:
            return False
        call.state = new_state
        call.context.update(context_update)
        call.last_activity = datetime.now(UTC)
        return True


app = FastAPI(title="Vapi State Manager")
state_manager = StateManager()


@app.post("/vapi/webhook")
async def handle_vapi_webhook(request: WebhookRequest):  # type: ignore[no-untyped-def]
    call_id = request.message.get("call", {}).get("id")
    if not call_id:
        raise HTTPException(status_code=400, detail="Missing call.id")
    if request.message.get("type") == "tool-calls":
        return await handle_tool_calls(call_id, request.message.get("toolCallList", []))
    return {"status": "ignored"}


async def handle_tool_calls(call_id: str, tool_calls: list[dict[str, Any]]) -> dict[str, Any]:
    return {"results": [result(call_id, tool_call) for tool_call in tool_calls]}


def result(call_id: str, tool_call: dict[str, Any]) -> dict[str, Any]:
    function = tool_call["function"]
    if function["name"] != "update_system_prompt":
        return failure(tool_call, f"Unknown tool: {function['name']}")
    new_state = function["arguments"].get("new_state")
    if not state_manager.transition_state(call_id, new_state, function["arguments"].get("context", {})):
        return failure(tool_call, f"Invalid transition to {new_state}")
    context = json.dumps(state_manager.states[call_id].context)
    prompt = STATE_PROMPTS[new_state].replace("{{CONTEXT}}", context)
    return {
        "toolCallId": tool_call["id"],
        "result": json.dumps({"status": "success", "new_state": new_state}),
        "assistantOverride": {"model": {"messages": [{"role": "system", "content": prompt}]}},
    }


def failure(tool_call: dict[str, Any], text: str) -> dict[str, Any]:
    return {"toolCallId": tool_call["id"], "result": json.dumps({"status": "error", "message": text})}
