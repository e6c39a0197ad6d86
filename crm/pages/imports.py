"""/imports: moving in with spreadsheets, in steps: the file, its columns, what would come of it, bringing it in."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from crm.errors import CrmError
from crm.exports.formats import FORMATS
from crm.exports.sending import streamed
from crm.imports.fields import Field, People, fields_of
from crm.imports.running import counts, take_in
from crm.models import Agent, ImportBatch, ImportKind, ImportOutcome, ImportRow, ImportStatus, Role
from crm.pages import said
from crm.rights import sees_everything
from crm.tasks import work_on_import

MOST_SHOWN = 100
# The rows a person has to look at first.
_ORDER = [ImportOutcome.WRONG, ImportOutcome.REPEATED, ImportOutcome.UPDATED, ImportOutcome.SAME, ImportOutcome.KEPT]
_LEFT_ALONE = (ImportStatus.UPLOADED, ImportStatus.CHECKED, ImportStatus.FAILED)


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
        "may_check": batch.status in _LEFT_ALONE,
        "may_run": batch.status == ImportStatus.CHECKED and bool(found.get("created") or found.get("updated")),
        "may_undo": batch.status in (ImportStatus.DONE, ImportStatus.FAILED) and _has_brought(batch),
    }


def _has_brought(batch: ImportBatch) -> bool:
    brought = [ImportOutcome.CREATED, ImportOutcome.UPDATED]
    return batch.rows.filter(outcome__in=brought, object_id__isnull=False).exists() and not _is_only_checked(batch)


def _is_only_checked(batch: ImportBatch) -> bool:
    """Say whether the rows tell what would come of them: new ones that came have ids."""
    return batch.rows.filter(outcome=ImportOutcome.CREATED, object_id=None).exists()


@login_required
@require_POST
def check(request: HttpRequest, batch_id: int) -> HttpResponse:
    """Keep which column is what, and go through the file."""
    _manager(request)
    batch = get_object_or_404(ImportBatch, pk=batch_id)
    fields = fields_of(batch.kind, People())
    mapping = _mapping(request, fields, len(batch.headings))
    missing = [str(one.label) for one in fields.values() if one.is_needed and one.name not in mapping]
    if missing or not mapping:
        text = _("Choose a column for: %(names)s.") % {"names": ", ".join(missing) or _("at least one field")}
        return said.refused(request, _to(batch), text)
    values = {"mapping": mapping, "updates": request.POST.get("updates") == "yes", "done_rows": 0, "problem": ""}
    return _start(request, batch, _LEFT_ALONE, ImportStatus.CHECKING, clear=True, **values)


@login_required
@require_POST
def run(request: HttpRequest, batch_id: int) -> HttpResponse:
    _manager(request)
    batch = get_object_or_404(ImportBatch, pk=batch_id)
    return _start(request, batch, (ImportStatus.CHECKED,), ImportStatus.RUNNING, clear=True, done_rows=0)


@login_required
@require_POST
def undo(request: HttpRequest, batch_id: int) -> HttpResponse:
    _manager(request)
    batch = get_object_or_404(ImportBatch, pk=batch_id)
    if not _has_brought(batch):
        return said.refused(request, _to(batch), _("Nothing of this file is in."))
    return _start(request, batch, (ImportStatus.DONE, ImportStatus.FAILED), ImportStatus.UNDOING)


def _start(
    request: HttpRequest,
    batch: ImportBatch,
    since: tuple[ImportStatus, ...],
    status: ImportStatus,
    *,
    clear: bool = False,
    **values: Any,
) -> HttpResponse:
    """Have a worker begin, once: of two who press at once the second changes nothing."""
    if clear and batch.status == ImportStatus.FAILED and _has_brought(batch):
        return said.refused(request, _to(batch), _("Part of this file is in. Take it back first."))
    if not ImportBatch.objects.filter(pk=batch.pk, status__in=since).update(status=status, finished_at=None, **values):
        return said.refused(request, _to(batch), _("This file is being worked on, or is done."))
    if clear:
        batch.rows.all().delete()
    work_on_import.delay_on_commit(batch.pk)
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
