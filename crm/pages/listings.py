"""/listings and /listings/<id>: the homes, what is known of them, and how they fare."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any, cast

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Prefetch, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from crm import listing_editing, listing_words
from crm.availability import rules_for
from crm.diary.filters import whole
from crm.errors import CrmError
from crm.listing_health import Health, health
from crm.models import Agent, Appointment, AppointmentStatus, Listing, ListingPhoto, ListingStatus, OfficeSettings
from crm.pages import lists
from crm.pages.appointments import is_htmx
from crm.pages.listing_forms import DESCRIBING, SECTIONS, NewListingForm, SectionForm, values_of
from crm.pages.said import done, refused, undone
from crm.pages.zones import in_viewers_zone
from crm.rights import Scope, may_change_listings, may_describe_listing, sees_everything, visible_appointments

MOST_BEDROOMS = 5
MOST_COMING = 8
# What a phone folds away.
_FOLDED = ("status", "bedrooms", "rent", "agent")


@login_required
@never_cache
@require_safe
@in_viewers_zone
def listings(request: HttpRequest) -> HttpResponse:
    """The list: of one's own homes, or of all."""
    viewer, now = cast(Agent, request.user), timezone.now()
    scopes, scope, narrowed = _chosen(request, viewer)
    rows = narrowed[Scope(scope)].prefetch_related(*_with_faces())
    page = lists.page_of(request, rows, ["address", "unit", "id"])
    figures = health(page.rows, now)
    counts = {str(name): found.count() for name, found in narrowed.items()}
    context = {
        "place": "listings",
        "tabs": lists.tabs(request, [(scope, scope.label) for scope in scopes], counts),
        "page": page,
        "rows": [(row, figures[row.pk]) for row in page.rows],
        "statuses": ListingStatus.choices,
        "bedrooms": range(MOST_BEDROOMS + 1),
        "people": Agent.objects.filter(is_active=True, listings__isnull=False).distinct().order_by("full_name"),
        "may_change": may_change_listings(viewer),
        "is_narrowed": any(request.GET.get(name) for name in ("q", *_FOLDED)),
        "set_filters": sum(bool(request.GET.get(name)) for name in _FOLDED),
        "scope": scope,
        "has_any": bool(page.rows) or Listing.objects.exists(),
    }
    return render(request, "crm/listings/listings.html", context)


def _chosen(request: HttpRequest, viewer: Agent) -> tuple[list[Scope], str, dict[Scope, QuerySet[Listing]]]:
    """Return the tabs, the one that is open, and what each lists."""
    scopes = [Scope.ALL, Scope.MINE] if sees_everything(viewer) else [Scope.MINE, Scope.ALL]
    scope = lists.chosen(request, [str(scope) for scope in scopes])
    mine = Listing.objects.filter(agents=viewer)
    return scopes, scope, {Scope.MINE: _narrow(request, mine), Scope.ALL: _narrow(request, Listing.objects.all())}


def chosen_listings(request: HttpRequest, viewer: Agent) -> QuerySet[Listing]:
    """Return the homes that the list shows under this address, page after page."""
    _scopes, scope, narrowed = _chosen(request, viewer)
    return narrowed[Scope(scope)]


def _with_faces() -> list[Any]:
    photos = ListingPhoto.objects.filter(removed_at=None).order_by("position", "pk")
    return [Prefetch("photos", photos, to_attr="shown_photos"), Prefetch("agents", Agent.objects.order_by("full_name"))]


def _narrow(request: HttpRequest, rows: QuerySet[Listing]) -> QuerySet[Listing]:
    given = request.GET
    words = " ".join(given.get("q", "").replace("\0", "").split())[:100]
    for word in words.split():
        place = Q(address__icontains=word) | Q(unit__icontains=word) | Q(neighborhood__icontains=word)
        rows = rows.filter(place)
    if given.get("status") in ListingStatus.values:
        rows = rows.filter(status=given["status"])
    if given.get("bedrooms", "").isdecimal() and int(given["bedrooms"][:3]) <= MOST_BEDROOMS:
        rows = rows.filter(bedrooms__gte=int(given["bedrooms"][:3]))
    most = _amount(given.get("rent", ""))
    if most is not None:
        rows = rows.filter(rent__lte=most)
    agent = whole(given.get("agent"))
    return rows.filter(pk__in=Listing.agents.through.objects.filter(agent=agent).values("listing")) if agent else rows


def _amount(text: str) -> Decimal | None:
    try:
        amount = Decimal(text[:12])
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and 0 <= amount < 100_000_000 else None


@login_required
@never_cache
@require_safe
@in_viewers_zone
def listing(request: HttpRequest, listing_id: int) -> HttpResponse:
    """One home."""
    return render(request, "crm/listings/listing.html", context_of(request, listing_id))


