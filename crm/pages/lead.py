"""/leads/<id>: one lead, its history and what can be done about it."""

from __future__ import annotations

from typing import cast

from django.contrib.auth.decorators import login_required
from django.db import IntegrityError, transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from crm import claims, undo
from crm.errors import CrmError
from crm.fact_forms import FACTS, FactForm
from crm.lead_editing import edit_lead
from crm.lead_record import fact
from crm.lead_words import field_label
from crm.models import Agent, Lead, LeadMerge, LeadStage
from crm.pages.composer import composer_context
from crm.pages.lead_parts import address, editable_lead_of, is_htmx, lead_of, list_context, now_context, shown_anew
from crm.pages.said import done, refused, undone
from crm.rights import assignable


@login_required
@never_cache
@require_safe
@vary_on_headers("HX-Request")
def lead(request: HttpRequest, lead_id: int) -> HttpResponse:
    """The page; htmx asks for the timeline and the panel alone."""
    merged = LeadMerge.objects.filter(gone_lead_id=lead_id, undone_at=None).first()
    row = lead_of(request, merged.kept_id if merged else lead_id)
    if merged:
        return redirect("lead", row.pk)
    context = now_context(request, row)
    if is_htmx(request) and request.htmx.target == "lead-now":  # type: ignore[attr-defined]
        return render(request, "crm/leads/parts/fresh.html", context)
    context |= (
        {"place": "leads", "about": f"lead:{row.pk}"} | list_context(request, row) | composer_context(request, row)
    )
    if context["edited"] in FACTS:
        context["fact_form"] = FactForm(row, context["edited"])
    return render(request, "crm/leads/lead.html", context)


@login_required
@require_POST
def claim(request: HttpRequest, lead_id: int) -> HttpResponse:
    """Take a lead that belongs to nobody. From a list the list is brought up to date."""
    row, person = lead_of(request, lead_id), cast(Agent, request.user)
    from_list = is_htmx(request) and request.htmx.target != "lead-now"  # type: ignore[attr-defined]
    answer = HttpResponse(status=204) if from_list else None
    try:
        row = claims.claim(row, person)
    except claims.AlreadyClaimed as exc:
        return refused(request, answer or shown_anew(request, row), exc.message, **{"leads:changed": ""})
    text = _("%(name)s is yours.") % {"name": row}
    way_back = reverse("lead-release", args=[row.pk])
    return done(request, answer or shown_anew(request, row), text, undo=way_back, **{"leads:changed": ""})


@login_required
@require_POST
def release(request: HttpRequest, lead_id: int) -> HttpResponse:
    """Give back what was claimed."""
    row = lead_of(request, lead_id)
    if not claims.release(row, cast(Agent, request.user)):
        return refused(request, shown_anew(request, row), _("That lead is not yours."))
    return undone(request, redirect(address(request, row)))


@login_required
@require_POST
def move(request: HttpRequest, lead_id: int) -> HttpResponse:
    """Put the lead into another stage."""
    row = editable_lead_of(request, lead_id)
    stage, reason = request.POST.get("stage", ""), " ".join(request.POST.get("lost_reason", "").split())[:200]
    return _edit(request, row, {"stage": stage, "lost_reason": reason}, _stage_word(stage))


def _stage_word(stage: str) -> str:
    return _("Moved to %(stage)s.") % {"stage": dict(LeadStage.choices).get(stage, stage)}


@login_required
@require_POST
def hand_over(request: HttpRequest, lead_id: int) -> HttpResponse:
    """Give the lead to somebody else, or to nobody."""
    row, wanted = editable_lead_of(request, lead_id), request.POST.get("owner", "")
    people = assignable(cast(Agent, request.user))
    owner = get_object_or_404(people, pk=wanted) if wanted.isascii() and wanted.isdigit() else None
    text = _("%(name)s has it now.") % {"name": owner} if owner else _("It belongs to nobody now.")
    return _edit(request, row, {"owner": owner}, text)


def _edit(request: HttpRequest, row: Lead, values: dict[str, object], text: str) -> HttpResponse:
    before, since = undo.values_of(row, list(values)), row.stage_changed_at if "stage" in values else None
    try:
        changed = edit_lead(lead=row, values=values, agent=cast(Agent, request.user), actor="staff")
    except CrmError as exc:
        return refused(request, shown_anew(request, row), exc.message)
    answer = shown_anew(request, row)
    if not changed:
        return answer
    return done(
        request, answer, text, undo=reverse("lead-undo", args=[row.pk, undo.token(row, before, stage_since=since)])
    )


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def edit_fact(request: HttpRequest, lead_id: int, name: str) -> HttpResponse:
    """One fact: its form, or with `plain` just its line. POST writes it down."""
    if name not in FACTS:
        raise Http404
    row = editable_lead_of(request, lead_id)
    if request.method != "POST":
        return _fact_line(request, row, name, None if "plain" in request.GET else FactForm(row, name))
    form = FactForm(row, name, request.POST)
    before = undo.values_of(row, [name])
    if not form.is_valid() or not _write(request, row, form):
        return _fact_line(request, row, name, form, status=422)
    answer = _fact_line(request, row, name, None) if is_htmx(request) else redirect(address(request, row))
    way_back = reverse("lead-undo", args=[row.pk, undo.token(row, before)])
    text = _("%(field)s changed.") % {"field": field_label(name)}
    return done(request, answer, text, undo=way_back, **{"lead:changed": ""})


def _write(request: HttpRequest, row: Lead, form: FactForm) -> bool:
    person = cast(Agent, request.user)
    try:
        with transaction.atomic():
            edit_lead(lead=row, values=form.values, agent=person, actor="staff")
    except IntegrityError:
        if form.name != "phone":
            raise
        form.refuse_number(person)
        return False
    return True


def _fact_line(request: HttpRequest, row: Lead, name: str, form: FactForm | None, status: int = 200) -> HttpResponse:
    context = {"lead": row, "fact": fact(row, name), "fact_form": form, "may_edit": True}
    template = "crm/leads/parts/fact.html" if is_htmx(request) else "crm/leads/fact.html"
    return render(request, template, context | {"place": "leads"}, status=status)


@login_required
@require_POST
def take_back(request: HttpRequest, lead_id: int, token: str) -> HttpResponse:
    """Undo an edit of the last minutes."""
    row = editable_lead_of(request, lead_id)
    try:
        undo.take_back(token, row, cast(Agent, request.user))
    except CrmError as exc:
        return refused(request, HttpResponse(status=204) if is_htmx(request) else redirect("lead", row.pk), exc.message)
    return undone(request, redirect("lead", row.pk))
