"""/prompts: what the assistant is told in each stage. Everybody reads the history; managers write the next version."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from calls import stage_prompts
from calls.errors import PromptConflict
from calls.forms import PromptForm, recent_calls
from calls.models import Assistant, Call, Stage, StagePrompt
from calls.stages.facts import FACT_NAMES
from crm.api.permissions import may_manage
from crm.errors import BadArguments
from crm.models import Agent

_MOST_SHOWN = 100


@login_required
@never_cache
@require_safe
def prompts(request: HttpRequest) -> HttpResponse:
    """The three stages, the version that speaks in each, and the assistants with words of their own."""
    stages = [(stage, stage_prompts.newest(stage.value)) for stage in Stage]
    own = StagePrompt.objects.filter(assistant__isnull=False).select_related("assistant", "author")
    newest = own.order_by("assistant__name", "assistant_id", "stage", "-version").distinct(
        "assistant__name", "assistant_id", "stage"
    )
    overrides = [version for version in newest if version.text]
    with_counts([*(version for _stage, version in stages if version), *overrides])
    context = _context(request) | {"stages": stages, "overrides": overrides}
    return render(request, "calls/prompts.html", context)


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def prompt(request: HttpRequest, stage: str) -> HttpResponse:
    """One prompt and its history. POST previews the text for a call, or saves it as the next version."""
    kind, assistant = _stage(stage), _assistant(request)
    if request.method == "POST":
        return _post(request, kind, assistant)
    newest = stage_prompts.newest(kind, assistant)
    own = newest if newest and newest.text else stage_prompts.speaking(kind)
    initial = {
        "text": own.text if own else "",
        "base": newest.version if newest else 0,
        "call": request.GET.get("call", ""),
    }
    return _page(request, kind, assistant, PromptForm(initial=initial), newest)


def _post(request: HttpRequest, stage: str, assistant: Assistant | None) -> HttpResponse:
    _require_manager(request)
    form = PromptForm(request.POST)
    newest = stage_prompts.newest(stage, assistant)
    if not form.is_valid():
        return _page(request, stage, assistant, form, newest, status=422)
    given = form.cleaned_data
    if "preview" in request.POST:
        return _page(request, stage, assistant, form, newest)
    try:
        saved = stage_prompts.write_version(
            stage=stage,
            text=given["text"],
            note=given["note"],
            base=given["base"],
            author=cast(Agent, request.user),
            assistant=assistant,
        )
    except BadArguments as exc:
        form.add_error("text", exc.message)
        return _page(request, stage, assistant, form, newest, status=422)
    except PromptConflict as exc:
        return _conflict(request, stage, assistant, form, exc)
    messages.success(request, _("Version %(n)s speaks from the next turn on.") % {"n": saved.version})
    return redirect(_address(stage, assistant))


def _conflict(
    request: HttpRequest, stage: str, assistant: Assistant | None, form: PromptForm, exc: PromptConflict
) -> HttpResponse:
    """Show both texts. Saving again then follows the newest version, which has been seen by then."""
    given = form.cleaned_data
    newest = exc.newest
    again = PromptForm(initial={**given, "base": newest.version if newest else 0})
    lines = stage_prompts.compare(newest.text if newest else "", stage_prompts.clean(given["text"]))
    extra = {"conflict": exc.message, "lines": lines, "text": given["text"]}
    return _page(request, stage, assistant, again, newest, status=409, **extra)


@login_required
@never_cache
@require_safe
def version(request: HttpRequest, stage: str, number: str) -> HttpResponse:
    """One version: its words, what it changed, and what has changed since."""
    kind, assistant, place = _stage(stage), _assistant(request), int(number)
    [shown] = with_counts([get_object_or_404(stage_prompts.versions(kind, assistant), version=place)])
    before = stage_prompts.versions(kind, assistant).filter(version=place - 1).first()
    newest = stage_prompts.newest(kind, assistant)
    context = _context(request) | {
        "stage": Stage(kind),
        "assistant": assistant,
        "version": shown,
        "before": before,
        "newest": newest,
        "changed": stage_prompts.compare(before.text if before else "", shown.text),
        "since": stage_prompts.compare(shown.text, newest.text) if newest else [],
        "query": _query(assistant),
    }
    return render(request, "calls/prompt_version.html", context)


@login_required
@require_POST
def restore(request: HttpRequest, stage: str, number: str) -> HttpResponse:
    """Go back to a version; 0 ends an assistant's own words. `base` is the newest version that was seen."""
    _require_manager(request)
    kind, assistant, author = _stage(stage), _assistant(request), cast(Agent, request.user)
    base = request.POST.get("base", "")
    seen = int(base) if base.isascii() and base.isdigit() and len(base) < 10 else -1
    try:
        if int(number) == 0 and assistant is not None:
            stage_prompts.end_override(stage=kind, assistant=assistant, author=author, base=seen)
            messages.success(request, _("%(name)s follows the office's prompt again.") % {"name": assistant})
        else:
            old = get_object_or_404(stage_prompts.versions(kind, assistant).exclude(text=""), version=int(number))
            saved = stage_prompts.restore(old, author=author, base=seen)
            messages.success(request, _("Version %(n)s speaks from the next turn on.") % {"n": saved.version})
    except PromptConflict as exc:
        messages.error(request, _("Nothing was changed: %(why)s") % {"why": exc.message.split(" Your words")[0]})
    return redirect(_address(kind, assistant))


