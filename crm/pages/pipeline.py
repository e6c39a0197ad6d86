"""/pipeline: the stages as columns, and moving a card from one to another."""

from __future__ import annotations

from typing import Any, cast

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from crm import pipeline as board
from crm import undo
from crm.errors import CrmError
from crm.lead_editing import move_lead
from crm.lead_lists import Filters, scope_counts
from crm.lead_words import STAGE_REASONS
from crm.models import Agent, Lead, LeadStage
from crm.pages.lead_parts import editable_lead_of, is_htmx, named_leads
from crm.pages.lists import page_of, scope_of, scope_tabs
from crm.pages.said import done, refused
from crm.rights import colleagues, leads_in_scope, sees_everything

REASON_LENGTH = 200


@login_required
@never_cache
@require_safe
@vary_on_headers("HX-Request")
def pipeline(request: HttpRequest) -> HttpResponse:
    """The board; htmx asks for the columns alone."""
    person, now = cast(Agent, request.user), timezone.now()
    scope = scope_of(request)
    context = {
        "place": "pipeline",
        "scope": scope,
        "tabs": scope_tabs(request, scope_counts(person, Filters())),
        "columns": _columns(request, leads_in_scope(person, scope)),
        "stages": LeadStage.choices,
        "reasons": STAGE_REASONS,
        "since": now.isoformat(),
    } | _rights(request)
    is_part = is_htmx(request) and request.htmx.target == "pipeline"  # type: ignore[attr-defined]
    return render(request, "crm/pipeline/board.html" if is_part else "crm/pipeline/pipeline.html", context)


def _columns(request: HttpRequest, leads: Any) -> list[board.Column]:
    now, counted = timezone.now(), board.counts(leads)
    pages = {stage: _page(request, leads, stage) for stage in LeadStage}
    found = board.cards((lead for page in pages.values() for lead in page.rows), now)
    return [
        board.Column(stage, *counted[stage.value], [found[lead.pk] for lead in pages[stage].rows], pages[stage].next)
        for stage in LeadStage
    ]


def _page(request: HttpRequest, leads: Any, stage: str) -> Any:
    rows = leads.filter(stage=stage).select_related("owner")
    return page_of(request, rows, board.ORDERING, size=board.COLUMN_SIZE)


def _rights(request: HttpRequest) -> dict[str, Any]:
    """Return whose cards this person may move: everybody's, or those of these owners."""
    person = cast(Agent, request.user)
    if sees_everything(person):
        return {"moves_all": True, "moves": set()}
    return {"moves_all": False, "moves": set(colleagues(person).values_list("pk", flat=True))}


@login_required
@never_cache
@require_safe
def column(request: HttpRequest, stage: str) -> HttpResponse:
    """The next cards of a column; without htmx the list tells of them."""
    if stage not in LeadStage.values:
        raise Http404
    scope = scope_of(request)
    if not is_htmx(request):
        return redirect(f"{reverse('leads')}?scope={scope}&stage={stage}&sort=waiting")
    page = _page(request, leads_in_scope(cast(Agent, request.user), scope), stage)
    found = board.cards(page.rows)
    shown = board.Column(LeadStage(stage), 0, 0, [found[lead.pk] for lead in page.rows], page.next)
    return render(request, "crm/pipeline/cards.html", {"column": shown} | _rights(request))


@login_required
@never_cache
@require_safe
def cards(request: HttpRequest) -> HttpResponse:
    """The cards of `lead`, for a board that heard that they changed; who sees one no longer gets none."""
    found = board.cards(named_leads(request))
    shown = {"column": {"cards": found.values()}}
    return render(request, "crm/pipeline/cards.html", shown | _rights(request))


@login_required
@require_POST
def move(request: HttpRequest, lead_id: int) -> HttpResponse:
    """Move a card; `from` is where it was seen. A refusal answers 409 with the card as it is."""
    lead = editable_lead_of(request, lead_id)
    stage, seen = request.POST.get("stage", ""), request.POST.get("from", "")
    reason = " ".join(request.POST.get("lost_reason", "").split())[:REASON_LENGTH]
    before = undo.values_of(lead, ["stage", "lost_reason"])
    since = lead.stage_changed_at
    try:
        changed = move_lead(lead, stage, lost_reason=reason, seen=seen, agent=cast(Agent, request.user))
    except CrmError as exc:
        return refused(request, _card(request, lead, status=409), exc.message)
    answer = _card(request, lead)
    if not changed:
        return answer
    text = _("%(name)s is now in %(stage)s.") % {"name": lead, "stage": LeadStage(stage).label}
    way_back = reverse("lead-undo", args=[lead.pk, undo.token(lead, before, stage_since=since)])
    return done(request, answer, text, undo=way_back)


def _card(request: HttpRequest, lead: Lead, status: int = 200) -> HttpResponse:
    if not is_htmx(request):
        return redirect("pipeline")
    lead.refresh_from_db()
    card = board.cards([lead])[lead.pk]
    return render(request, "crm/pipeline/card.html", {"card": card} | _rights(request), status=status)
