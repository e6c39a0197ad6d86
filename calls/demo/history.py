"""The demo agency's past calls: transcripts, tool calls, costs, phases."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid5

from calls.demo.assistants import NAMESPACE, PERSONAS
from calls.demo.conversations import Story, Turn, converse, summary
from calls.models import Assistant, Call, Phase, Stage, ToolCall, call_pk
from calls.reports import ended_class
from crm.demo.load import Agency
from crm.models import Appointment, EntryKind, Lead, Listing, TimelineEntry

WORDS_A_SECOND = 2.6
COST_A_MINUTE = 0.11
TOOL_ANSWERS = {
    "update_system_prompt": "Noted. Offer viewing times now.",
    "get_availability": "I can offer {when}.",
    "set_appointment": "Booked: {home}, {when}.",
    "request_callback": "Somebody from the office will call back.",
}


@dataclass
class Recording:
    """A call while it is being drawn: where its clock stands, and what it holds so far."""

    story: Story
    clock: datetime
    transcript: list[dict[str, Any]] = field(default_factory=list)
    tools: list[tuple[str, datetime]] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=lambda: {Phase.INITIALIZING: 1.2})

    def spend(self, phase: Phase, seconds: float) -> None:
        self.seconds[phase] = round(self.seconds.get(phase, 0) + seconds, 3)
        self.clock += timedelta(seconds=seconds)

    def add(self, turn: Turn, rng: random.Random) -> None:
        """Let one turn take its time."""
        if turn.role == "tool":
            self.tools.append((turn.text, self.clock))
            self.spend(Phase.THINKING, rng.uniform(0.3, 0.9))
            return
        self.transcript.append(
            {"role": turn.role, "text": turn.text, "at": self.clock.isoformat(), "interrupted": turn.interrupted}
        )
        length = 0.6 + len(turn.text.split()) / WORDS_A_SECOND
        self.spend(Phase.RESPONDING if turn.role == "assistant" else Phase.LISTENING, length)
        if turn.role == "user":
            self.spend(Phase.THINKING, rng.uniform(0.5, 1.6))
        elif turn.interrupted:
            self.spend(Phase.INTERRUPTED, 0.1)


def load_calls(agency: Agency, assistants: Sequence[Assistant]) -> list[Call]:
    """Create a call for each lead that came by phone, and a few that we made ourselves."""
    rng = agency.scene.rng
    # Not the viewings that staff or a program made: those did not come from a call.
    voice = {row.lead_id: row for row in agency.appointments if row.source == "voice"}
    recordings = []
    for lead in agency.leads:
        if lead.source == "phone" and lead.phone:
            recordings.append(_record(agency, lead, voice.get(lead.pk)))
        elif rng.random() < 0.25:
            recordings.append(_unanswered(agency, lead))
    calls = Call.objects.bulk_create([_call(rng, recording, assistants) for recording in recordings])
    pairs = list(zip(calls, recordings, strict=True))
    ToolCall.objects.bulk_create([row for call, recording in pairs for row in _tool_calls(call, recording)])
    TimelineEntry.objects.bulk_create([_entry(call, recording) for call, recording in pairs])
    _link_viewings(pairs)
    return calls


def _record(agency: Agency, lead: Lead, appointment: Appointment | None) -> Recording:
    """Draw a whole call: of the day the viewing was booked, else of the day the lead came in."""
    rng = agency.scene.rng
    listing = appointment.listing if appointment else rng.choice(agency.listings)
    ending = "assistant-ended-call" if appointment else rng.choice(["customer-ended-call", "assistant-ended-call"])
    started_at = appointment.created_at if appointment else lead.created_at
    recording = Recording(Story(lead, listing, appointment, ending), started_at)
    for turn in converse(recording.story, rng, _persona(listing).first_message):
        recording.add(turn, rng)
    return recording


def _unanswered(agency: Agency, lead: Lead) -> Recording:
    rng = agency.scene.rng
    ending = rng.choice(["customer-did-not-answer", "voicemail", "customer-busy"])
    recording = Recording(Story(lead, rng.choice(agency.listings), None, ending), lead.created_at + timedelta(hours=2))
    recording.clock += timedelta(seconds=rng.randint(8, 30))
    return recording


def _persona(listing: Listing) -> Any:
    """Return the assistant of this home, else the main line."""
    homes = {(persona.address, persona.unit): persona for persona in PERSONAS if persona.address}
    return homes.get((listing.address, listing.unit), PERSONAS[0])


def _call(rng: random.Random, recording: Recording, assistants: Sequence[Assistant]) -> Call:
    story = recording.story
    outbound = not recording.transcript
    persona = next(p for p in PERSONAS if p.outbound) if outbound else _persona(story.listing)
    assistant = next(row for row in assistants if row.vapi_id == persona.vapi_id)
    vapi_id = str(uuid5(NAMESPACE, f"call:{story.lead.phone}"))
    started_at = recording.clock - timedelta(seconds=sum(recording.seconds.values()))
    minutes = (recording.clock - started_at).total_seconds() / 60
    return Call(
        id=call_pk(vapi_id),
        vapi_id=vapi_id,
        status="ended",
        direction="outbound" if outbound else "inbound",
        stage=_stage(story),
        context=_context(story) if recording.transcript else {},
        phase=Phase.ENDED,
        phase_seconds=recording.seconds if recording.transcript else {},
        alerts=_alerts(rng, recording),
        transcript=recording.transcript,
        assistant=assistant,
        assistant_vapi_id=assistant.vapi_id,
        lead=story.lead,
        listing=None if outbound else story.listing,
        customer_number=story.lead.phone or "",
        started_at=started_at,
        ended_at=recording.clock,
        ended_reason=story.ending,
        ended_class=ended_class(story.ending),
        summary=summary(story),
        cost=Decimal(str(round(minutes * COST_A_MINUTE * rng.uniform(0.8, 1.2) + 0.005, 4))),
        structured_data={"viewing_booked": story.appointment is not None} if recording.transcript else {},
        has_report=True,
        last_event_at=recording.clock,
        is_demo=True,
        created_at=started_at,
    )


def _stage(story: Story) -> Stage:
    if story.appointment is not None:
        return Stage.CONFIRMATION
    return Stage.QUALIFICATION if story.ending == "customer-ended-call" else Stage.BOOKING


def _context(story: Story) -> dict[str, Any]:
    """Return what the caller said, as the stage machine would hold it."""
    lead = story.lead
    said: dict[str, Any] = {"budget": int(lead.budget) if lead.budget else None, "full_name": lead.full_name}
    said |= {"timeline": lead.timeline, "property_type": lead.property_type, "location": lead.location}
    if story.appointment is not None:
        said["selected_time"] = story.spoken_time
    return {key: value for key, value in said.items() if value}


def _alerts(rng: random.Random, recording: Recording) -> list[dict[str, str]]:
    if not recording.transcript or rng.random() > 0.12:
        return []
    line = rng.choice(recording.transcript)
    return [{"code": rng.choice(["thinking_slow", "responding_long", "interruptions", "silence"]), "at": line["at"]}]


def _tool_calls(call: Call, recording: Recording) -> Iterator[ToolCall]:
    words = {"when": recording.story.spoken_time or "tomorrow", "home": str(recording.story.listing)}
    for number, (name, at) in enumerate(recording.tools):
        tool_call_id = f"call_{call.id.hex[:16]}{number}"
        yield ToolCall(
            call=call,
            tool_call_id=tool_call_id,
            fingerprint=uuid5(NAMESPACE, tool_call_id),
            name=name,
            arguments={"new_state": "BOOKING", "context": call.context} if name == "update_system_prompt" else {},
            answer=TOOL_ANSWERS[name].format(**words),
            stage=call.stage,
            duration_ms=4 + (call.id.int + number) % 40,
            at=at,
        )


def _entry(call: Call, recording: Recording) -> TimelineEntry:
    seconds = round(sum(recording.seconds.values()))
    text = call.summary or f"Call not answered ({call.ended_reason})."
    return TimelineEntry(
        lead=call.lead,
        kind=EntryKind.CALL,
        text=text,
        data={"duration_seconds": seconds, "ended_reason": call.ended_reason, "direction": call.direction},
        actor="assistant",
        call_id=call.id,
        key=f"call-ended:{call.id}",
        at=recording.clock,
    )


def _link_viewings(pairs: list[tuple[Call, Recording]]) -> None:
    booked = []
    for call, recording in pairs:
        if recording.story.appointment is not None:
            recording.story.appointment.call_id = call.pk
            booked.append(recording.story.appointment)
    Appointment.objects.bulk_update(booked, ["call_id"])
