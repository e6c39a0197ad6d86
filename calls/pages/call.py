"""/calls/<id>: one call, played, read, drawn along its time line, and as it stood at any second."""

from __future__ import annotations

import json
import math
import uuid
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from calls.models import Call, Phase, ToolCall, WebhookEvent, call_pk
from calls.pages.calls import call_rows
from calls.recorder import Moment, Tape, moment, tape_of
from calls.recorder.moments import Line, Mark
from calls.recorder.tape import said_at
from calls.rights import visible_calls
from calls.shapes import with_related
from calls.stage_prompts import spoken_in
from calls.tiles import board_words, facts
from config.security import POLICY, policy
from crm import wording
from crm.models import Agent
from crm.pages import lists
from crm.rights import sees_everything

EVENTS_A_PAGE = 50
LONGEST_BODY = 20_000


@dataclass(frozen=True)
class Spoken:
    """One line of the transcript; `second` is where in the recording it begins, None when nobody knows."""

    who: str
    role: str
    text: str
    second: float | None
    clock: str
    is_cut: bool


@login_required
@never_cache
@require_safe
@vary_on_headers("HX-Request")
def call(request: HttpRequest, name: str) -> HttpResponse:
    """The page; with `t=seconds` the recorder stands there. htmx asks for that moment alone."""
    person = cast(Agent, request.user)
    found = find(person, name)
    tape = tape_of(found)
    shown = moment(tape, read_seconds(request.GET.get("t", ""), tape.seconds))
    if getattr(request, "htmx", False) and request.htmx.target == "moment":  # type: ignore[attr-defined]
        answer = render(request, "calls/parts/moment.html", {"moment": shown, **_recorder(tape)})
        answer["HX-Replace-Url"] = f"{request.path}?t={shown.seconds}"
        return answer
    answer = render(request, "calls/call.html", _context(person, found, tape, shown))
    if recording := recording_of(found):
        answer["Content-Security-Policy"] = policy(POLICY | {"media-src": f"'self' {_origin(recording)}"})
    return answer


@login_required
@never_cache
@require_safe
def call_events(request: HttpRequest, name: str) -> HttpResponse:
    """What Vapi sent, as it is kept; for managers."""
    person = cast(Agent, request.user)
    found = find(person, name)
    if not sees_everything(person):
        raise PermissionDenied
    page = lists.page_of(request, found.events.all(), ["id"], size=EVENTS_A_PAGE)
    context = {"place": "calls", "call": found, "page": page, "events": [_event(row) for row in page.rows]}
    return render(request, "calls/call_events.html", context)


def find(person: Agent, name: str, calls: QuerySet[Call] | None = None) -> Call:
    """Return the call that is known by either id. Raises Http404, also for one this person may not see."""
    ids = [call_pk(name)]
    with suppress(ValueError):
        ids.append(uuid.UUID(name))
    related = with_related(visible_calls(person, calls)).select_related("lead__owner", "assistant__agent")
    found = related.filter(pk__in=ids).first()
    if found is None:
        raise Http404
    return found


def read_seconds(text: str, default: float) -> float:
    """Return the second an address names, `default` when it names none."""
    try:
        seconds = float(text)
    except ValueError:
        return default
    return seconds if math.isfinite(seconds) else default


def recording_of(call: Call) -> str:
    """Return the recording's address if a browser may play it: https and nothing else."""
    try:
        address = urlsplit(call.recording_url)
        is_safe = address.scheme == "https" and address.hostname and address.username is None
        port = f":{address.port}" if address.port else ""
    except ValueError:
        return ""
    plain = f"{address.hostname}{port}".replace("-", "").replace(".", "").replace(":", "")
    return call.recording_url if is_safe and plain.isascii() and plain.isalnum() else ""


def _origin(address: str) -> str:
    """Return scheme and host; only characters that cannot end a directive are let through by `recording_of`."""
    return f"https://{urlsplit(address).netloc}"


def _context(person: Agent, found: Call, tape: Tape, shown: Moment) -> dict[str, Any]:
    words, line = board_words(), Line(tape)
    [row] = call_rows([found], "", timezone.now())
    return {
        "place": "calls",
        "call": found,
        "row": row,
        "is_live": found.phase != Phase.ENDED,
        "recording": recording_of(found),
        "spoken": [_spoken(item, tape, words) for item in found.transcript],
        "line": {"phases": line.phases, "stages": line.stages, "tools": line.tools, "alerts": line.alerts},
        "tools": [_tool(mark) for mark in line.tools],
        "moment": shown,
        "facts": facts(found.context, words),
        "viewings": tape.viewings,
        "prompts": spoken_in(found),
        "actions": found.control_actions.select_related("agent", "other"),
        "may_see_events": sees_everything(person),
        "event_count": found.projected_events,
        **_recorder(tape),
    }


def _recorder(tape: Tape) -> dict[str, Any]:
    return {
        "call": tape.call,
        "seconds": tape.last_second,
        "length": wording.duration(tape.seconds),
        "is_rebuilt": tape.is_rebuilt,
        "words": board_words(),
    }


def _spoken(line: dict[str, Any], tape: Tape, words: dict[str, dict[str, str]]) -> Spoken:
    role, said = str(line.get("role", "")), said_at(line)
    second = tape.second_of(said) if said else None
    return Spoken(
        who=words["roles"].get(role, role),
        role=role,
        text=str(line.get("text", "")),
        second=None if second is None else round(second, 1),
        clock="" if second is None else wording.duration(second),
        is_cut=bool(line.get("interrupted")),
    )


def _tool(mark: Mark) -> dict[str, Any]:
    tool = cast(ToolCall, mark.tool)
    return {
        "tool": tool,
        "second": round(mark.seconds, 1),
        "clock": wording.duration(mark.seconds),
        "arguments": json.dumps(tool.arguments, indent=2, ensure_ascii=False, sort_keys=True),
        "is_refused": bool(tool.code),
    }


def _event(row: WebhookEvent) -> dict[str, Any]:
    """Return one delivery to read: indented when it is JSON, cut when it is endless."""
    text = bytes(row.body).decode(errors="replace")
    with suppress(ValueError, RecursionError):
        text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    return {"row": row, "text": text[:LONGEST_BODY], "is_cut": len(text) > LONGEST_BODY, "bytes": len(row.body)}
