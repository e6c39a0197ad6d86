"""End-of-call reports, whichever vintage: older ones carry everything on the message, newer ones under `artifact`.

Reference: https://docs.vapi.ai/server-url/events#end-of-call-report
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from calls.models import EXPIRED_CLASS

_ROLES = {"user": "user", "customer": "user", "bot": "assistant", "assistant": "assistant", "ai": "assistant"}
_SPEAKER = re.compile(r"(?:^|(?<=\s))(AI|Assistant|Bot|User|Customer):\s*", re.IGNORECASE)
_MOST_LINES = 2_000
_LONGEST_LINE = 5_000
_LARGEST_COST = 99_999
_MILLISECONDS = 100_000_000_000
# The duration by its names, the most exact first, and how many seconds each counts.
_DURATIONS = (("durationMs", 0.001), ("durationSeconds", 1), ("durationMinutes", 60))
_LONGEST_CALL = 86_400

# The first prefix or part that fits names the family; Vapi has some 600 reasons and adds more.
_FAMILIES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("silence", ("silence",)),
    ("too_long", ("exceeded-max-duration",)),
    ("voicemail", ("voicemail",)),
    ("no_answer", ("customer-busy", "customer-did-not-answer", "twilio-reported-customer-misdialed", "call.ringing.")),
    ("forwarded", ("assistant-forwarded-call", "call.forwarding.", "customer-ended-call-after-warm-transfer")),
    ("cancelled", ("manually-canceled", "call-deleted", "scheduled-call-deleted")),
    (
        "error",
        (
            "pipeline-error",
            "call.in-progress.error",
            "call.start.error",
            "call-start-error",
            "assistant-request",
            "assistant-not",
            "assistant-join-timed-out",
            "worker-shutdown",
            "phone-call-provider-closed",
            "twilio-failed",
            "vonage-",
            "unknown-error",
        ),
    ),
    ("customer_ended", ("customer-ended-call", "customer-did-not-give", "hangup", "call.in-progress.")),
    ("assistant_ended", ("assistant-ended-call", "assistant-said", "assistantended", "call.ending.hook-executed")),
)


def ended_class(reason: str) -> str:
    """Return the family of an ended reason, `other` when it is none we know, "" when there is no reason."""
    said = reason.strip().lower()
    if not said:
        return ""
    return next((family for family, prefixes in _FAMILIES if said.startswith(prefixes)), "other")


def ended_classes() -> list[str]:
    """Return the families a call may end in, those of people first."""
    people = ["customer_ended", "assistant_ended", "forwarded", "no_answer", "voicemail"]
    rest = [family for family, _ in _FAMILIES if family not in people]
    return [*people, *rest, EXPIRED_CLASS, "other"]


@dataclass(slots=True)
class Report:
    """What a report adds to a call."""

    ended_reason: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    # Only a stand-in for times that neither the report nor any other message tells.
    lasted: timedelta | None = None
    summary: str = ""
    recording_url: str = ""
    cost: Decimal | None = None
    structured_data: dict[str, Any] = field(default_factory=dict)
    lines: list[dict[str, Any]] = field(default_factory=list)
    is_consent_refused: bool = False

    def completed_by(self, later: Report) -> Report:
        """Return this report with its gaps filled by a later one; what it says stays as it is."""
        values = {f.name: getattr(self, f.name) or getattr(later, f.name) for f in fields(self)}
        values["cost"] = later.cost if self.cost is None else self.cost
        if values["is_consent_refused"]:
            values["recording_url"] = ""
        return Report(**values)


def read_report(message: dict[str, Any]) -> Report:
    """Read an end-of-call-report, or a call as Vapi's REST API returns it."""
    call, artifact, analysis = (_dict(message.get(key)) for key in ("call", "artifact", "analysis"))
    started_at, ended_at = _span(message)
    refused = _is_consent_refused(message, artifact)
    return Report(
        ended_reason=(_text(message.get("endedReason")) or _text(call.get("endedReason")))[:200],
        started_at=started_at,
        ended_at=ended_at,
        lasted=_duration(message),
        summary=_first_text(analysis.get("summary"), artifact.get("summary"), message.get("summary")),
        recording_url="" if refused else _recording_url(message, artifact),
        cost=_cost(message),
        structured_data=_structured_data(artifact, analysis),
        lines=_report_lines(message, artifact, started_at),
        is_consent_refused=refused,
    )


