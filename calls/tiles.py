"""A call as its tile on the board shows it. The page's script does the same to what the socket brings.

Both are held to the cases of static/src/board/cases.json.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _

from calls.models import Phase, Stage
from calls.tower.rights import is_among
from crm import wording
from crm.models import Agent

# The way of a call, left to right.
STEPS = ["ringing", "qualifying", "offering", "held", "confirming", "booked"]
_BEFORE_ANSWER = {"scheduled", "queued", "ringing"}
# What a caller says of the home they want, in the order in which a tile shows it.
_FACTS = ["budget", "bedrooms", "property_type", "location", "timeline", "move_in_on", "pets"]
_LONGEST_FACT = 48


def board_words() -> dict[str, dict[str, str]]:
    """Return the words of the board in the reader's language; the page hands them to its script."""
    return {
        "steps": {
            "ringing": _("Ringing"),
            "qualifying": _("Qualifying"),
            "offering": _("Offering times"),
            "held": _("Time held"),
            "confirming": _("Confirming"),
            "booked": _("Viewing booked"),
        },
        "phases": {
            "INITIALIZING": _("Connecting"),
            "LISTENING": _("Listening"),
            "THINKING": _("Thinking"),
            "RESPONDING": _("Speaking"),
            "INTERRUPTED": _("Interrupted"),
            "ENDED": _("Ended"),
        },
        "roles": {"user": _("Caller"), "assistant": _("Assistant"), "system": _("System"), "tool": _("Tool")},
        "facts": {
            "budget": _("Budget"),
            "bedrooms": _("Bedrooms"),
            "property_type": _("Type"),
            "location": _("Area"),
            "timeline": _("When"),
            "move_in_on": _("Move in"),
            "pets": _("Pets"),
        },
        "alerts": {
            "thinking_slow": _("Slow to answer"),
            "responding_long": _("Speaking for long"),
            "interruptions": _("Often interrupted"),
            "silence": _("Silence"),
            "llm_fallback": _("Model not answering"),
        },
        "outcomes": {
            "customer_ended": _("Caller hung up"),
            "assistant_ended": _("Ended by the assistant"),
            "silence": _("Line went silent"),
            "too_long": _("Reached the time limit"),
            "voicemail": _("Voicemail"),
            "no_answer": _("Not answered"),
            "forwarded": _("Passed to a person"),
            "cancelled": _("Cancelled"),
            "error": _("Failed"),
            "expired": _("Fell silent, end never reported"),
            "other": _("Ended"),
        },
        "days": {
            "today": _("today"),
            "tomorrow": _("tomorrow"),
            "yesterday": _("yesterday"),
            "ahead": _("in {n} days"),
            "ago": _("{n} days ago"),
            "since": _("{time} ago"),
        },
        "say": {
            "unknown": _("Number withheld"),
            "month": _("{amount} a month"),
            "live": _("Live, {n} s"),
            "as_of": _("Data as of {time}"),
            "as_of_short": _("as of {time}"),
            "reconnecting": _("Reconnecting"),
            "signed_out": _("Signed out"),
            "caught_up_one": _("1 change caught up"),
            "caught_up": _("{n} changes caught up"),
            "caught_up_none": _("Live again, nothing was missed"),
            "new_call": _("New call: {name}"),
            "ended": _("{name}: {outcome}"),
            "left": _("{time} left"),
            "lapsed": _("Lapsed"),
            "pets_no": _("None"),
            "pets_yes": _("Yes"),
            "desk_failed": _("Could not be refreshed"),
            "steered": _("{name} is steering"),
            "muted": _("Assistant muted"),
            "wants_person": _("Wants a person, nobody is free"),
            "put_through": _("Being put through to {name}"),
            "waits": _("{name} wants a person"),
        },
    }


