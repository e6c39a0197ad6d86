"""What people are told about: notices, and which of them each person wants, and where."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from crm.models.leads import Lead
from crm.models.staff import Agent


class NoticeKind(models.TextChoices):
    HOT_LEAD = "hot_lead", _("Hot leads")
    ASSIGNMENT = "assignment", _("Leads given to me")
    MENTION = "mention", _("Mentions in notes")
    VIEWING_CHANGE = "viewing_change", _("Changes of my viewings")
    SLA = "sla", _("Call-backs and leads that wait too long")
    SYNC_PROBLEM = "sync_problem", _("Calendar and message problems")


class Channel(models.TextChoices):
    PAGE = "page", _("In Pete")
    BROWSER = "browser", _("Browser")
    EMAIL = "email", _("E-mail")


class Notice(models.Model):
    """One line for one person. `event` and `data` become words when it is read, in the reader's language and zone."""

    person = models.ForeignKey(Agent, models.CASCADE, related_name="notices")
    kind = models.CharField(max_length=16, choices=NoticeKind)
    event = models.CharField(max_length=32)
    data = models.JSONField(default=dict, blank=True)
    lead = models.ForeignKey(Lead, models.CASCADE, null=True, blank=True, related_name="notices")
    # Where the line leads when it is about no lead.
    url = models.CharField(max_length=200, blank=True)
    # Makes a repeated cause find the first line.
    key = models.CharField(max_length=200)
    in_page = models.BooleanField(default=True)
    in_browser = models.BooleanField(default=False)
    # Set while an e-mail has to go out, at that instant or after it.
    email_due_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    read_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["person", "key"], name="crm_notice_once_a_person"),
            models.CheckConstraint(condition=Q(kind__in=NoticeKind.values), name="crm_notice_kind_known"),
        ]
        indexes = [
            models.Index(fields=["person", "-created_at"], name="crm_notice_newest"),
            # The bell, counted on every page.
            models.Index(fields=["person"], condition=Q(read_at=None, in_page=True), name="crm_notice_unread"),
            models.Index(fields=["email_due_at"], condition=Q(email_due_at__isnull=False), name="crm_notice_email"),
            # What a claim or a mended calendar closes for everybody.
            models.Index(fields=["key"], name="crm_notice_key"),
        ]

    def __str__(self) -> str:
        return f"{self.event} for {self.person_id}"


def default_channels() -> dict[str, list[str]]:
    """Return what a person gets until they choose: everything in Pete, what cannot wait by the browser too."""
    urgent = (NoticeKind.HOT_LEAD, NoticeKind.ASSIGNMENT, NoticeKind.MENTION)
    return {
        kind.value: [Channel.PAGE.value, Channel.BROWSER.value] if kind in urgent else [Channel.PAGE.value]
        for kind in NoticeKind
    }


class NoticeWishes(models.Model):
    """What one person wants to be told, and where. In quiet hours, on their own clocks, only the page is written to."""

    person = models.OneToOneField(Agent, models.CASCADE, primary_key=True, related_name="notice_wishes")
    channels = models.JSONField(default=default_channels)
    quiet_from = models.TimeField(null=True, blank=True)
    quiet_until = models.TimeField(null=True, blank=True)
    sound = models.BooleanField(default=False)

    class Meta:
        verbose_name_plural = "notice wishes"
        constraints = [
            models.CheckConstraint(
                condition=Q(quiet_from=None, quiet_until=None) | Q(quiet_from__isnull=False, quiet_until__isnull=False),
                name="notice_wishes_quiet_has_both_ends",
            )
        ]

    def __str__(self) -> str:
        return f"{self.person}"

    def wants(self, kind: str, channel: str) -> bool:
        chosen: dict[str, Any] = self.channels
        return channel in chosen.get(kind, default_channels()[kind])
