"""/leads/<id>/merge: who may be the same person, comparing the two, making them one, parting them again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from crm import merging
from crm.duplicates import candidates
from crm.errors import MergeRefused
from crm.lead_record import fact
from crm.lead_words import field_label
from crm.models import Agent, Lead, LeadMerge
from crm.pages.lead_parts import editable_lead_of, is_htmx, lead_of
from crm.pages.said import done, refused, undone
from crm.rights import may_edit_lead


@dataclass(frozen=True)
class Choice:
    """One field in which two leads differ. `takes_other`: what is suggested."""

    name: str
    label: str
    own: str
    other: str
    takes_other: bool


@login_required
@never_cache
@require_safe
def duplicates(request: HttpRequest, lead_id: int) -> HttpResponse:
    """A part of the lead's panel, asked for once the page is there."""
    lead, person = lead_of(request, lead_id), cast(Agent, request.user)
    if not is_htmx(request):
        return redirect("lead", lead.pk)
    merged = [row for row in LeadMerge.objects.filter(kept=lead, undone_at=None)[:3] if merging.can_part(row)]
    context = {
        "lead": lead,
        "candidates": candidates(lead, person),
        "merged": merged,
        "may_edit": may_edit_lead(person, lead),
    }
    return render(request, "crm/leads/parts/duplicates.html", context)


@login_required
@never_cache
@require_safe
def compare(request: HttpRequest, lead_id: int, other_id: int) -> HttpResponse:
    """Both leads side by side, where they differ."""
    lead, other = _pair(request, lead_id, other_id)
    context = {"lead": lead, "other": other, "choices": _choices(lead, other), "place": "leads"}
    return render(request, "crm/leads/parts/compare.html" if is_htmx(request) else "crm/leads/compare.html", context)


@login_required
@require_POST
def merge(request: HttpRequest, lead_id: int, other_id: int) -> HttpResponse:
    """Take the other lead into this one, with the facts that were chosen."""
    lead, other = _pair(request, lead_id, other_id)
    take = [name for name in merging.CHOICES if request.POST.get(name) == "other"]
    try:
        row = merging.merge(lead, other, take=take, agent=cast(Agent, request.user))
    except MergeRefused as exc:
        return refused(request, redirect("lead", lead.pk), exc.message)
    text = _("%(other)s is part of this lead now.") % {"other": other}
    return done(request, redirect("lead", lead.pk), text, undo=reverse("lead-part", args=[lead.pk, row.pk]))


@login_required
@require_POST
def part(request: HttpRequest, lead_id: int, merge_id: int) -> HttpResponse:
    """Part what was merged."""
    lead = editable_lead_of(request, lead_id)
    get_object_or_404(LeadMerge, pk=merge_id, kept=lead)
    try:
        merging.part(merge_id, cast(Agent, request.user))
    except MergeRefused as exc:
        return refused(request, redirect("lead", lead.pk), exc.message)
    return undone(request, redirect("lead", lead.pk))


def _pair(request: HttpRequest, lead_id: int, other_id: int) -> tuple[Lead, Lead]:
    """Return two leads this person may make one: both theirs to change, the other maybe nobody's."""
    lead, other = editable_lead_of(request, lead_id), lead_of(request, other_id)
    if lead.pk == other.pk:
        raise Http404
    if other.owner_id is not None and not may_edit_lead(cast(Agent, request.user), other):
        raise PermissionDenied(_("The other lead is not yours to change."))
    return lead, other


def _choices(lead: Lead, other: Lead) -> list[Choice]:
    found = []
    for name in merging.CHOICES:
        own, its = _shown(lead, name), _shown(other, name)
        if own != its and getattr(other, name) not in (None, ""):
            is_gap = getattr(lead, name) in (None, "")
            takes = is_gap or (name == "stage" and merging.further(lead, other))
            found.append(Choice(name, field_label(name), own, its, takes))
    return found


def _shown(lead: Lead, name: str) -> str:
    return str(lead.owner or "–") if name == "owner" else fact(lead, name).value
