"""The system prompt of each stage: rows that staff edit, with the call's facts filled in.

Rows are read again every few seconds, in the background: no call waits for them.
"""

from __future__ import annotations

import asyncio
import logging
import re
import threading
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from asgiref.sync import sync_to_async
from django.db import DatabaseError

from calls.stages.default_prompts import DEFAULT_PROMPTS
from calls.stages.interface import Facts

logger = logging.getLogger(__name__)

_FRESH_SECONDS = 5.0
_PLACEHOLDER = re.compile(r"\{\{\{?\s*([^{}]*?)\s*\}?\}\}")
_NOT_KNOWN = "not known yet"
# The placeholder of everything that is known.
_ALL = "CONTEXT"
_LABELS = {
    "full_name": "name",
    "property_type": "kind of home",
    "selected_time": "chosen time",
    "move_in_on": "move-in date",
}


class Template:
    """One prompt, split once into its words and its placeholders."""

    def __init__(self, text: str) -> None:
        pieces = _PLACEHOLDER.split(text)
        self._words = [piece.replace("{{", "").replace("}}", "") for piece in pieces[::2]]
        self._names = [name if name == _ALL else name.lower() for name in map(str.strip, pieces[1::2])]

    def render(self, context: Facts, known: str) -> str:
        """Return the prompt for a call. What is not known yet is said to be so."""
        parts = [self._words[0]]
        for name, words in zip(self._names, self._words[1:], strict=True):
            parts.append((known or "nothing yet") if name == _ALL else value(context, name))
            parts.append(words)
        return "".join(parts)


def value(context: Facts, name: str) -> str:
    """Return one fact as words."""
    found = context.get(name)
    if type(found) is str:
        return found or _NOT_KNOWN
    if found is None:
        return _NOT_KNOWN
    if name == "budget" and isinstance(found, int | float):
        return f"{found:,}"
    if isinstance(found, bool):
        return "yes" if found else "no"
    return str(found)


def summary(context: Facts) -> str:
    """Return all facts as one line: "budget $1,800 a month, timeline 3 months"."""
    return ", ".join([_said(name, context) for name in context])


def _said(name: str, context: Facts) -> str:
    said = value(context, name)
    if name == "budget":
        return f"budget ${said} a month"
    return f"{_LABELS.get(name) or name.replace('_', ' ')} {said}"


class Spoken(NamedTuple):
    """A prompt that may speak: which version it is (0: the one that comes with Pete), and its text."""

    version_id: int
    template: Template


# By stage and Vapi's id of the assistant, "" for the office's own.
Book = dict[tuple[str, str], Spoken]
_BUILT_IN: Book = {(stage, ""): Spoken(0, Template(text)) for stage, text in DEFAULT_PROMPTS.items()}

_book: Book = _BUILT_IN
_lock = threading.Lock()
_read_at = 0.0
_reading: set[asyncio.Task[None]] = set()


def chosen(stage: str, assistant: str = "") -> Spoken:
    """Return the prompt that speaks in this stage for Vapi's `assistant`, from the rows as last read."""
    return (assistant and _book.get((stage, assistant))) or _book[stage, ""]


def render(stage: str, context: Facts, known: str | None = None, *, assistant: str = "") -> str:
    """Return the words of `chosen` for a call. `known` is the context's summary, if at hand."""
    return chosen(stage, assistant).template.render(context, summary(context) if known is None else known)


def refresh_soon() -> None:
    """Read the rows again in the background when they have been read some time ago. Needs a running loop."""
    global _read_at
    now = time.monotonic()
    if now - _read_at > _FRESH_SECONDS:
        _read_at = now
        task = asyncio.get_running_loop().create_task(_refresh())
        _reading.add(task)
        task.add_done_callback(_reading.discard)


async def _refresh() -> None:
    try:
        await sync_to_async(refresh, thread_sensitive=False)()
    except DatabaseError as exc:
        logger.warning("The stage prompts could not be read, the last ones stay: %s", exc)


def refresh() -> None:
    """Read the newest version of each prompt now."""
    from calls.models import StagePrompt

    newest = StagePrompt.objects.order_by("stage", "assistant_id", "-version").distinct("stage", "assistant_id")
    rows = newest.values_list("stage", "assistant__vapi_id", "pk", "text")
    _install({(stage, assistant or ""): Spoken(pk, Template(text)) for stage, assistant, pk, text in rows if text})


def install(texts: Mapping[str, Any]) -> None:
    """Use these texts; a stage without one speaks its default."""
    _install({(stage, ""): Spoken(0, Template(text)) for stage, text in texts.items() if text})


def _install(book: Book) -> None:
    global _book, _read_at
    with _lock:
        _book = _BUILT_IN | book
        _read_at = time.monotonic()
