"""/calls/<id>/note: a few words about the caller, kept with the lead, without leaving the board."""

from __future__ import annotations

import uuid
from typing import cast

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods
from django.views.decorators.vary import vary_on_headers

from calls.models import Call
from calls.rights import visible_calls
from crm.composer_forms import NoteForm
from crm.models import Agent, Lead
from crm.notes import write_note
from crm.pages.said import done
from crm.rights import may_edit_lead


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@vary_on_headers("HX-Request")
def note(request: HttpRequest, call_id: uuid.UUID) -> HttpResponse:
    """The form; posted, the note is written."""
    person = cast(Agent, request.user)
    call = visible_calls(person).select_related("lead", "lead__owner").filter(pk=call_id, lead__isnull=False).first()
    if call is None:
        raise Http404
    lead = cast(Lead, call.lead)
    if request.method != "POST":
        return _form(request, call, NoteForm())
    if not may_edit_lead(person, lead):
        raise PermissionDenied(_("Claim this lead first, or ask its owner."))
    form = NoteForm(request.POST)
    if not form.is_valid():
        return _form(request, call, form, status=422)
    write_note(lead=lead, text=form.cleaned_data["text"], agent=person)
    is_htmx = bool(getattr(request, "htmx", False))
    answer = HttpResponse(status=204) if is_htmx else redirect("dashboard")
    return done(request, answer, _("Note kept."), **{"sheet:close": ""})


def _form(request: HttpRequest, call: Call, form: NoteForm, status: int = 200) -> HttpResponse:
    lead = cast(Lead, call.lead)
    form.fields["text"].widget.attrs["autofocus"] = True
    may = may_edit_lead(cast(Agent, request.user), lead)
    context = {"place": "dashboard", "call": call, "lead": lead, "form": form, "may": may}
    template = "calls/parts/note.html" if getattr(request, "htmx", False) else "calls/note.html"
    return render(request, template, context, status=status)
