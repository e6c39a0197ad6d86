"""Homes to let."""

from __future__ import annotations

from django.contrib import admin

from crm import signals
from crm.admin.base import ReadOnlyAdmin, TellingAdmin
from crm.models import Listing, ListingPhoto, Place


@admin.register(Listing)
class ListingAdmin(TellingAdmin):
    told_by, told_as = signals.listing_changed, "listing"
    list_display = ("address", "unit", "rent", "currency", "bedrooms", "property_type", "status", "available_on")
    list_filter = ("status", "bedrooms", "pets")
    search_fields = ("address", "unit", "neighborhood")
    autocomplete_fields = ("agents",)
    readonly_fields = ("created_at", "updated_at")


@admin.register(ListingPhoto)
class ListingPhotoAdmin(ReadOnlyAdmin):
    """Photos are added, described and taken away on the home's page, which keeps the files in order."""

    list_display = ("listing", "alt", "position", "width", "height", "removed_at", "created_at")
    list_filter = (("removed_at", admin.EmptyFieldListFilter),)
    list_select_related = ("listing",)
    search_fields = ("listing__address", "alt")


@admin.register(Place)
class PlaceAdmin(ReadOnlyAdmin):
    """Names under which the search knows places; the database keeps them."""

    list_display = ("name",)
    search_fields = ("name",)