@dataclass
class Tile:
    """What a tile shows. Without values it is the empty one the page's script makes new tiles from."""

    id: str = ""
    name: str = ""
    subtitle: str = ""
    state: str = "ringing"
    phase: str = "INITIALIZING"
    phase_word: str = ""
    phase_since: str = ""
    phase_timer: str = ""
    started_at: str = ""
    timer: str = ""
    facts: list[tuple[str, str, str]] = field(default_factory=list)
    lines: list[dict[str, Any]] = field(default_factory=list)
    hold: dict[str, str] | None = None
    booked: str = ""
    alert: str = ""
    assistant: str = ""
    steered: str = ""
    steered_until: str = ""
    muted: str = ""
    may_steer: bool = True
    lead: int | None = None
    may_claim: bool = True
    waiting: str = ""
    waiting_since: str = ""
    waiting_timer: str = ""
    is_ended: bool = False
    ended_at: str = ""
    outcome: str = ""
    outcome_tone: str = ""

    @property
    def step_word(self) -> str:
        return board_words()["steps"][self.state]

    @property
    def steps(self) -> list[tuple[str, str]]:
        """Return each step with how far it is: done, now or ahead."""
        present = STEPS.index(self.state)
        names = board_words()["steps"]
        return [
            (names[step], "done" if index < present else "now" if index == present else "ahead")
            for index, step in enumerate(STEPS)
        ]


def tile(call: dict[str, Any], now: datetime, person: Agent) -> Tile:
    """Return the tile of a board shape as this person sees it."""
    words = board_words()
    held, booked = call.get("held_slot"), call.get("booked_viewing")
    outcome, tone = _outcome(call, words, now)
    return Tile(
        id=call["id"],
        name=caller_name(call),
        subtitle=_subtitle(call),
        state=state(call),
        phase=call["phase"],
        phase_word=words["phases"].get(call["phase"], call["phase"]),
        phase_since=call.get("phase_since") or "",
        phase_timer=_since(call.get("phase_since"), now),
        started_at=call.get("started_at") or "",
        timer=_since(call.get("started_at"), now),
        facts=facts(call.get("context") or {}, words),
        lines=[_line(line, words) for line in call.get("last_lines") or []],
        hold=_hold(held, words, now) if held else None,
        booked=_when(booked["starts_at"], now) if booked else "",
        alert=_alert(call, words),
        assistant=call.get("assistant_name") or "",
        **_people(call, words, now),
        may_steer=is_among(person, call.get("supervisors")),
        lead=call.get("lead"),
        may_claim=_may_claim(call),
        is_ended=call["phase"] == Phase.ENDED,
        ended_at=call.get("ended_at") or call.get("phase_since") or "",
        outcome=outcome,
        outcome_tone=tone,
    )


# All a screen in a corridor may know of a call. What is new in a shape stays out until somebody adds it here.
_PUBLIC = {
    "id", "status", "stage", "phase", "phase_since", "started_at", "ended_at", "created_at", "ended_class",
    "listing_label", "held_slot", "booked_viewing", "alerts", "assistant_muted",
}  # fmt: skip


def public(call: dict[str, Any]) -> dict[str, Any]:
    """Return a board shape without anything personal: no name, number or words, of the caller or of ours."""
    return {key: value for key, value in call.items() if key in _PUBLIC}


def _people(call: dict[str, Any], words: dict[str, dict[str, str]], now: datetime) -> dict[str, str]:
    """Return what the tile says of people: who steers the call, and whom it waits for."""
    said = {}
    steers, waits = call.get("supervisor"), call.get("waiting_for_person")
    if steers and datetime.fromisoformat(steers["expires_at"]) > now:
        said["steered"] = words["say"]["steered"].replace("{name}", steers["name"])
        said["steered_until"] = steers["expires_at"]
    if call.get("assistant_muted"):
        said["muted"] = words["say"]["muted"]
    if waits:
        word = words["say"]["put_through" if waits["state"] == "transfer" else "wants_person"]
        said["waiting"] = word.replace("{name}", waits["name"])
        said["waiting_since"] = waits["since"]
        said["waiting_timer"] = _since(waits["since"], now)
    return said


