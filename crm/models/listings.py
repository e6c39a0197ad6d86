"""Listings: homes to let."""

from __future__ import annotations

from uuid import uuid4

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Func, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from crm.models.office import LONGEST_BUFFER_MINUTES, LONGEST_VIEWING_MINUTES, buffers_within_limit
from crm.models.staff import Agent


class ListingStatus(models.TextChoices):
    AVAILABLE = "available", _("Available")
    HELD = "held", _("Held")
    LET = "let", _("Let")
    WITHDRAWN = "withdrawn", _("Withdrawn")


class PlacesOf(Func):
    """The names under which a listing's place is known, in small letters: see the migration that defines it."""

    function = "crm_places_of"
    arity = 2


class WordsOf(Func):
    """The words of a listing, for full text; of no language, because addresses have none."""

    function = "crm_words_of"
    output_field = SearchVectorField()


LISTING_WORDS = WordsOf("address", "unit", "neighborhood", "property_type", "facts")


class Listing(models.Model):
    """A home to let. `rent` is per month, in `currency`.

    The booking rules (`viewing_minutes`, buffers, notice, horizon) override the office's where they are set.
    """

    address = models.CharField(max_length=200)
    unit = models.CharField(max_length=50, blank=True)
    rent = models.DecimalField(max_digits=10, decimal_places=2)
    currency = models.CharField(max_length=3, default="USD")
    bedrooms = models.PositiveSmallIntegerField()
    bathrooms = models.DecimalField(max_digits=3, decimal_places=1, default=1)
    property_type = models.CharField(max_length=50, default="apartment")
    neighborhood = models.CharField(max_length=100, blank=True)
    pets = models.BooleanField(default=False)
    available_on = models.DateField(null=True, blank=True)
    status = models.CharField(max_length=16, choices=ListingStatus, default=ListingStatus.AVAILABLE)
    agents = models.ManyToManyField(Agent, related_name="listings", blank=True)
    # What the assistant may tell a caller, one fact a line.
    facts = models.TextField(blank=True)
    access_notes = models.TextField(blank=True)
    allows_stacked_viewings = models.BooleanField(default=False)
    viewing_minutes = models.PositiveSmallIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(LONGEST_VIEWING_MINUTES)]
    )
    buffer_before_minutes = models.PositiveSmallIntegerField(
        null=True, blank=True, validators=[MaxValueValidator(LONGEST_BUFFER_MINUTES)]
    )
    buffer_after_minutes = models.PositiveSmallIntegerField(
        null=True, blank=True, validators=[MaxValueValidator(LONGEST_BUFFER_MINUTES)]
    )
    minimum_notice_minutes = models.PositiveIntegerField(null=True, blank=True)
    horizon_days = models.PositiveSmallIntegerField(null=True, blank=True, validators=[MinValueValidator(1)])
    is_demo = models.BooleanField(default=False, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True)
    # Kept by PostgreSQL for crm.search.
    places = models.GeneratedField(
        expression=PlacesOf("address", "neighborhood"), output_field=ArrayField(models.TextField()), db_persist=True
    )

    class Meta:
        ordering = ["address", "unit", "pk"]
        indexes = [
            GinIndex(fields=["places"], name="listing_places", fastupdate=False),
            # Not a column: every read of a listing would carry it.
            GinIndex(LISTING_WORDS, name="listing_words", fastupdate=False),
            # Everything a wish without a place asks for: answered from the index alone, by rent.
            models.Index(
                fields=["rent", "id"],
                include=["bedrooms", "pets", "available_on", "property_type"],
                condition=Q(status="available"),
                name="listing_to_let_by_rent",
            ),
        ]
        constraints = [
            models.UniqueConstraint("address", "unit", name="listing_address_unit_unique"),
            models.CheckConstraint(condition=Q(rent__gte=0), name="listing_rent_not_negative"),
            models.CheckConstraint(condition=Q(status__in=ListingStatus.values), name="listing_status_known"),
            models.CheckConstraint(
                condition=Q(viewing_minutes__gt=0, viewing_minutes__lte=LONGEST_VIEWING_MINUTES),
                name="listing_viewing_minutes",
            ),
            models.CheckConstraint(condition=buffers_within_limit(), name="listing_buffers"),
            models.CheckConstraint(condition=Q(horizon_days__gt=0), name="listing_horizon"),
            models.CheckConstraint(condition=Q(bathrooms__gte=0), name="listing_bathrooms_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.address}, {self.unit}" if self.unit else self.address


class Place(models.Model):
    """A name that stands in some listing's `places`. Written by a trigger.

    Names outlive their listings, which does no harm; see `crm.search.places.forget_unused`.
    """

    name = models.TextField(primary_key=True)

    class Meta:
        indexes = [GinIndex(fields=["name"], opclasses=["gin_trgm_ops"], name="place_alike")]

    def __str__(self) -> str:
        return self.name


class ListingPhoto(models.Model):
    """A picture of a home. The files lie under the uploads, named by `name`; see crm.photos.

    A removed one is kept for a day, so that it can come back.
    """

    listing = models.ForeignKey(Listing, models.CASCADE, related_name="photos")
    name = models.UUIDField(unique=True, default=uuid4, editable=False)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    # What is to be seen, for those who cannot see it.
    alt = models.CharField(max_length=200, blank=True)
    position = models.PositiveSmallIntegerField(default=0)
    removed_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["position", "pk"]
        indexes = [models.Index(fields=["listing", "position"], name="listing_photo_order")]

    def __str__(self) -> str:
        return self.alt or f"Photo {self.pk}"
