"""Putting the first steps away, and taking them out again."""

from __future__ import annotations

from typing import cast

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from crm.models import Agent
from crm.pages import said


@login_required
@require_POST
def close(request: HttpRequest) -> HttpResponse:
    _keep(request, is_closed=True)
    answer = HttpResponseRedirect(reverse("dashboard"))
    return said.done(request, answer, _("The first steps are put away."), undo=reverse("first-steps-open"))


@login_required
@require_POST
def reopen(request: HttpRequest) -> HttpResponse:
    _keep(request, is_closed=False)
    return said.undone(request, HttpResponseRedirect(reverse("dashboard")))


def _keep(request: HttpRequest, *, is_closed: bool) -> None:
    person = cast(Agent, request.user)
    Agent.objects.filter(pk=person.pk).update(first_steps_closed_at=timezone.now() if is_closed else None)
