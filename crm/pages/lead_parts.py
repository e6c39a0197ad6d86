"""What the pages about one lead share: finding it, and showing it anew after a change."""

from __future__ import annotations

from typing import Any, cast

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from crm import history
from crm.lead_lists import Filters
from crm.lead_record import entries_of, known_kinds, neighbours, record
from crm.lead_words import STAGE_REASONS
from crm.models import Agent, EntryKind, Lead, LeadStage
from crm.pages.lists import link, page_of, scope_of
from crm.rights import Scope, assignable, leads_in_scope, may_edit_lead, visible_leads

HISTORY_SIZE = 40
# More than any page shows of them at first.
MOST_NAMED = 200


def lead_of(request: HttpRequest, lead_id: int) -> Lead:
    """Return a lead this person sees; what they may not see does not exist."""
    lead = visible_leads(cast(Agent, request.user)).select_related("owner").filter(pk=lead_id).first()
    if lead is None:
        raise Http404
    return lead


def named_leads(request: HttpRequest) -> QuerySet[Lead]:
    """Return those of the leads that the address names which this person sees, and take the names off the address."""
    query = request.GET.copy()
    names = query.pop("lead", [])
    request.GET = query  # type: ignore[assignment]
    ids = [int(name) for name in names[:MOST_NAMED] if name.isascii() and name.isdigit() and len(name) < 19]
    return visible_leads(cast(Agent, request.user)).filter(pk__in=ids).select_related("owner")


def editable_lead_of(request: HttpRequest, lead_id: int) -> Lead:
    """Return a lead this person may change."""
    lead = lead_of(request, lead_id)
    if not may_edit_lead(cast(Agent, request.user), lead):
        raise PermissionDenied(_("Claim this lead first, or ask its owner."))
    return lead


def is_htmx(request: HttpRequest) -> bool:
    return bool(getattr(request, "htmx", False))


def address(request: HttpRequest, lead: Lead) -> str:
    """Return the lead's page, in the list it was opened from."""
    query = link(request, edit=None, compose=None, show=None)
    return reverse("lead", args=[lead.pk]) + (query if query != "?" else "")


def now_context(request: HttpRequest, lead: Lead) -> dict[str, Any]:
    """Return what the timeline, the tasks and the panel show."""
    person = cast(Agent, request.user)
    shown = known_kinds(request.GET.getlist("show"))
    page = page_of(request, entries_of(lead, shown), ["-at", "-id"], size=HISTORY_SIZE)
    return {
        "lead": lead,
        "record": record(lead, person),
        "days": history.days(page.rows),
        "page": page,
        "shown": shown,
        "kinds": EntryKind.choices,
        "stages": LeadStage.choices,
        "reasons": STAGE_REASONS,
        "people": assignable(person),
        "may_claim": lead.owner_id is None,
        "is_mine": lead.owner_id == person.pk,
        "edited": request.GET.get("edit", ""),
    }


def list_context(request: HttpRequest, lead: Lead) -> dict[str, Any]:
    """Return the neighbours in the list that the address tells of."""
    person = cast(Agent, request.user)
    scope = scope_of(request, Scope.ALL)
    beside = neighbours(lead, leads_in_scope(person, scope), Filters.read(request.GET))
    return {"beside": beside, "list_query": link(request, edit=None, compose=None, show=None)}


def shown_anew(request: HttpRequest, lead: Lead) -> HttpResponse:
    """Answer a change: htmx gets the fresh parts, a form is sent back to the page."""
    if not is_htmx(request):
        return redirect(address(request, lead))
    lead = lead_of(request, lead.pk)
    return render(request, "crm/leads/parts/fresh.html", now_context(request, lead))
