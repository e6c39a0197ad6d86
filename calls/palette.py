"""Calls in the command palette: by the caller's name or number."""

from __future__ import annotations

from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from calls.models import Call
from calls.rights import visible_calls
from crm import palette, wording
from crm.models import Agent


def calls(person: Agent, query: str) -> list[palette.Item]:
    digits = "".join(char for char in query if char.isdigit())
    fits = Q(lead__full_name__icontains=query)
    fits |= Q(customer_number__contains=digits) if len(digits) >= 3 else Q(pk__in=[])
    rows = visible_calls(person, Call.objects.filter(fits)).select_related("lead").order_by("-created_at", "-pk")
    return [_item(call) for call in rows[: palette.MOST_OF_A_KIND]]


def _item(call: Call) -> palette.Item:
    who = wording.person(call.lead) if call.lead else wording.phone(call.customer_number) or str(_("unknown caller"))
    detail = wording.short(call.created_at, timezone.now())
    return palette.Item(who, detail, "phone", reverse("call", args=[call.pk]))


def connect() -> None:
    palette.register(_("Calls"), calls)
