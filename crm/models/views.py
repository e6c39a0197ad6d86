"""Lists as people like to see them."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from crm.models.staff import Agent


class SavedView(models.Model):
    """A name for the filters of one page. `query` is the page's query string, without a place in the list.

    Shared ones are seen by the person's team as well; what they list is still decided by who looks.
    """

    class Page(models.TextChoices):
        LEADS = "leads", _("Leads")

    person = models.ForeignKey(Agent, models.CASCADE, related_name="saved_views")
    name = models.CharField(max_length=60)
    page = models.CharField(max_length=32, choices=Page)
    query = models.CharField(max_length=1000, blank=True)
    is_shared = models.BooleanField(default=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["person", "page", "name"], name="saved_view_name"),
        ]

    def __str__(self) -> str:
        return self.name
