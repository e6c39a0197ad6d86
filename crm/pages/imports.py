"""/imports: moving in with spreadsheets, in steps: the file, its columns, what would come of it, bringing it in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from django import forms
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from crm.errors import CrmError
from crm.exports.formats import FORMATS
from crm.exports.sending import streamed
from crm.imports import acting
from crm.imports.fields import Field, People, fields_of
from crm.imports.running import counts, take_in
from crm.models import Agent, ImportBatch, ImportKind, ImportOutcome, ImportRow, ImportStatus, Role
from crm.pages import said
from crm.rights import sees_everything

MOST_SHOWN = 100
# The rows a person has to look at first.
_ORDER = [ImportOutcome.WRONG, ImportOutcome.REPEATED, ImportOutcome.UPDATED, ImportOutcome.SAME, ImportOutcome.KEPT]


class UploadForm(forms.Form):
    kind = forms.ChoiceField(
        choices=ImportKind.choices, label=gettext_lazy("What is in it"), widget=forms.Select({"class": "input"})
    )
    file = forms.FileField(
        label=gettext_lazy("File: CSV or Excel (.xlsx)"),
        widget=forms.FileInput({"class": "input", "accept": ".csv,.tsv,.txt,.xlsx"}),
        max_length=200,
    )


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def imports(request: HttpRequest) -> HttpResponse:
    """What was brought in, and the way to bring in more."""
    person = _manager(request)
    form = UploadForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        file = form.cleaned_data["file"]
        try:
            batch = take_in(file, filename=file.name, kind=form.cleaned_data["kind"], agent=person)
        except CrmError as exc:
            form.add_error("file", exc.message)
        else:
            return HttpResponseRedirect(reverse("import", args=[batch.pk]))
    context = {
        "place": "settings",
        "form": form,
        "batches": ImportBatch.objects.select_related("agent")[:50],
        "may_take_all": person.is_superuser or person.role == Role.ADMIN,
    }
    return render(request, "crm/imports/imports.html", context, status=422 if form.is_bound else 200)


@login_required
@never_cache
@require_safe
def one(request: HttpRequest, batch_id: int) -> HttpResponse:
    """One file; while it is worked on, htmx asks for its state again and again."""
    _manager(request)
    batch = get_object_or_404(ImportBatch.objects.select_related("agent"), pk=batch_id)
    template = "crm/imports/parts/state.html" if request.headers.get("HX-Request") else "crm/imports/import.html"
    return render(request, template, _context(batch))


def _context(batch: ImportBatch) -> dict[str, Any]:
    fields, found = fields_of(batch.kind, People()), counts(batch)
    shown = [(o, o.label, found.get(o, 0)) for o in ImportOutcome if found.get(o)]
    return {
        "place": "settings",
        "batch": batch,
        "choices": [(one, batch.mapping.get(one.name)) for one in fields.values()],
        "headings": list(enumerate(batch.headings)),
        "counts": shown,
        "groups": [(o, o.label, list(batch.rows.filter(outcome=o)[:MOST_SHOWN])) for o in _ORDER if found.get(o)],
        "most_shown": MOST_SHOWN,
        "percent": min(100, batch.done_rows * 100 // batch.total_rows) if batch.total_rows else None,
        "may_check": batch.status in acting.LEFT_ALONE,
        "may_run": batch.status == ImportStatus.CHECKED and bool(found.get("created") or found.get("updated")),
        "may_undo": batch.status in (ImportStatus.DONE, ImportStatus.FAILED) and acting.has_brought(batch),
    }


@login_required
@require_POST
def check(request: HttpRequest, batch_id: int) -> HttpResponse:
    """Keep which column is what, and go through the file."""
    batch = _batch(request, batch_id)
    mapping = _mapping(request, fields_of(batch.kind, People()), len(batch.headings))
    updates = request.POST.get("updates") == "yes"
    return _done(request, batch, lambda: acting.check(batch, mapping, updates=updates))


@login_required
@require_POST
def run(request: HttpRequest, batch_id: int) -> HttpResponse:
    batch = _batch(request, batch_id)
    return _done(request, batch, lambda: acting.run(batch))


@login_required
@require_POST
def undo(request: HttpRequest, batch_id: int) -> HttpResponse:
    batch = _batch(request, batch_id)
    return _done(request, batch, lambda: acting.undo(batch))


def _batch(request: HttpRequest, batch_id: int) -> ImportBatch:
    _manager(request)
    return get_object_or_404(ImportBatch, pk=batch_id)


def _done(request: HttpRequest, batch: ImportBatch, act: Callable[[], None]) -> HttpResponse:
    try:
        act()
    except CrmError as exc:
        return said.refused(request, _to(batch), exc.message)
    return _to(batch)


def _mapping(request: HttpRequest, fields: dict[str, Field], columns: int) -> dict[str, int]:
    given = {name: request.POST.get(f"column-{name}", "") for name in fields}
    return {name: int(text) for name, text in given.items() if text.isdecimal() and int(text[:4]) < columns}


@login_required
@require_safe
def rows(request: HttpRequest, batch_id: int, extension: str) -> StreamingHttpResponse:
    """What came of every row, as a file."""
    _manager(request)
    batch = get_object_or_404(ImportBatch, pk=batch_id)
    if extension not in FORMATS:
        raise Http404
    content_type, written = FORMATS[extension]
    found = (_line(row) for row in batch.rows.iterator(chunk_size=2_000))
    chunks = written(["row", "outcome", "what", "id"], found)
    return streamed(request, chunks, content_type, f"import-{batch.pk}.{extension}")


def _line(row: ImportRow) -> list[Any]:
    return [row.line, row.get_outcome_display(), row.text, row.object_id]


def _to(batch: ImportBatch) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("import", args=[batch.pk]))


def _manager(request: HttpRequest) -> Agent:
    person = cast(Agent, request.user)
    if not sees_everything(person):
        raise PermissionDenied
    return person
