"""The history of stage prompts: write the next version, go back to an earlier one, compare, preview."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.db import IntegrityError, connection, transaction
from django.db.models import Q, QuerySet

from calls.errors import PromptConflict
from calls.models import Assistant, Call, Stage, StagePrompt
from calls.stages import prompts
from calls.stages.facts import FACT_NAMES
from crm.errors import BadArguments
from crm.models import Agent

LONGEST_TEXT = 20_000
LONGEST_NOTE = 200
_CONFLICT = "{author} saved version {version} of this prompt while you were writing. Your words are still here."
_COUNT = """
    SELECT prompt_id, count(*) FROM (
        SELECT prompt_id, call_id FROM calls_promptuse WHERE prompt_id = ANY(%s)
        UNION SELECT stage_prompt_id, call_id FROM calls_toolcall WHERE stage_prompt_id = ANY(%s)
    ) AS spoken GROUP BY prompt_id
"""
_UNKNOWN = (
    "“{name}” is no fact that Pete collects: unless the assistant hands it over with update_system_prompt, "
    "“not known yet” is said in its place."
)
_ENDED = "The assistant follows the office's prompt again."


def versions(stage: str, assistant: Assistant | None = None) -> QuerySet[StagePrompt]:
    """Return the versions of one prompt, newest first: the office's, or one assistant's own."""
    return StagePrompt.objects.filter(stage=stage, assistant=assistant).select_related("author").order_by("-version")


def newest(stage: str, assistant: Assistant | None = None) -> StagePrompt | None:
    return versions(stage, assistant).first()


def speaking(stage: str, assistant: Assistant | None = None) -> StagePrompt | None:
    """Return the version that speaks for `assistant`: its own, else the office's. None: the one built in."""
    own = newest(stage, assistant) if assistant else None
    return own if own and own.text else newest(stage)


def write_version(
    *,
    stage: str,
    text: str,
    author: Agent | None,
    base: int,
    assistant: Assistant | None = None,
    note: str = "",
) -> StagePrompt:
    """Write the version that follows `base`, the newest one the author saw (0: there was none).

    The same text as the newest version's writes nothing. Raises PromptConflict when there is a newer one than `base`,
    BadArguments for a text that cannot speak.
    """
    text = clean(text)
    _check(stage, text, note)
    return _append(stage, text, author, base, assistant, note)


def end_override(*, stage: str, assistant: Assistant, author: Agent | None, base: int) -> StagePrompt:
    """Have the assistant follow the office's prompt again. Its own versions stay in the history."""
    return _append(stage, "", author, base, assistant, _ENDED)


def restore(version: StagePrompt, *, author: Agent | None, base: int) -> StagePrompt:
    """Write an earlier version's text as the next version."""
    note = f"Back to version {version.version}"
    return _append(version.stage, version.text, author, base, version.assistant, note)


def _append(
    stage: str, text: str, author: Agent | None, base: int, assistant: Assistant | None, note: str
) -> StagePrompt:
    last = newest(stage, assistant)
    if (last.version if last else 0) != base:
        raise _conflict(last)
    if last and last.text == text:
        return last
    try:
        with transaction.atomic():
            return StagePrompt.objects.create(
                stage=stage, assistant=assistant, version=base + 1, text=text, author=author, note=note
            )
    except IntegrityError as exc:
        if exc.__cause__.diag.constraint_name != "stage_prompt_version_once":  # type: ignore[union-attr]
            raise
        raise _conflict(newest(stage, assistant)) from exc


def _conflict(last: StagePrompt | None) -> PromptConflict:
    author = last.author.full_name if last and last.author else "Somebody"
    return PromptConflict(_CONFLICT.format(author=author, version=last.version if last else 0), last)


def clean(text: str) -> str:
    """Return the text as it is kept: Unix line ends, nothing around it."""
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def _check(stage: str, text: str, note: str) -> None:
    if stage not in Stage.values:
        raise BadArguments("There is no such stage.")
    if not text:
        raise BadArguments("Write what the assistant is to do in this stage.")
    if "\0" in text or "\0" in note:
        raise BadArguments("The text holds a character that cannot be kept.")
    if len(text) > LONGEST_TEXT:
        raise BadArguments(f"The text has {len(text):,} characters; at most {LONGEST_TEXT:,} are sent with each turn.")
    if len(note) > LONGEST_NOTE:
        raise BadArguments(f"The reason may have {LONGEST_NOTE} characters.")


def warnings(stage: str, text: str) -> list[str]:
    """Return what is probably not meant: placeholders no call fills, no way on to the next stage."""
    names = {name.strip() for name in re.findall(r"\{\{\{?([^{}]*)\}?\}\}", text)}
    unknown = sorted(name for name in names if name != "CONTEXT" and name.lower() not in FACT_NAMES)
    found = [_UNKNOWN.format(name=name) for name in unknown]
    if len(re.findall(r"\{\{", text)) != len(re.findall(r"\}\}", text)):
        found.append("A pair of braces is open: write placeholders as {{budget}}.")
    if stage != Stage.CONFIRMATION and "update_system_prompt" not in text:
        found.append("update_system_prompt is not named: the assistant may stay in this stage for the whole call.")
    return found


def preview(text: str, call: Call | None) -> str:
    """Return the words that would speak in this call; without one, as in a call that knows nothing."""
    context = call.context if call and isinstance(call.context, dict) else {}
    return prompts.Template(clean(text)).render(context, prompts.summary(context))


@dataclass(frozen=True)
class Line:
    """One line of a comparison. `kind` is added, removed, same or gap."""

    kind: str
    text: str


def compare(before: str, after: str, context: int = 3) -> list[Line]:
    """Return how `after` differs from `before`, with a few lines around; empty when it does not."""
    found = list(_compare(before, after, context))
    return found[1:] if found and found[0].kind == "gap" else found


def _compare(before: str, after: str, context: int) -> Iterator[Line]:
    kinds = {"+": "added", "-": "removed", " ": "same", "@": "gap"}
    lines = difflib.unified_diff(before.split("\n"), after.split("\n"), lineterm="", n=context)
    for number, line in enumerate(lines):
        # The first two name the files.
        if number > 1:
            yield Line(kinds[line[0]], "" if line[0] == "@" else line[1:])


def spoken_in(call: Call) -> QuerySet[StagePrompt]:
    """Return the versions that spoke in a call."""
    noted = Q(pk__in=call.prompt_uses.values("prompt")) | Q(pk__in=call.tool_calls.values("stage_prompt"))
    return StagePrompt.objects.filter(noted).select_related("assistant").order_by("stage", "version")


def count_calls(version_ids: Sequence[int]) -> dict[int, int]:
    """Return in how many calls each of these versions spoke."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, [list(version_ids), list(version_ids)])
        return dict(cursor.fetchall())
