"""Writing to a lead's timeline: a note, a task, a viewing, an e-mail."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

from django.contrib.auth.decorators import login_required
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from crm import slots
from crm.availability import find_slots
from crm.booking import book
from crm.composer_forms import MessageForm, NoteForm, TaskForm, ViewingForm
from crm.errors import CrmError, SlotRefused
from crm.messages import queue_message
from crm.models import Agent, Lead, Listing
from crm.notes import write_note
from crm.pages.lead_parts import address, editable_lead_of, is_htmx, list_context, now_context
from crm.pages.said import done
from crm.task_work import add_task
from crm.viewing_choice import SlotDay, days_of, listings_for

TABS = {
    "note": gettext_lazy("Note"),
    "task": gettext_lazy("Task"),
    "viewing": gettext_lazy("Viewing"),
    "email": gettext_lazy("E-mail"),
}
# How far ahead times are offered at a look.
AHEAD = timedelta(days=14)
MOST_SLOTS = 200


def composer_context(request: HttpRequest, lead: Lead, form: Form | None = None, tab: str = "") -> dict[str, Any]:
    """Return the composer with one of its tabs open."""
    wanted = tab or request.GET.get("compose", "")
    tab = wanted if wanted in TABS else "note"
    context = {"compose_tabs": TABS.items(), "compose": tab, "form": form or _blank(request, lead, tab)}
    return context | (_offers(request, lead) if tab == "viewing" else {})


def _blank(request: HttpRequest, lead: Lead, tab: str) -> Form:
    person = cast(Agent, request.user)
    match tab:
        case "task":
            return TaskForm(person=person)
        case "viewing":
            return ViewingForm()
        case "email":
            return MessageForm(lead=lead)
    return NoteForm()


def _offers(request: HttpRequest, lead: Lead) -> dict[str, Any]:
    """Return the homes that suit the lead, and the times at the one chosen."""
    listings = listings_for(lead)
    wanted = request.GET.get("listing") or request.POST.get("listing") or ""
    chosen = next((row for row in listings if str(row.pk) == wanted), listings[0] if listings else None)
    now = timezone.now()
    offers = find_slots(start=now, end=now + AHEAD, listing=chosen, limit=MOST_SLOTS) if chosen else []
    found: list[SlotDay] = days_of(offers)
    return {"listings": listings, "chosen": chosen, "slot_days": found}


@login_required
@never_cache
@require_safe
def composer(request: HttpRequest, lead_id: int) -> HttpResponse:
    """One tab of the composer; without htmx the whole page with that tab open."""
    lead = editable_lead_of(request, lead_id)
    if not is_htmx(request):
        return redirect(f"{address(request, lead)}?compose={request.GET.get('compose', 'note')}#composer")
    return render(request, "crm/leads/parts/composer.html", _parts(request, lead) | composer_context(request, lead))


def _parts(request: HttpRequest, lead: Lead) -> dict[str, Any]:
    return {"lead": lead, "may_edit": True}


@login_required
@require_POST
def note(request: HttpRequest, lead_id: int) -> HttpResponse:
    lead, form = editable_lead_of(request, lead_id), NoteForm(request.POST)
    if not form.is_valid():
        return _wrong(request, lead, form, "note")
    write_note(lead=lead, text=form.cleaned_data["text"], agent=cast(Agent, request.user))
    return _written(request, lead, "note", _("Note kept."))


@login_required
@require_POST
def task(request: HttpRequest, lead_id: int) -> HttpResponse:
    lead, person = editable_lead_of(request, lead_id), cast(Agent, request.user)
    form = TaskForm(request.POST, person=person)
    if not form.is_valid():
        return _wrong(request, lead, form, "task")
    given = form.cleaned_data
    add_task(
        lead=lead,
        text=given["text"],
        due_at=given["due_at"],
        assignee=given["assignee"],
        agent=person,
        key=f"desk:{lead.pk}:{given['nonce']}",
    )
    return _written(request, lead, "task", _("Task kept."))


@login_required
@require_POST
def viewing(request: HttpRequest, lead_id: int) -> HttpResponse:
    """Book one of the times offered, with all the guarantees of the phone."""
    lead, form = editable_lead_of(request, lead_id), ViewingForm(request.POST)
    if not form.is_valid():
        return _wrong(request, lead, form, "viewing")
    try:
        offer = slots.decode(form.cleaned_data["slot"])
        booked = book(
            lead=lead,
            listing=Listing.objects.get(pk=offer.listing_id or 0),
            starts_at=offer.starts_at,
            agent=Agent.objects.get(pk=offer.agent_id),
            idempotency_key=f"desk:{lead.pk}:{form.cleaned_data['nonce']}",
            source="staff",
        )
    except (CrmError, Listing.DoesNotExist, Agent.DoesNotExist) as exc:
        said = exc.message if isinstance(exc, CrmError) else _("That home or agent is gone.")
        if isinstance(exc, SlotRefused):
            said = _("%(why)s Choose another time.") % {"why": said}
        form.add_error(None, said)
        return _wrong(request, lead, form, "viewing", status=409)
    return _written(request, lead, "viewing", _("Viewing booked: %(home)s.") % {"home": booked.listing})


@login_required
@require_POST
def message(request: HttpRequest, lead_id: int) -> HttpResponse:
    """Queue an e-mail; the timeline tells when it went out."""
    lead = editable_lead_of(request, lead_id)
    form = MessageForm(request.POST, lead=lead)
    if not form.is_valid():
        return _wrong(request, lead, form, "email")
    given = form.cleaned_data
    key = f"desk:{lead.pk}:{given['nonce']}"
    queue_message(key=key, lead=lead, to=lead.email, subject=given["subject"], body=given["body"])
    return _written(request, lead, "email", _("E-mail on its way to %(to)s.") % {"to": lead.email})


def _wrong(request: HttpRequest, lead: Lead, form: Form, tab: str, status: int = 422) -> HttpResponse:
    """Show what was typed with what is wrong about it."""
    context = composer_context(request, lead, form, tab)
    if is_htmx(request):
        return render(request, "crm/leads/parts/composer.html", _parts(request, lead) | context, status=status)
    whole = (
        now_context(request, lead)
        | list_context(request, lead)
        | context
        | {"place": "leads", "about": f"lead:{lead.pk}"}
    )
    return render(request, "crm/leads/lead.html", whole, status=status)


def _written(request: HttpRequest, lead: Lead, tab: str, text: str) -> HttpResponse:
    if not is_htmx(request):
        return done(request, redirect(address(request, lead)), text)
    context = now_context(request, lead) | _parts(request, lead) | composer_context(request, lead, tab=tab)
    return done(request, render(request, "crm/leads/parts/composed.html", context), text)
