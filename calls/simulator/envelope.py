"""The bodies Vapi posts: the snapshot of the call around every message, and the report after it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

ORG_ID = "00000000-0000-4000-8000-00000000d3e0"
SERVER_MESSAGES = [
    "conversation-update", "end-of-call-report", "hang", "model-output", "speech-update", "status-update",
    "tool-calls", "transcript", "user-interrupted",
]  # fmt: skip
COST_A_MINUTE = {"transport": 0.014, "stt": 0.01, "llm": 0.021, "tts": 0.022, "vapi": 0.05}


def iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Speaker(Protocol):
    """The assistant as Vapi's snapshots name it: one of the demo's personas, or a row of the office's own."""

    @property
    def name(self) -> str: ...
    @property
    def vapi_id(self) -> str: ...
    @property
    def address(self) -> str: ...
    @property
    def unit(self) -> str: ...
    @property
    def phone_number(self) -> str: ...
    @property
    def first_message(self) -> str: ...


@dataclass
class Envelope:
    """One call as Vapi's snapshots show it. `kind` is Vapi's call type; `number` None for a withheld one."""

    call_id: str
    persona: Speaker
    created_at: float
    kind: str = "inboundPhoneCall"
    number: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    messages: list[dict[str, Any]] = field(default_factory=list)

    def wrap(self, message: dict[str, Any], stamp: int) -> dict[str, Any]:
        """Return the whole body for `message`, sent at `stamp` (milliseconds)."""
        around = {"timestamp": stamp, "call": self._call(), "customer": self._customer()}
        around |= {"assistant": self._assistant(), "artifact": self._artifact()}
        if self.kind != "webCall":
            around["phoneNumber"] = self._phone_number()
        return {"message": {**around, **message}}

    def wrap_request(self, stamp: int) -> dict[str, Any]:
        """Return the question which assistant shall answer: nothing is known yet but who dials whom."""
        call = {key: value for key, value in self._call().items() if not key.startswith("assistant")}
        around = {"timestamp": stamp, "call": call, "customer": self._customer(), "phoneNumber": self._phone_number()}
        return {"message": {"type": "assistant-request", **around}}

    def say(self, role: str, text: str, at: float, **more: Any) -> None:
        """Remember a line for the artifact. `role` is Vapi's: bot, user, tool_calls, tool_call_result."""
        line = {"role": role, "message": text, "time": round(at * 1000), "secondsFromStart": at - self.created_at}
        self.messages.append(line | more)

    def conversation(self) -> list[dict[str, Any]]:
        """Return the conversation as OpenAI writes it."""
        names = {"bot": "assistant", "user": "user"}
        lines = [line for line in self.messages if line["role"] in names]
        return [{"role": names[line["role"]], "content": line["message"]} for line in lines]

    def transcript(self) -> str:
        names = {"bot": "AI", "user": "User"}
        return "".join(f"{names[m['role']]}: {m['message']}\n" for m in self.messages if m["role"] in names)

    def report(self, *, reason: str, started_at: float, ended_at: float, analysis: dict[str, Any]) -> dict[str, Any]:
        """Return the end-of-call report. A call that never connected has neither transcript nor analysis."""
        seconds = max(0.0, ended_at - started_at)
        costs = {name: round(rate * seconds / 60, 4) for name, rate in COST_A_MINUTE.items()}
        costs["total"] = round(sum(costs.values()), 4)
        message = {
            "type": "end-of-call-report",
            "endedReason": reason,
            "startedAt": iso(started_at),
            "endedAt": iso(ended_at),
            "durationSeconds": round(seconds, 3),
            "durationMs": round(seconds * 1000),
            "cost": costs["total"],
            "costBreakdown": costs | {"llmPromptTokens": 2400, "llmCompletionTokens": 310, "ttsCharacters": 900},
            "analysis": analysis,
        }
        if self.messages:
            message["artifact"] = self._artifact() | {"transcript": self.transcript()}
            message["summary"] = analysis.get("summary", "")
        return message

    def _call(self) -> dict[str, Any]:
        # Frozen at creation: its status stays "queued" for ever.
        call = {
            "id": self.call_id,
            "orgId": ORG_ID,
            "createdAt": iso(self.created_at),
            "updatedAt": iso(self.created_at),
            "type": self.kind,
            "status": "queued",
            "startedAt": None,
            "assistantId": self.persona.vapi_id,
            "assistantOverrides": {"metadata": self.metadata},
            "customer": self._customer(),
            "monitor": {"listenUrl": None, "controlUrl": None},
        }
        if self.kind != "webCall":
            call |= {"phoneCallProvider": "twilio", "phoneCallTransport": "pstn", "phoneNumberId": "demo-number"}
        return call

    def _customer(self) -> dict[str, Any]:
        return {"number": self.number} if self.number else {}

    def _phone_number(self) -> dict[str, Any]:
        return {
            "id": "demo-number",
            "number": self.persona.phone_number,
            "name": self.persona.name,
            "provider": "twilio",
            "twilioAccountSid": "fictional-account",
            "twilioAuthToken": "fictional-auth-token",
            "serverUrlSecret": None,
            "squadId": None,
        }

    def _assistant(self) -> dict[str, Any]:
        return {
            "id": self.persona.vapi_id,
            "name": self.persona.name,
            "firstMessage": self.persona.first_message,
            "model": {
                "provider": "openai",
                "model": "gpt-4o",
                "messages": [{"role": "system", "content": "You are Pete."}],
            },
            "voice": {"provider": "vapi", "voiceId": "Elliot"},
            "serverMessages": SERVER_MESSAGES,
        }

    def _artifact(self) -> dict[str, Any]:
        return {"messages": self.messages[-40:], "messagesOpenAIFormatted": self.conversation()[-40:]}
