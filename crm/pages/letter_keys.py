"""Whether a letter alone is a shortcut, for whoever is signed in."""

from __future__ import annotations

from typing import cast

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from crm.models import Agent
from crm.pages.said import done

_STATES = {"on": True, "off": False}


@login_required
@require_POST
def choose(request: HttpRequest) -> HttpResponse:
    """Keep the choice with the person, and go back to where they were."""
    person, wanted = cast(Agent, request.user), request.POST.get("keys", "")
    if wanted not in _STATES:
        return HttpResponseBadRequest()
    person.has_letter_keys = _STATES[wanted]
    person.save(update_fields=["has_letter_keys"])
    # Not from the page: one that is come to with a secret in its address would show it.
    back = request.headers.get("Referer", "")
    is_ours = url_has_allowed_host_and_scheme(back, {request.get_host()}, request.is_secure())
    text = _("Letters are shortcuts again.") if person.has_letter_keys else _("Letters alone do nothing now.")
    return done(request, redirect(back if is_ours else "dashboard"), text)