def context_of(request: HttpRequest, listing_id: int) -> dict[str, Any]:
    """Return what the page of a home, and each of its sections, shows."""
    viewer, now = cast(Agent, request.user), timezone.now()
    home = get_object_or_404(Listing.objects.prefetch_related(*_with_faces()), pk=listing_id)
    figures: Health = health([home], now)[home.pk]
    kept = Appointment.objects.filter(listing=home, starts_at__gte=now, status=AppointmentStatus.BOOKED)
    coming = visible_appointments(viewer, kept).select_related("lead", "agent")[:MOST_COMING]
    return {
        "place": "listings",
        "home": home,
        "health": figures,
        "coming": coming,
        "coming_hidden": max(kept.count() - visible_appointments(viewer, kept).count(), 0),
        "rules": rules_for(home),
        "office": OfficeSettings.load(),
        "words": listing_words.words(home),
        "statuses": ListingStatus.choices,
        "may_change": may_change_listings(viewer),
        "may_describe": may_describe_listing(viewer, home),
        "now": now,
    }


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@in_viewers_zone
def edit(request: HttpRequest, listing_id: int, section: str) -> HttpResponse:
    """The form of one section in its place; posted, the section as it stands now."""
    if section not in SECTIONS:
        raise Http404
    home = get_object_or_404(Listing, pk=listing_id)
    require_right(cast(Agent, request.user), home, section)
    form = SECTIONS[section](request.POST if request.method == "POST" else None, instance=home)
    if request.method == "POST" and form.is_valid():
        return _save(request, home, form, section)
    return _form(request, home, form, section)


@login_required
@require_POST
def words(request: HttpRequest, listing_id: int) -> HttpResponse:
    """What Pete would say with the facts as they are being written."""
    home = get_object_or_404(Listing, pk=listing_id)
    require_right(cast(Agent, request.user), home, "facts")
    home.facts = request.POST.get("facts", "").replace("\0", "")[:10_000]
    return render(request, "crm/listings/words.html", {"words": listing_words.words(home)})


def require_right(viewer: Agent, home: Listing, section: str) -> None:
    """Raise PermissionDenied unless this person may change that section."""
    allowed = may_describe_listing(viewer, home) if section in DESCRIBING else may_change_listings(viewer)
    if not allowed:
        raise PermissionDenied


def _form(request: HttpRequest, home: Listing, form: SectionForm, section: str) -> HttpResponse:
    words = ""
    if section == "facts":
        home.facts = form["facts"].value() or ""
        words = listing_words.words(home)
    context = {"place": "listings", "home": home, "form": form, "section": section, "words": words}
    template = "crm/listings/section_form.html" if is_htmx(request) else "crm/listings/section_page.html"
    return render(request, template, context)


def _save(request: HttpRequest, home: Listing, form: SectionForm, section: str) -> HttpResponse:
    fresh = Listing.objects.get(pk=home.pk)
    try:
        before = listing_editing.change_listing(fresh, values_of(form))
    except ValidationError as exc:
        form.add_error(None, exc)
        return _form(request, home, form, section)
    answer: HttpResponse = HttpResponseRedirect(reverse("listing", args=[home.pk]))
    if is_htmx(request):
        context = context_of(request, home.pk)
        answer = render(request, f"crm/listings/section_{section}.html", context)
    if not before:
        return answer
    return done(request, answer, _("Saved."), undo=_undo_address(home, before), **{"listing:changed": {}})


def _undo_address(home: Listing, before: dict[str, Any]) -> str:
    token = listing_editing.undo_token(home, before)
    return f"{reverse('listing-undo', args=[home.pk])}?of={token}"


@login_required
@require_POST
def undo(request: HttpRequest, listing_id: int) -> HttpResponse:
    """Take a change back."""
    home = get_object_or_404(Listing, pk=listing_id)
    token = request.GET.get("of", "")
    viewer = cast(Agent, request.user)
    describing = {name for section in DESCRIBING for name in SECTIONS[section]._meta.fields or []}
    names = listing_editing.fields_of(token)
    require_right(viewer, home, "facts" if names and set(names) <= describing else "basics")
    answer: HttpResponse = HttpResponseRedirect(reverse("listing", args=[home.pk]))
    try:
        listing_editing.undo(home, token)
    except CrmError as exc:
        return refused(request, HttpResponse(status=204) if is_htmx(request) else answer, exc.message)
    return undone(request, answer)


@login_required
@require_POST
def set_status(request: HttpRequest, listing_id: int) -> HttpResponse:
    """Say that a home is available, held, let or withdrawn."""
    home = get_object_or_404(Listing, pk=listing_id)
    require_right(cast(Agent, request.user), home, "basics")
    status = request.POST.get("status", "")
    answer: HttpResponse = HttpResponseRedirect(_back(request, home))
    if is_htmx(request):
        answer = HttpResponse(status=204)
    if status not in ListingStatus.values:
        return refused(request, answer, _("Choose one of the states."))
    before = listing_editing.change_listing(home, {"status": status})
    if not before:
        return answer
    text = _("%(home)s is %(status)s.") % {"home": home, "status": ListingStatus(status).label.lower()}
    return done(request, answer, text, undo=_undo_address(home, before), **{"listing:changed": {}})


def _back(request: HttpRequest, home: Listing) -> str:
    return reverse("listings") if request.POST.get("back") == "list" else reverse("listing", args=[home.pk])


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Add a home."""
    if not may_change_listings(cast(Agent, request.user)):
        raise PermissionDenied
    form = NewListingForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            home = form.save()
        answer = HttpResponseRedirect(reverse("listing", args=[home.pk]))
        return done(request, answer, _("Added. Photos and rules can follow."))
    return render(
        request, "crm/listings/new.html", {"place": "listings", "form": form}, status=422 if form.errors else 200
    )
