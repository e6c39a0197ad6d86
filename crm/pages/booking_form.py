"""/appointments/new: book a viewing for a lead. Only times that are offered can be chosen."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from crm import booking, telling
from crm.api.leads import matching
from crm.diary.filters import read_day, whole
from crm.diary.offers import Time, alternative, times
from crm.errors import CrmError, SlotRefused
from crm.leads import lead_for_caller
from crm.models import Agent, Appointment, Lead, Listing, ListingStatus
from crm.pages.appointments import is_htmx, read_instant
from crm.pages.said import done
from crm.pages.zones import in_viewers_zone
from crm.phones import to_e164
from crm.rights import visible_appointments, visible_leads
from crm.wording import person, when

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_LEADS = 8
LONGEST_KEY = 60


@dataclass
class Draft:
    """What the form holds. `at` is the chosen start, `offered_by` the agent an alternative came with."""

    viewer: Agent
    lead: Lead | None
    search: str
    full_name: str
    phone: str
    email: str
    listing: Listing | None
    agent: Agent | None
    day: date
    at: datetime | None
    offered_by: Agent | None
    tells: list[str]
    key: str
    errors: dict[str, str] = field(default_factory=dict)
    alternatives: list[Time] = field(default_factory=list)

    @property
    def shower(self) -> Agent | None:
        return self.offered_by or self.agent


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@in_viewers_zone
def new(request: HttpRequest) -> HttpResponse:
    """The form; posted, the booking."""
    draft = read(request)
    if request.method != "POST":
        return _show(request, draft)
    check(draft)
    if draft.errors:
        return _show(request, draft, status=422)
    try:
        appointment, told = _book(draft)
    except CrmError as exc:
        draft.errors["at"] = exc.message
        draft.alternatives = [alternative(offer) for offer in exc.alternatives] if isinstance(exc, SlotRefused) else []
        return _show(request, draft, status=409)
    return _booked(request, draft, appointment, told)


def read(request: HttpRequest) -> Draft:
    """Read what is known so far; what makes no sense is asked for again."""
    given = request.POST if request.method == "POST" else request.GET
    viewer = cast(Agent, request.user)
    at_text, _sep, offered_by = given.get("at", "").partition("~")
    at = read_instant(at_text)
    day = read_day(given.get("date")) or timezone.localdate(at or timezone.now())
    return Draft(
        viewer=viewer,
        lead=_one(visible_leads(viewer), given.get("lead")),
        search=_text(given, "q", 100),
        full_name=_text(given, "full_name", 200),
        phone=_text(given, "phone", 40),
        email=_text(given, "email", 254),
        listing=_one(Listing.objects.filter(status=ListingStatus.AVAILABLE), given.get("listing")),
        agent=_one(_bookable(), given.get("agent")),
        day=day,
        at=at,
        offered_by=_one(_bookable(), offered_by),
        tells=given.getlist("tell"),
        key=_text(given, "key", LONGEST_KEY) or str(uuid4()),
    )


def _bookable() -> QuerySet[Agent]:
    return Agent.objects.filter(is_active=True, is_bookable=True).order_by("full_name", "pk")


def _one(rows: QuerySet[Any], text: str | None) -> Any:
    number = whole(text)
    return rows.filter(pk=number).first() if number else None


def _text(given: Mapping[str, str], name: str, longest: int) -> str:
    return " ".join(given.get(name, "").replace("\0", "").split())[:longest]


def check(draft: Draft) -> None:
    """Say what is missing."""
    if draft.lead is None and not draft.full_name:
        draft.errors["lead"] = _("Choose a lead, or write a name and a number for a new one.")
    elif draft.lead is None and not (draft.phone or draft.email):
        draft.errors["lead"] = _("A new lead needs a phone number or an e-mail address.")
    elif draft.lead is None and draft.phone and to_e164(draft.phone) is None:
        draft.errors["lead"] = _("This is no phone number: write it with its area code.")
    if draft.listing is None:
        draft.errors["listing"] = _("Choose the home to be shown.")
    if draft.at is None:
        draft.errors["at"] = _("Choose one of the times offered.")


@transaction.atomic
def _book(draft: Draft) -> tuple[Appointment, list[str]]:
    assert draft.listing is not None
    assert draft.at is not None
    lead = draft.lead or lead_for_caller(
        phone=draft.phone or None, email=draft.email or None, full_name=draft.full_name, source="staff"
    )
    appointment = booking.book(
        lead=lead,
        listing=draft.listing,
        agent=draft.shower,
        starts_at=draft.at,
        idempotency_key=f"staff:{draft.viewer.pk}:{draft.key}",
        source="staff",
        replaces_holds=False,
    )
    return appointment, telling.tell(appointment, telling.BOOKED, draft.tells, by=draft.viewer)


def _booked(request: HttpRequest, draft: Draft, appointment: Appointment, told: list[str]) -> HttpResponse:
    now = timezone.now()
    text = _("Booked: %(lead)s, %(when)s.") % {
        "lead": person(appointment.lead),
        "when": when(appointment.starts_at, now),
    }
    if told:
        text += " " + _("Told by e-mail: %(names)s.") % {"names": ", ".join(told)}
    is_visible = visible_appointments(draft.viewer).filter(pk=appointment.pk).exists()
    undo = reverse("appointment-take-back", args=[appointment.pk]) if is_visible else ""
    opens = f"?appointment={appointment.pk}" if is_visible else ""
    answer: HttpResponse = HttpResponseRedirect(reverse("appointments") + opens)
    if is_htmx(request):
        answer = HttpResponse(status=204)
    opened = appointment.pk if is_visible else None
    return done(request, answer, text, undo=undo, **{"sheet:close": {}, "diary:changed": {"viewing": opened}})


def _show(request: HttpRequest, draft: Draft, *, status: int = 200) -> HttpResponse:
    now, tz = timezone.now(), timezone.get_current_timezone()
    homes = Listing.objects.filter(status=ListingStatus.AVAILABLE)
    if draft.agent:
        homes = homes.filter(agents=draft.agent)
    people = _bookable().filter(listings=draft.listing) if draft.listing else _bookable()
    offered = times(listing=draft.listing, agent=draft.agent, day=draft.day, tz=tz, now=now)
    context = {
        "draft": draft,
        "leads": _found(draft),
        "homes": homes,
        "people": people,
        "times": offered,
        "chosen": draft.at if any(time.starts_at == draft.at for time in offered.options) else None,
        "place": "appointments",
    }
    template = "crm/appointments/booking.html" if is_htmx(request) else "crm/appointments/booking_page.html"
    # htmx shows only answers that are well.
    return render(request, template, context, status=200 if is_htmx(request) else status)


def _found(draft: Draft) -> list[Lead]:
    """Return the leads that the search finds, the chosen one first."""
    rows = visible_leads(draft.viewer)
    found = list(rows.filter(matching(draft.search)).order_by("-updated_at")[:MOST_LEADS]) if draft.search else []
    if draft.lead:
        found = [draft.lead, *(row for row in found if row.pk != draft.lead.pk)]
    return found