def conversation_lines(message: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the lines of a conversation-update, which carries the conversation so far."""
    for name in ("messages", "messagesOpenAIFormatted", "conversation"):
        lines = _message_lines(message.get(name), None)
        if lines:
            return lines
    return []


def instant(value: Any) -> datetime | None:
    """Return an aware instant from ISO 8601 or milliseconds; None when it is neither."""
    try:
        if isinstance(value, str) and value:
            at = datetime.fromisoformat(value)
            return at if at.tzinfo else at.replace(tzinfo=UTC)
        if isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
            return datetime.fromtimestamp(value / 1000 if value > _MILLISECONDS else value, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return None


def _span(message: dict[str, Any]) -> tuple[datetime | None, datetime | None]:
    """Return when the call began and ended; the duration stands in for the one of them that is missing."""
    started_at, ended_at = instant(message.get("startedAt")), instant(message.get("endedAt"))
    lasted = _duration(message)
    if lasted is None:
        return started_at, ended_at
    if started_at is not None:
        return started_at, ended_at or started_at + lasted
    return (ended_at - lasted if ended_at is not None else None), ended_at


def _duration(message: dict[str, Any]) -> timedelta | None:
    for name, unit in _DURATIONS:
        value = message.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value * unit <= _LONGEST_CALL:
            return timedelta(seconds=value * unit)
    return None


def _is_consent_refused(message: dict[str, Any], artifact: dict[str, Any]) -> bool:
    """Say whether the caller was asked and did not agree. Without the question there is nothing to refuse."""
    consent = _dict(message.get("compliance") or artifact.get("compliance")).get("recordingConsent")
    return isinstance(consent, dict) and bool(consent) and not consent.get("grantedAt")


def _recording_url(message: dict[str, Any], artifact: dict[str, Any]) -> str:
    recording = _dict(artifact.get("recording"))
    url = _first_text(
        artifact.get("recordingUrl"),
        _dict(recording.get("mono")).get("combinedUrl"),
        message.get("recordingUrl"),
        artifact.get("stereoRecordingUrl"),
        recording.get("stereoUrl"),
        message.get("stereoRecordingUrl"),
    )
    return url if url.startswith(("https://", "http://")) else ""


def _cost(message: dict[str, Any]) -> Decimal | None:
    for value in (message.get("cost"), _dict(message.get("costBreakdown")).get("total")):
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            return round(Decimal(str(min(max(value, 0), _LARGEST_COST))), 4)
    return None


def _structured_data(artifact: dict[str, Any], analysis: dict[str, Any]) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for key, output in _dict(artifact.get("structuredOutputs")).items():
        if isinstance(output, dict) and output.get("result") is not None:
            data[_text(output.get("name")) or key] = output["result"]
    found = analysis.get("structuredData")
    if isinstance(found, dict):
        return data | found
    return data | {"value": found} if found not in (None, "", []) else data


def _report_lines(
    message: dict[str, Any], artifact: dict[str, Any], started_at: datetime | None
) -> list[dict[str, Any]]:
    for owner in (artifact, message):
        for name in ("messages", "messagesOpenAIFormatted"):
            lines = _message_lines(owner.get(name), started_at)
            if lines:
                return lines
    text = _first_text(artifact.get("transcript"), message.get("transcript"))
    return _text_lines(text)


def _message_lines(messages: Any, started_at: datetime | None) -> list[dict[str, Any]]:
    if not isinstance(messages, list):
        return []
    lines = [_message_line(item, started_at) for item in messages[:_MOST_LINES] if isinstance(item, dict)]
    return [line for line in lines if line is not None]


def _message_line(item: dict[str, Any], started_at: datetime | None) -> dict[str, Any] | None:
    role = _ROLES.get(_text(item.get("role")).lower())
    text = _first_text(item.get("message"), item.get("content"))
    if role is None or not text:
        return None
    at, seconds = instant(item.get("time")), item.get("secondsFromStart")
    if at is None and started_at is not None and isinstance(seconds, int | float) and 0 <= seconds < 100_000:
        at = started_at + timedelta(seconds=seconds)
    return _line(role, text, at)


def _text_lines(text: str) -> list[dict[str, Any]]:
    """Split "AI: … User: …", with or without line breaks."""
    parts = _SPEAKER.split(text)
    spoken = zip(parts[1::2], parts[2::2], strict=True)
    return [_line(_ROLES[who.lower()], said.strip(), None) for who, said in spoken if said.strip()][:_MOST_LINES]


def _line(role: str, text: str, at: datetime | None) -> dict[str, Any]:
    return {"role": role, "text": text[:_LONGEST_LINE], "at": at.isoformat() if at else None, "interrupted": False}


def _first_text(*values: Any) -> str:
    return next((value.strip() for value in values if isinstance(value, str) and value.strip()), "")


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
