"""A home's photos: served to staff, added, described, put in order, removed and brought back."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from crm import photos
from crm.diary.filters import whole
from crm.errors import CrmError
from crm.models import Agent, Listing, ListingPhoto
from crm.pages.appointments import is_htmx
from crm.pages.listings import context_of, require_right
from crm.pages.said import done, refused, undone

# Its name is made for one picture and never used for another.
FOR_EVER = "private, max-age=31536000, immutable"


@login_required
@require_safe
def photo(request: HttpRequest, name: UUID, size: str) -> FileResponse:
    """The picture itself, for whoever may see homes: all staff."""
    if size not in photos.SIZES or not ListingPhoto.objects.filter(name=name).exists():
        raise Http404
    try:
        file = photos.path_of(name, size).open("rb")
    except FileNotFoundError as exc:
        raise Http404 from exc
    return FileResponse(
        file, content_type="image/webp", headers={"Cache-Control": FOR_EVER, "X-Content-Type-Options": "nosniff"}
    )


@login_required
@require_POST
def add(request: HttpRequest, listing_id: int) -> HttpResponse:
    """Keep the pictures that were sent."""
    home = _home(request, listing_id)
    added, refusals = 0, []
    for file in request.FILES.getlist("photos")[: photos.MOST_PHOTOS]:
        try:
            photos.add_photo(home, cast(Any, file), now=timezone.now())
            added += 1
        except CrmError as exc:
            refusals.append(f"{file.name}: {exc.message}")
    answer = _section(request, home)
    if refusals or not added:
        return refused(request, answer, " ".join(refusals) or _("Choose pictures to add."))
    return done(request, answer, ngettext("%(n)s photo added.", "%(n)s photos added.", added) % {"n": added})


@login_required
@require_POST
def change(request: HttpRequest, listing_id: int, photo_id: int) -> HttpResponse:
    """Describe a photo, move it forward or back, or remove it."""
    home = _home(request, listing_id)
    row = get_object_or_404(ListingPhoto, pk=photo_id, listing=home, removed_at=None)
    match request.POST.get("act"):
        case "remove":
            photos.remove_photo(row, now=timezone.now())
            undo = reverse("listing-photo-back", args=[home.pk, row.pk])
            return done(request, _section(request, home), _("Photo removed."), undo=undo)
        case "first":
            photos.order_photos(home, [row.pk])
        case "earlier" | "later" as way:
            photos.order_photos(home, _swapped(home, row, -1 if way == "earlier" else 1))
        case "alt":
            row.alt = " ".join(request.POST.get("alt", "").replace("\0", "").split())[:200]
            row.save(update_fields=["alt"])
            return done(request, _section(request, home), _("Saved."))
    return _section(request, home)


@login_required
@require_POST
def back(request: HttpRequest, listing_id: int, photo_id: int) -> HttpResponse:
    """Undo the removal of a photo."""
    home = _home(request, listing_id)
    photos.bring_back(get_object_or_404(ListingPhoto, pk=photo_id, listing=home))
    return undone(request, HttpResponseRedirect(reverse("listing", args=[home.pk])))


@login_required
@require_POST
def order(request: HttpRequest, listing_id: int) -> HttpResponse:
    """Put the photos into the order of the ids that were sent."""
    home = _home(request, listing_id)
    photos.order_photos(home, [number for text in request.POST.getlist("photo") if (number := whole(text))])
    return _section(request, home)


def _home(request: HttpRequest, listing_id: int) -> Listing:
    home = get_object_or_404(Listing, pk=listing_id)
    require_right(cast(Agent, request.user), home, "facts")
    return home


def _swapped(home: Listing, row: ListingPhoto, by: int) -> list[int]:
    ids = list(ListingPhoto.objects.filter(listing=home, removed_at=None).values_list("pk", flat=True))
    place = ids.index(row.pk)
    other = min(max(place + by, 0), len(ids) - 1)
    ids[place], ids[other] = ids[other], ids[place]
    return ids


def _section(request: HttpRequest, home: Listing) -> HttpResponse:
    if not is_htmx(request):
        return HttpResponseRedirect(reverse("listing", args=[home.pk]))
    return render(request, "crm/listings/section_photos.html", context_of(request, home.pk))
