"""/presence/<kind>/<id>: a page says every few seconds that it is open and hears who else has it open."""

from __future__ import annotations

from typing import cast

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from crm import lookers
from crm.models import Agent


@login_required
@require_POST
def look(request: HttpRequest, kind: str, pk: int) -> HttpResponse:
    """Answer {"text": "Ana and Leo are looking at this"}, "" when nobody is; with `leave`, only note the going."""
    person = cast(Agent, request.user)
    may_see = lookers.KINDS.get(kind)
    if may_see is None or not may_see(person, pk):
        raise Http404
    about = f"{kind}:{pk}"
    if "leave" in request.POST:
        lookers.leave(about, person)
        return HttpResponse(status=204)
    return JsonResponse({"text": words(lookers.look(about, person))})


def words(others: list[Agent]) -> str:
    """Return one line about who else looks."""
    names = [other.get_short_name() for other in others]
    if not names:
        return ""
    if len(names) == 1:
        return _("%(name)s is looking at this") % {"name": names[0]}
    if len(names) == 2:
        return _("%(one)s and %(two)s are looking at this") % {"one": names[0], "two": names[1]}
    return _("%(one)s and %(n)s others are looking at this") % {"one": names[0], "n": len(names) - 1}
