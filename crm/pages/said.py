"""Telling what was just done, with a way back: a toast for htmx and for whole pages alike."""

from __future__ import annotations

import json
from typing import TypeVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse

Answer = TypeVar("Answer", bound=HttpResponse)


def done(request: HttpRequest, answer: Answer, text: str, *, undo: str = "", **events: object) -> Answer:
    """Have the page say `text`; `undo` takes it back by POST. `events` are sent to an htmx page too."""
    return _say(request, answer, text, undo=undo, is_bad=False, events=events)


def refused(request: HttpRequest, answer: Answer, text: str, **events: object) -> Answer:
    """Have the page say why nothing was done."""
    return _say(request, answer, text, undo="", is_bad=True, events=events)


def undone(request: HttpRequest, answer: HttpResponse) -> HttpResponse:
    """Answer a successful undo: htmx gets an event, a form is sent on to where `answer` leads."""
    if not _is_htmx(request):
        return answer
    return HttpResponse(status=204, headers={"HX-Trigger": "undone"})


def _say(
    request: HttpRequest, answer: Answer, text: str, *, undo: str, is_bad: bool, events: dict[str, object]
) -> Answer:
    if not _is_htmx(request):
        messages.add_message(request, messages.ERROR if is_bad else messages.SUCCESS, text, extra_tags=undo)
        return answer
    said = {"text": text, "undo": undo, "tone": "bad" if is_bad else ""}
    answer.headers["HX-Trigger"] = json.dumps({"toast": said} | events)
    return answer


def _is_htmx(request: HttpRequest) -> bool:
    return bool(getattr(request, "htmx", False))