def _page(
    request: HttpRequest,
    stage: str,
    assistant: Assistant | None,
    form: PromptForm,
    newest: StagePrompt | None,
    status: int = 200,
    **extra: Any,
) -> HttpResponse:
    history = with_counts(stage_prompts.versions(stage, assistant)[:_MOST_SHOWN])
    text = extra.pop("text", None) or str(form["text"].value() or "")
    call = _call(str(form["call"].value() or ""))
    context = _context(request) | {
        "stage": Stage(stage),
        "assistant": assistant,
        "form": form,
        "newest": newest,
        "history": history,
        "warnings": stage_prompts.warnings(stage, text),
        "preview": stage_prompts.preview(text, call),
        "preview_call": call,
        "calls": recent_calls(),
        "facts": sorted(FACT_NAMES),
        "query": _query(assistant),
    }
    return render(request, "calls/prompt.html", context | extra, status=status)


def with_counts(versions: Iterable[StagePrompt]) -> list[StagePrompt]:
    """Return the versions with `calls_count`, in how many calls each spoke."""
    rows = list(versions)
    counts = stage_prompts.count_calls([row.pk for row in rows])
    for row in rows:
        row.calls_count = counts.get(row.pk, 0)  # type: ignore[attr-defined]
    return rows


def _call(name: str) -> Call | None:
    with suppress(ValueError):
        return Call.objects.filter(pk=uuid.UUID(name)).first()
    return None


def _stage(name: str) -> str:
    stage = name.upper()
    if stage not in Stage.values:
        raise Http404
    return stage


def _assistant(request: HttpRequest) -> Assistant | None:
    """Return the assistant whose own words are meant, None for the office's."""
    given = request.GET.get("assistant", "")
    if not given:
        return None
    if not (given.isascii() and given.isdigit() and len(given) < 19):
        raise Http404
    return get_object_or_404(Assistant, pk=int(given))


def _query(assistant: Assistant | None) -> str:
    return f"?assistant={assistant.pk}" if assistant else ""


def _address(stage: str, assistant: Assistant | None) -> str:
    return reverse("prompt", args=[stage.lower()]) + _query(assistant)


def _require_manager(request: HttpRequest) -> None:
    if not may_manage(cast(Agent, request.user)):
        raise PermissionDenied


def _context(request: HttpRequest) -> dict[str, Any]:
    return {"place": "assistants", "is_manager": may_manage(cast(Agent, request.user))}