def _may_claim(call: dict[str, Any]) -> bool:
    """Say whether the lead belongs to nobody: then the call is everybody's."""
    return call.get("lead") is not None and call.get("seen_by", {}) is None


def state(call: dict[str, Any]) -> str:
    """Return which of STEPS the call has come to."""
    if call.get("booked_viewing"):
        return "booked"
    if call["stage"] == Stage.CONFIRMATION:
        return "confirming"
    if call.get("held_slot"):
        return "held"
    if call["stage"] == Stage.BOOKING:
        return "offering"
    is_ringing = call["phase"] == Phase.INITIALIZING and (
        call.get("status") in _BEFORE_ANSWER and not call.get("last_lines")
    )
    return "ringing" if is_ringing else "qualifying"


def caller_name(call: dict[str, Any]) -> str:
    name = call.get("lead_name") or (call.get("context") or {}).get("full_name") or ""
    if name and not name.startswith("+"):
        return str(name)
    return wording.phone(call.get("customer_number") or name) or board_words()["say"]["unknown"]


def facts(context: dict[str, Any], words: dict[str, dict[str, str]]) -> list[tuple[str, str, str]]:
    """Return (key, label, value) of what the caller has said so far."""
    said = []
    for key in _FACTS:
        value = _fact(key, context.get(key), words)
        if value:
            said.append((key, words["facts"][key], value[:_LONGEST_FACT]))
    return said


def _fact(key: str, value: Any, words: dict[str, dict[str, str]]) -> str:
    if isinstance(value, bool):
        return words["say"]["pets_yes" if value else "pets_no"] if key == "pets" else ""
    if isinstance(value, int | float):
        return words["say"]["month"].replace("{amount}", f"${value:,.0f}") if key == "budget" else f"{value:g}"
    return value.strip() if isinstance(value, str) else ""


def _subtitle(call: dict[str, Any]) -> str:
    number = wording.phone(call.get("customer_number"))
    parts = [call.get("listing_label") or "", "" if number == caller_name(call) else number]
    return " · ".join(part for part in parts if part)


def _line(line: dict[str, Any], words: dict[str, dict[str, str]]) -> dict[str, Any]:
    role = line.get("role", "")
    return {
        "role": role,
        "who": words["roles"].get(role, role),
        "text": line.get("text", ""),
        "is_cut": bool(line.get("interrupted")),
    }


def _hold(held: dict[str, Any], words: dict[str, dict[str, str]], now: datetime) -> dict[str, str]:
    left = _since(now.isoformat(), datetime.fromisoformat(held["expires_at"])) if held.get("expires_at") else ""
    return {
        "when": _when(held["starts_at"], now),
        "expires_at": held.get("expires_at") or "",
        "left": words["say"]["left"].replace("{time}", left),
    }


def _outcome(call: dict[str, Any], words: dict[str, dict[str, str]], now: datetime) -> tuple[str, str]:
    """Return how the call ended, in words, with the tone it is shown in."""
    if call["phase"] != Phase.ENDED:
        return "", ""
    if booked := call.get("booked_viewing"):
        return f"{words['steps']['booked']}: {_when(booked['starts_at'], now)}", "ok"
    family = call.get("ended_class") or "other"
    return words["outcomes"].get(family, words["outcomes"]["other"]), "bad" if family == "error" else ""


def _alert(call: dict[str, Any], words: dict[str, dict[str, str]]) -> str:
    """Return the newest alert in words, but not one of more than a minute ago at the time of the last change."""
    alerts = call.get("alerts") or []
    if not alerts or call["phase"] == Phase.ENDED:
        return ""
    newest = alerts[-1]
    since = call.get("phase_since")
    if since and datetime.fromisoformat(since) - datetime.fromisoformat(newest["at"]) > timedelta(minutes=1):
        return ""
    return words["alerts"].get(newest["code"], newest["code"])


def _when(written: str, now: datetime) -> str:
    return wording.when(datetime.fromisoformat(written), now)


def _since(written: str | None, now: datetime) -> str:
    return wording.duration((now - datetime.fromisoformat(written)).total_seconds()) if written else ""
