"""What the centre has watched. Left out is what the product notes for itself, which is no change anybody made."""

from __future__ import annotations

from django.contrib.auth.models import Group

from crm import models
from crm.audit.tracking import watch

_EACH_TIME = ("updated_at",)


def connect() -> None:
    watch(models.Agent, left_out=("last_login",), hidden=("password",))
    watch(models.Agent.groups.through)
    watch(models.Agent.user_permissions.through)
    watch(Group)
    watch(Group.permissions.through)
    watch(models.Team)
    watch(models.ApiToken, left_out=("last_used_at",), hidden=("digest",))
    watch(models.Lead, left_out=_EACH_TIME)
    watch(models.LeadMerge)
    watch(models.Note)
    watch(models.Task)
    watch(models.Listing, left_out=(*_EACH_TIME, "places"))
    watch(models.Listing.agents.through)
    watch(models.ListingPhoto)
    watch(models.Appointment, left_out=_EACH_TIME)
    # Outlook's are a mirror: what changes there was changed there.
    watch(models.BusyTime, condition="ROW.source = 'manual'")
    watch(models.WorkingHours)
    watch(models.Closure)
    watch(models.OfficeSettings)
    watch(models.WebhookSubscription, left_out=("busy_until",), hidden=("secret",))
