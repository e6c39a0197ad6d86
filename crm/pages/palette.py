"""/palette: what the command palette finds, and a lead made from a phone number."""

from __future__ import annotations

from dataclasses import asdict
from typing import cast

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from crm import palette
from crm.leads import lead_for_caller
from crm.models import Agent
from crm.pages import said
from crm.phones import to_e164
from crm.rights import visible_leads


@login_required
@never_cache
@require_safe
def find(request: HttpRequest) -> HttpResponse:
    """Answer {"groups": [{"label", "items": [{"label", "detail", "icon", "href", "key", "is_post"}]}]}."""
    found = palette.find(cast(Agent, request.user), request.GET.get("q", ""))
    groups = [{"label": label, "items": [asdict(item) for item in items]} for label, items in found]
    return JsonResponse({"groups": groups})


@login_required
@require_POST
def lead(request: HttpRequest) -> HttpResponse:
    """Find or create the lead with this number and go there."""
    person = cast(Agent, request.user)
    number = to_e164(f"+{request.GET.get('phone', '')}")
    if number is None:
        return said.refused(request, _home(), _("This is no phone number."))
    found = lead_for_caller(phone=number, source="staff")
    if not visible_leads(person).filter(pk=found.pk).exists():
        return said.refused(request, _home(), _("This number cannot be added here. A manager can tell why."))
    return HttpResponseRedirect(reverse("lead", args=[found.pk]))


def _home() -> HttpResponse:
    return HttpResponseRedirect(reverse("dashboard"))
