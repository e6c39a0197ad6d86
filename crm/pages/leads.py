"""/leads: the list, what narrows it, saved views, and changes to many at once."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from crm import saved_views
from crm.bulk import Bulk, change_leads, take_back
from crm.errors import CrmError
from crm.lead_forms import BulkForm, SavedViewForm
from crm.lead_lists import CREATED_DAYS, DUE, SORTS, Filters, lead_rows, scope_counts
from crm.models import Agent, Lead, LeadStage, Listing, SavedView
from crm.pages.lead_parts import named_leads
from crm.pages.lists import PAGE_SIZE, page_of, scope_of, scope_tabs
from crm.pages.said import done, refused
from crm.rights import leads_in_scope, visible_leads


@login_required
@never_cache
@require_safe
@vary_on_headers("HX-Request")
def leads(request: HttpRequest) -> HttpResponse:
    """The list; htmx asks for the part below the filters alone."""
    context = _list(request)
    if getattr(request, "htmx", False) and request.htmx.target == "lead-list":  # type: ignore[attr-defined]
        return render(request, "crm/leads/parts/list.html", context)
    return render(request, "crm/leads/leads.html", context | _choices(request))


def _list(request: HttpRequest) -> dict[str, Any]:
    person, now = cast(Agent, request.user), timezone.now()
    filters, scope = Filters.read(request.GET), scope_of(request)
    counts = scope_counts(person, filters)
    found = filters.ordered(filters.narrow(leads_in_scope(person, scope), now)).select_related("owner")
    page = page_of(request, found, filters.ordering, size=PAGE_SIZE)
    return {
        "place": "leads",
        "filters": filters,
        "scope": scope,
        "tabs": scope_tabs(request, counts),
        "elsewhere": counts["all"] - counts[scope],
        "unclaimed": counts["unclaimed"],
        "page": page,
        "rows": lead_rows(page.rows, now),
        "count": counts[scope],
        "since": now.isoformat(),
        "bulk": BulkForm(person=person),
    }


def _choices(request: HttpRequest) -> dict[str, Any]:
    person = cast(Agent, request.user)
    return {
        "stages": LeadStage.choices,
        "sources": list(visible_leads(person).order_by("source").values_list("source", flat=True).distinct()),
        "owners": Agent.objects.filter(is_active=True).only("full_name", "email"),
        "listings": Listing.objects.only("address", "unit"),
        "dues": DUE.items(),
        "created_days": CREATED_DAYS,
        "sorts": [(name, label) for name, (label, _fields) in SORTS.items()],
        "views": saved_views.of(person, SavedView.Page.LEADS, request.GET),
        "view_form": SavedViewForm(),
    }


@login_required
@never_cache
@require_safe
def news(request: HttpRequest) -> HttpResponse:
    """What changed in the list since it was read: a line that offers to show it, or nothing."""
    person = cast(Agent, request.user)
    since = _instant(request.GET.get("since", ""))
    if since is None:
        return HttpResponse(status=204)
    leads = Filters.read(request.GET).narrow(leads_in_scope(person, scope_of(request)))
    new = leads.filter(created_at__gt=since).count()
    changed = leads.filter(updated_at__gt=since, created_at__lte=since).count()
    return render(request, "crm/leads/parts/news.html", {"new": new, "changed": changed, "since": since.isoformat()})


@login_required
@never_cache
@require_safe
def rows(request: HttpRequest) -> HttpResponse:
    """The rows of `lead`, for a page that shows them and heard that they changed; who sees one no longer gets none."""
    found = named_leads(request)
    return render(request, "crm/leads/parts/rows.html", {"rows": lead_rows(found)})


def _instant(text: str) -> datetime | None:
    try:
        at = parse_datetime(text)
    except ValueError:
        return None
    return at if at is not None and timezone.is_aware(at) else None


@login_required
@require_POST
def save_view(request: HttpRequest) -> HttpResponse:
    """Keep the filters under a name; the same name again replaces them."""
    form = SavedViewForm(request.POST)
    if not form.is_valid():
        said = " ".join(map(str, form.errors.get("name", [_("That view was not saved.")])))
        return refused(request, redirect("leads"), said)
    given, person = form.cleaned_data, cast(Agent, request.user)
    view = saved_views.save(person, SavedView.Page.LEADS, given["name"], given["query"], is_shared=given["is_shared"])
    answer = redirect(f"{reverse('leads')}?{view.query}")
    return done(request, answer, _("Saved the view %(name)s.") % {"name": view.name})


@login_required
@require_POST
def forget_view(request: HttpRequest, view_id: int) -> HttpResponse:
    """Forget one of one's own views."""
    view = get_object_or_404(SavedView, pk=view_id, person=cast(Agent, request.user))
    view.delete()
    return done(request, redirect("leads"), _("Forgot the view %(name)s.") % {"name": view.name})


@login_required
@require_POST
def bulk(request: HttpRequest) -> HttpResponse:
    """Assign the picked leads, or put them into a stage."""
    person = cast(Agent, request.user)
    form = BulkForm(request.POST, person=person)
    back = redirect(f"{reverse('leads')}?{request.POST.get('back', '')[:1000]}")
    if not form.is_valid():
        return refused(request, back, " ".join(str(error) for errors in form.errors.values() for error in errors))
    picked = visible_leads(person, Lead.objects.filter(pk__in=form.lead_ids))
    try:
        came = change_leads(picked, form.change, agent=person)
    except CrmError as exc:
        return refused(request, back, exc.message)
    return _say(request, back, came)


def _say(request: HttpRequest, back: HttpResponse, came: Bulk) -> HttpResponse:
    if came.refused:
        kept = ngettext("%(n)s is not yours to change.", "%(n)s are not yours to change.", came.refused)
        refused(request, back, kept % {"n": came.refused})
    if not came.changed:
        return back if came.refused else done(request, back, _("They are so already."))
    text = ngettext("%(n)s lead changed.", "%(n)s leads changed.", came.changed) % {"n": came.changed}
    return done(request, back, text, undo=reverse("leads-bulk-undo", args=[came.token]))


@login_required
@require_POST
def undo_bulk(request: HttpRequest, token: str) -> HttpResponse:
    """Take back what was just done to many."""
    back, put_back = redirect("leads"), take_back(token, agent=cast(Agent, request.user))
    if put_back is None:
        return refused(request, back, _("It is too late to undo that here. Each lead's timeline tells what it was."))
    text = ngettext("%(n)s lead put back.", "%(n)s leads put back.", put_back) % {"n": put_back}
    return done(request, back, text)
