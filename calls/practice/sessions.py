"""Practice calls by text: a person plays the caller, line by line. Between lines the call is kept in the cache."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, field
from typing import Any, Self
from uuid import uuid4

import httpx
from django.conf import settings
from django.core.cache import cache
from django.utils import timezone

from calls import shapes
from calls.models import Assistant, Call, Phase, call_pk
from calls.practice.assistant import Notes, ScriptedAssistant
from calls.practice.line import Line
from calls.practice.model import ModelAssistant
from calls.practice.voice import Voice
from calls.simulator.envelope import Envelope
from calls.simulator.wire import Wire
from calls.webhook.app import vapi_webhook
from crm import booking
from crm.errors import BadArguments, NoViewing
from crm.models import Agent, Appointment, AppointmentStatus

GREETING = "Thanks for calling the leasing office. I'm Pete. How can I help?"
NAME = "Pete"
KEPT_SECONDS = 3600
LONGEST_LINE = 500
MOST_LINES = 200
_LIVE = (AppointmentStatus.BOOKED, AppointmentStatus.HELD)
WHY = "Practice call"


@dataclass
class Session:
    """One practice call of one person. `shown` is what the page lists: lines and what the tools did."""

    id: str
    agent_id: int
    voice: Voice
    created_at: float
    is_model: bool
    line: dict[str, Any] = field(default_factory=dict)
    messages: list[dict[str, Any]] = field(default_factory=list)
    notes: dict[str, Any] = field(default_factory=dict)
    chat: list[dict[str, Any]] = field(default_factory=list)
    is_over: bool = False

    @property
    def vapi_id(self) -> str:
        return f"{shapes.PRACTICE}{self.id}"

    @property
    def call_id(self) -> str:
        return str(call_pk(self.vapi_id))

    @property
    def shown(self) -> list[dict[str, str]]:
        return [_shown(each) for each in self.messages if each["role"] != "tool_calls"]

    def save(self) -> None:
        cache.set(_key(self.id), self.__dict__ | {"voice": self.voice.__dict__}, KEPT_SECONDS)

    @classmethod
    def load(cls, session_id: str, agent: Agent) -> Self | None:
        """Return the person's own practice call, None when it is somebody else's or forgotten."""
        kept = cache.get(_key(session_id)) if re.fullmatch(r"[0-9a-f-]{36}", session_id) else None
        if not kept or kept["agent_id"] != agent.pk:
            return None
        return cls(**kept | {"voice": Voice(**kept["voice"])})


def _key(session_id: str) -> str:
    return f"practice:{session_id}"


def _shown(message: dict[str, Any]) -> dict[str, str]:
    roles = {"bot": "assistant", "user": "user", "tool_call_result": "tool"}
    return {"role": roles[message["role"]], "text": message["message"], "name": message.get("name", "")}


def obstacle() -> str:
    """Say why there can be no practice call, "" when there can."""
    if settings.VAPI_WEBHOOK_SECRET:
        return ""
    return "Set VAPI_WEBHOOK_SECRET: a practice call proves itself to the webhook with it, as Vapi does."


async def begin(agent_id: int, assistant: Assistant | None, *, is_model: bool) -> Session:
    """Ring, and let the assistant greet."""
    voice = Voice(NAME, "practice", GREETING)
    if assistant is not None:
        listing = assistant.listing
        voice = Voice(
            assistant.name,
            assistant.vapi_id,
            assistant.first_message or GREETING,
            address=listing.address if listing else "",
            unit=listing.unit if listing else "",
        )
    session = Session(str(uuid4()), agent_id, voice, timezone.now().timestamp(), is_model)
    async with _open(session) as line:
        await line.begin()
        session.chat = [{"role": "assistant", "content": voice.first_message}]
    return session


async def say(session: Session, text: str) -> None:
    """Let the caller say a line and the assistant answer it."""
    async with _open(session) as line:
        await line.hear(text)
        if session.is_model:
            await ModelAssistant(line, session.chat).answer(text)
            return
        scripted = ScriptedAssistant(line, Notes.load(session.notes))
        await scripted.answer(text)
        session.notes = scripted.notes.dump()
        if scripted.notes.is_over:
            await line.end("assistant-ended-call")
            session.is_over = True


async def hang_up(session: Session) -> None:
    """End the call from the caller's side."""
    if not session.is_over:
        async with _open(session) as line:
            await line.end("customer-ended-call")
        session.is_over = True


class _open:  # noqa: N801  used as a function
    """The line of a session, over the real webhook in this process; what changed is put back into the session."""

    _FIELDS = ("turn", "tool_calls", "started_at", "last_stamp")

    def __init__(self, session: Session) -> None:
        self.session = session
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(app=vapi_webhook))
        wire = Wire(self.client, "http://practice/vapi/webhook", settings.VAPI_WEBHOOK_SECRET)
        envelope = Envelope(
            session.vapi_id, session.voice, session.created_at, kind="webCall", metadata={"practice": True}
        )
        envelope.messages = session.messages
        self.line = Line(envelope, wire.post, **session.line)

    async def __aenter__(self) -> Line:
        return self.line

    async def __aexit__(self, *exc_info: object) -> None:
        self.session.line = {name: getattr(self.line, name) for name in self._FIELDS}
        await self.client.aclose()


def read_line(text: str) -> str:
    """Return what the caller says. Raises BadArguments."""
    said = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    if not said:
        raise BadArguments("Say something first.")
    if len(said) > LONGEST_LINE:
        raise BadArguments(f"That is more than one breath: at most {LONGEST_LINE} characters.")
    return said


def give_back(session: Session | None = None) -> int:
    """Cancel what was booked in a practice call, or in all that are over, so that no agent's time stays taken."""
    live = Appointment.objects.filter(status__in=_LIVE, starts_at__gt=timezone.now(), call_id__isnull=False)
    if session is not None:
        viewings = live.filter(call_id=session.call_id)
    else:
        over = Call.objects.filter(
            pk__in=live.values("call_id"), vapi_id__startswith=shapes.PRACTICE, phase=Phase.ENDED
        )
        viewings = live.filter(call_id__in=over.values("pk"))
    count = 0
    for viewing in viewings:
        # Somebody else may have cancelled it meanwhile.
        with contextlib.suppress(NoViewing):
            booking.cancel(viewing.pk, reason=WHY)
            count += 1
    return count
